"""What a board pays: bytes of bytecode, and a heap of 120 KB with ten clients."""

import ast
import json
import socket
import subprocess
import threading

import pytest

import lanes
import mpy
import size
from server import free_port

# Runs the tutorial's app in a process of its own, talks to it, and tells which parts were loaded.
LOADED = """
import settings, socket, sys, time
settings.DELAY_MS = 1
settings.PORT = %d
import mungo
from apps import multi_threaded as app
mgr = mungo.Manager()
mgr.http_listen("http://127.0.0.1:%%d" %% settings.PORT, app.fn)
for request in (
    b"GET /fast HTTP/1.1\\r\\nHost: a\\r\\nConnection: keep-alive\\r\\n\\r\\n",
    b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    b"POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 3\\r\\n\\r\\nabc",
):
    s = socket.socket()
    s.connect(socket.getaddrinfo("127.0.0.1", settings.PORT)[0][-1])
    s.setblocking(False)
    s.write(request)
    answer = b""
    start = time.ticks_ms()
    while not answer.endswith((b"hi\\n", b"abc")):
        assert time.ticks_diff(time.ticks_ms(), start) < 10000
        mgr.poll(10)
        answer += s.read() or b""
    s.close()
mgr.poll(0)
print("loaded", " ".join(sorted(sys.modules)))
"""


