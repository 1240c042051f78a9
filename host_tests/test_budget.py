"""What a board pays: bytes of bytecode, and a heap of 72 KB with ten clients."""

import ast
import json
import socket
import subprocess
import threading

import pytest

import lanes
import mpy
import size

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


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_all_that_the_tutorial_imports_is_at_most_20_kb():
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
    assert total <= 20480, f"{total} bytes: {sizes}"


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


def test_a_websocket_server_is_at_most_4_kb():
    mpy.build("lib")
    sizes = {name: (mpy.OUT / "lib/mungo/ws" / f"{name}.mpy").stat().st_size for name in ("__init__", "frames")}
    assert sum(sizes.values()) <= 4096, sizes


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


@pytest.mark.lanes("upy-72k")
def test_ten_clients_with_a_thread_each_fit_into_72_kb(serve):
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
    rare = "chunked client date fields files folder form formdata head match multipart response stream upload wholefile".split()
    rare = {"mungo.http." + name for name in rare}
    assert "mungo.http.server" in http and not rare & set(http) and not {"mungo.sse", "mungo.app", "mungo.threads.pool"} & set(http), http
    assert "mungo.http.files" in files and not {"mungo.http.folder", "mungo.http.date"} & set(files), files


def test_files_are_at_most_3_5_kb_and_events_1_kb():
    sizes = size.measure()
    assert sizes["lib/mungo/http/files.py"] + sizes["lib/mungo/http/folder.py"] <= 3584
    assert sizes["lib/mungo/sse.py"] <= 1024