def run(source, heap="2m"):
    mpy.build("lib")
    mpy.build("firmware")
    environment = {"MICROPYPATH": "build/mpy/lib:build/mpy/firmware:.frozen"}
    command = [lanes.micropython(), "-X", f"heapsize={heap}", "-c", source]
    result = subprocess.run(command, cwd=lanes.ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_all_that_the_tutorial_imports_is_at_most_33_kb():
    output = run(LOADED % free_port())
    names = next(line for line in output.splitlines() if line.startswith("loaded")).split()[1:]
    parts = [name for name in names if name.split(".")[0] == "mungo"]
    assert len(parts) >= 15, parts
    sizes = {}
    for name in parts:
        path = mpy.OUT / "lib" / name.replace(".", "/")
        path = path / "__init__.mpy" if path.is_dir() else path.with_suffix(".mpy")
        sizes[name] = path.stat().st_size
    twins = {name for name in sizes if name.endswith("_viper")}  # of a hot function, for one architecture
    total = sum(size for name, size in sizes.items() if name not in twins)
    print(json.dumps(sizes, indent=1), total)
    assert total <= 33920, f"{total} bytes: {sizes}"


# What a WebSocket loads, in a process that had HTTP alone before.
WEBSOCKET = """
import socket, sys, time
import mungo
mgr = mungo.Manager()
mgr.http_listen("http://127.0.0.1:%d", print)
print("http", " ".join(sorted(sys.modules)))
import mungo.ws
print("ws", " ".join(sorted(sys.modules)))
"""


def test_websockets_are_not_loaded_unless_used_and_their_client_not_for_servers():
    loaded = {line.split()[0]: line.split()[1:] for line in run(WEBSOCKET % free_port()).splitlines()}
    assert "mungo.http.server" in loaded["http"] and "mungo.ws" not in " ".join(loaded["http"])
    assert "mungo.ws.frames" in loaded["ws"] and "mungo.ws.client" not in loaded["ws"]


def test_a_websocket_server_is_at_most_6_kb():
    mpy.build("lib")
    sizes = {name: (mpy.OUT / "lib/mungo/ws" / f"{name}.mpy").stat().st_size for name in ("__init__", "frames", "handshake")}
    assert sizes["__init__"] + sizes["frames"] <= 5504, sizes
    assert sum(sizes.values()) <= 5952, sizes


def post(port, body, answers):
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        data = b""
        while not data.endswith(body):
            piece = sock.recv(4096)
            if not piece:
                break
            data += piece
        answers.append((body, data))


@pytest.mark.lanes("upy-120k")
def test_ten_clients_with_a_thread_each_fit_into_120_kb(serve):
    server = serve(app="multi_threaded", env={"DELAY_MS": "500"})
    for _ in range(3):
        answers = []
        clients = [threading.Thread(target=post, args=(server.port, b"body %d" % i, answers)) for i in range(10)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert len(answers) == 10
        for body, data in answers:
            assert data.startswith(b"HTTP/1.1 200 OK\r\n") and data.endswith(b"\r\n\r\n" + body), (body, data)
    assert "Traceback" not in server.output(), server.output()


# What is not used costs nothing: what each of these programs has loaded of the parts that are named behind it.
UNUSED = """
import sys
import mungo
def parts():
    return sorted(name for name in sys.modules if name.startswith("mungo."))
print(parts())
mgr = mungo.Manager()
mgr.http_listen("http://127.0.0.1:%d", None)
print(parts())
import mungo.http.files
print(parts())
"""


def test_parts_that_are_not_used_are_not_loaded():
    light, http, files = (ast.literal_eval(line) for line in run(UNUSED % free_port()).splitlines())
    assert light == []
    rare = "client files folder date form formdata match multipart upload wholefile".split()
    rare = {"mungo.http." + name for name in rare}
    assert "mungo.http.server" in http and not rare & set(http) and not {"mungo.sse", "mungo.app", "mungo.threads.pool"} & set(http), http
    assert "mungo.http.files" in files and not {"mungo.http.folder", "mungo.http.date"} & set(files), files


# What an App loads, without its routes, with each kind of them, and when it has answered.
ROUTES = """
import sys
import mungo
KINDS = ("mungo.threads.pool", "mungo.app.worker_routes", "mungo.app.body_streams", "mungo.app.relay", "mungo.fetch", "mungo.aio")
def parts():
    return sorted(name for name in KINDS if name in sys.modules)
app = mungo.App()
app.get("/")(lambda req: "hi")
mgr = mungo.Manager()
app.attach(mgr, "http://127.0.0.1:%d")
print(parts())
app.post("/stream", stream=True)(lambda req: "hi")
print(parts())
app.get("/worker", worker=True)(lambda req: "hi")
print(parts())
"""


def test_an_app_loads_what_a_kind_of_route_needs_when_the_first_is_added():
    plain, stream, worker = (ast.literal_eval(line) for line in run(ROUTES % free_port()).splitlines())
    assert plain == []
    assert stream == ["mungo.app.body_streams"]
    assert worker == ["mungo.app.body_streams", "mungo.app.relay", "mungo.app.worker_routes", "mungo.threads.pool"]


# A program with App alone, which a thread asks once; what is loaded then, and when a handler has made a pipe.
PLAIN = """
import _thread, socket, sys, time
import mungo
PORT = %d
app = mungo.App()
@app.get("/")
def index(req):
    print("loaded", " ".join(sys.modules))
    req.c.mgr.mkpipe(print).close()
    print("pipe", " ".join(sys.modules))
    req.c.mgr.stop()
    return "hi"
def ask():
    while True:
        s = socket.socket()
        try:
            s.connect(socket.getaddrinfo("127.0.0.1", PORT)[0][-1])
            break
        except OSError:
            s.close()
            time.sleep_ms(10)
    s.write(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
_thread.start_new_thread(ask, ())
app.run("127.0.0.1", PORT)
"""


def test_a_plain_app_loads_little():
    lines = [line.split() for line in run(PLAIN % free_port()).splitlines()]
    loaded, with_pipe = ({name for name in line[1:] if name.startswith("mungo")} for line in lines if line[0] in ("loaded", "pipe"))
    assert {name for name in loaded if name.startswith(("mungo.app.", "mungo.threads."))} == {
        *(f"mungo.app.{name}" for name in ("app", "readers", "request", "response", "routing", "serving")),
        "mungo.threads.wakeups",
    }
    rare = "chunked date form head header_lists json_reader json_writer stream".split()
    assert not loaded & {f"mungo.http.{name}" for name in rare}, loaded
    assert with_pipe - loaded == {"mungo.threads.pipe"}
    sizes = size.measure()
    total = sum(bytes for path, bytes in sizes.items() if size.module(path) in loaded and not path.endswith("_viper.py"))
    assert total <= 44544, total


# An import needs a descriptor and memory, which may be what is missing. Prints each answer's status, and what was imported meanwhile.
FAILURES = """
import socket, sys
import mungo
from mungo.app import abort
app = mungo.App()
app.get("/bug")(lambda req: {}["x"])
app.get("/abort")(lambda req: abort(403))
mgr = mungo.Manager()
app.attach(mgr, "http://127.0.0.1:%d")
s = socket.socket()
s.connect(socket.getaddrinfo("127.0.0.1", %d)[0][-1])
s.setblocking(False)
before = set(sys.modules)
for line in ("GET /nowhere", "GET /%%zz", "PUT /bug", "GET /bug", "GET /abort"):
    s.write(line.encode() + b" HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    answer = None
    while not answer:
        mgr.poll(10)
        answer = s.read(500)
    print("status", answer.split(b" ")[1].decode())
print("imported", sorted(name for name in sys.modules if name not in before))
"""


def test_an_app_imports_nothing_to_answer_an_error():
    port = free_port()
    lines = [line.split(" ", 1) for line in run(FAILURES % (port, port)).splitlines()]
    assert [text for word, text in lines if word == "status"] == ["404", "400", "405", "500", "403"], lines
    assert [text for word, text in lines if word == "imported"] == ["[]"], lines


def test_files_are_at_most_3_75_kb_and_events_1_25_kb():
    sizes = size.measure()
    files = sizes["lib/mungo/http/files.py"] + sizes["lib/mungo/http/folder.py"]
    assert files <= 3840 and files + sizes["lib/mungo/http/conditions.py"] <= 4864
    assert sizes["lib/mungo/sse.py"] <= 1280
