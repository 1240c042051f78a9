"""README.md and the guide in docs/: their commands and programs run, their links lead somewhere, and they stay short."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import xml.etree.ElementTree

import pytest

import brokers
import certificates
import lanes
import prose as prose_tool
import server
from asking import ask, request
from guide import DOCS, PAGES, PERFORMANCE, README, ROOT, anchors, blocks, code_spans, prose, sentences, setting_names

DELAY_S = 0.8  # stands for the pages' two seconds
WAIT_S = 20


def environment(**settings):
    """The system's, without what an outer make or a developer has set for servers."""
    names = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "RUNTIME", *setting_names()}
    return {**{name: value for name, value in os.environ.items() if name not in names}, **settings}


def wait_for_port(proc, port):
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline and proc.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), WAIT_S):
            return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens; status {proc.poll()}")


# --- commands

# Commands that are only looked up in the Makefile: other tests run what they do, or they take minutes.
_TARGETS = "fleet|test|lint|check|bench|bench-page|docs|sim|flash|deploy|repl|device-test|board-report|clean-board|release|key|bundle"
LOOKED_UP = rf"make ({_TARGETS})( [A-Z]+=\S+)*"
ELSEWHERE = {"first-board": "test_newcomer.py"}  # runs the commands of that page


def make(command, *options):
    """The arguments of a `make ..` of a page. It never sets up the tools anew from inside a test."""
    return ["make", "-o", ".venv/.stamp", "-o", ".venv-docs/.stamp", *options, *command.split()[1:]]


@contextlib.contextmanager
def made(command, port, runtime):
    """A `make run ...` of a page, on this runtime unless it names one, with settings for the test; ended with all that it started."""
    settings = {"PORT": str(port), "DELAY_MS": str(int(DELAY_S * 1000))}
    settings["RUNTIME"] = {"upy": "micropython"}.get(runtime, runtime)
    proc = subprocess.Popen(make(command), cwd=ROOT, env=environment(**settings), start_new_session=True)
    try:
        wait_for_port(proc, port)
        yield
    finally:
        os.killpg(proc.pid, signal.SIGKILL)
        proc.wait()


def check_curl(line, port, shown):
    """Run a line of curl. It must print what its comment or the next block says, and when it says."""
    command, _, said = line.partition("  # ")
    expected, _, when = said.strip().rpartition(", ")
    shell = ["bash", "-c", command.replace("localhost:8000", f"localhost:{port}")]
    start = time.monotonic()
    done = subprocess.run(shell, stdout=subprocess.PIPE, text=True, timeout=WAIT_S, env=environment())
    took = time.monotonic() - start
    expected = shown if not said else expected + "\n" if not done.stdout.endswith("}") else expected
    assert re.sub(r"[\d.]+ s\n", "0 s\n", done.stdout) == re.sub(r"[\d.]+ s\n", "0 s\n", expected), command
    for seconds in re.findall(r"([\d.]+) s\n", done.stdout):
        assert float(seconds) < 0.3, done.stdout  # answered while the others wait
    assert when in ("", "at once", "after two seconds"), line
    if when == "at once":
        assert took < DELAY_S * 0.75
    else:
        assert DELAY_S <= took < DELAY_S * 1.9, "one after the other?"


def check_first(line, program, folder):
    """Run a line that starts the file first.py, which has the page's first program."""
    port = server.free_port()
    (folder / "first.py").write_text(program.replace("port=8000", f"port={port}"))
    command = line.replace("first.py", str(folder / "first.py"))
    proc = subprocess.Popen(["bash", "-c", "exec env " + command], cwd=ROOT, env=environment())
    try:
        wait_for_port(proc, port)
        assert ask(port, "/fast") == (200, b"hi\n")
    finally:
        proc.kill()
        proc.wait()


# Each `make run` serves the lines of curl up to the next one.
@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@pytest.mark.parametrize("name", [name for name in PAGES if name not in ELSEWHERE and blocks(PAGES[name], "sh")])
def test_commands_do_what_the_page_says(name, runtime, tmp_path):
    found = blocks(PAGES[name])
    with contextlib.ExitStack() as running:
        port = None
        for block, after in zip(found, [*found[1:], None]):
            for line in block.text.splitlines() if block.kind == "sh" else ():
                if line.startswith("make run"):
                    running.close()
                    port = server.free_port()
                    running.enter_context(made(line, port, runtime))
                    app = re.findall(r"APP=(\w+)", line)
                    assert app not in ([], ["hello"]) or ask(port, "/fast") == (200, b"hi\n"), line
                    assert app or ask(port, "/", b"work") == (200, b"work"), line
                elif line.startswith(("curl ", "for ")):
                    check_curl(line, port, after.text if after and after.kind == "text" else None)
                elif line.endswith(" first.py"):
                    check_first(line, blocks(PAGES[name], "python")[0].text, tmp_path)
                elif line in ("make size", "make mpy"):
                    if runtime == "upy":
                        subprocess.run(make(line), cwd=ROOT, env=environment(), check=True, stdout=subprocess.DEVNULL)
                else:
                    assert re.fullmatch(LOOKED_UP, line), f"no test runs this: {line}"
                    look_up(line)


def look_up(command):
    done = subprocess.run(make(command, "-n"), cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", PAGES)
def test_commands_in_the_prose_exist(name):
    for span in sorted(set(code_spans(prose(PAGES[name])))):
        if re.match(r"make( |$)", span):
            look_up(span)


# --- programs


class Program:
    """A Python block of a page, running, on a port of its own."""

    def __init__(self, block, lane, folder, port=None, broker=None):
        self.port = port or server.free_port()
        path = folder / "program.py"
        text = re.sub(r"(?<=:)8000|(?<=port=)8000|(?<=, )8000", str(self.port), block.text)
        self.broker = broker
        if broker:
            text = text.replace("mqtt://127.0.0.1:1883", broker.url)
        for name in ("cert.pem", "key.pem") if "device.local" in text else ():
            made = certificates.path({"cert.pem": "server.pem", "key.pem": "server.key"}[name])
            text = text.replace(f"device.local.{name}", made)
        text = text.replace('Dash("Greenhouse", app)', f'Dash("Greenhouse", app, folder={str(folder / "dash")!r})')
        path.write_text(text.replace('"uploads"', repr(str(folder))).replace('"www"', repr(str(ROOT / "firmware/apps/files/www"))))
        self.folder = folder
        command, env = lanes.script_command(lane, str(path))
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.proc = subprocess.Popen(command, cwd=ROOT, env=env, text=True, **pipes)

    def output(self):
        return self.proc.communicate(timeout=WAIT_S)[0]


@pytest.fixture
def program(request, runtime, tmp_path):
    started = []

    def start(block, port=None, broker=None):
        started.append(Program(block, lanes.LANES[runtime], tmp_path, port, broker))
        return started[-1]

    yield start
    for one in started:
        one.proc.kill()
        one.proc.communicate()


def check_http(one):
    wait_for_port(one.proc, one.port)
    assert ask(one.port, "/hello/you") == (200, b"hello, you\n")
    assert ask(one.port, "/bye")[0] == 404


# More than sockets and limits hold, to a peer that reads late: the echo must pause, and lose nothing.
def check_tcp_echo(one):
    wait_for_port(one.proc, one.port)
    data = bytes(range(256)) * 40000
    with socket.create_connection(("127.0.0.1", one.port), WAIT_S) as sock:
        writer = threading.Thread(target=sock.sendall, args=(data,))
        writer.start()
        time.sleep(0.3)
        got = bytearray()
        while len(got) < len(data):
            piece = sock.recv(1 << 20)
            assert piece, f"closed after {len(got)} bytes"
            got += piece
        writer.join()
    assert got == data


def check_udp(one):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", one.port))
        sock.settimeout(0.1)
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):  # not up yet
                sock.send(b"abc")
                assert sock.recv(100) == b"ABC"
                return
            time.sleep(0.02)
    raise AssertionError("no answer")


def check_wakeup(one):
    wait_for_port(one.proc, one.port)
    start = time.monotonic()
    assert ask(one.port) == (200, b"awake\n")
    assert time.monotonic() - start >= 0.2


def check_demo(one):
    wait_for_port(one.proc, one.port)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        slow = [pool.submit(ask, one.port, "/slow") for _ in range(2)]
        fast = 0
        while not all(answer.done() for answer in slow):
            assert ask(one.port, "/fast") == (200, b"hi\n")
            fast += 1
        assert [answer.result() for answer in slow] == [(200, b"hi, at last\n")] * 2
    assert fast > 20, fast


# mosquitto keeps no message for a client that has not subscribed yet.
def check_valve(one):
    with one.broker.subscriber("greenhouse/#") as lines:
        one.broker.wait_log("Sending SUBACK to greenhouse-7")
        one.broker.publish("greenhouse/7/valve/left/set", "30", qos=1)
        lines.wait_for(lambda lines: "greenhouse/7/valve/left 30" in lines)


def check_lamp(one):
    with one.broker.subscriber("lamp") as lines:
        one.broker.wait_log("Sending SUBACK to lamp")
        one.broker.publish("lamp/set", "true")
        lines.wait_for(lambda lines: 'lamp {"is_on": true}' in lines)
    wait_for_port(one.proc, one.port)
    assert json.loads(ask(one.port, "/lamp")[1]) == {"is_on": True}


def check_counter(one):
    with one.broker.subscriber("counter/#") as lines:
        one.broker.wait_log("Sending SUBACK to counter")
        one.broker.publish("counter/ask", "how many")
        lines.wait_for(lambda lines: "counter/answer how many" in lines and any(line.startswith("counter ") for line in lines))


def check_lamps(one):
    with one.broker.subscriber("lamp/+") as lines:
        one.broker.wait_log("Sending SUBACK to lamps")
        one.broker.publish("lamp/hall/set", "on", qos=1)
        lines.wait_for(lambda lines: "lamp/hall on" in lines)


JSON = {"Content_Type": "application/json"}


def check_routes(one):
    wait_for_port(one.proc, one.port)
    assert json.loads(ask(one.port, "/items/5?q=a")[1]) == {"id": 5, "q": "a"}
    status, fields, body = request(one, "/items", "POST", b'{"a": 1}', **JSON)
    assert (status, fields["Location"], json.loads(body)) == (201, "/items/7", {"added": {"a": 1}})
    assert request(one, "/items", "POST", b'{"a": 1', **JSON)[0] == 400
    status, fields, body = request(one, "/count")
    assert (fields["Transfer-Encoding"], body) == ("chunked", b"0\n1\n2\n")
    assert request(one, "/files/a/b.txt", "PUT", b"x" * 300000)[2] == b"a/b.txt: 300000 bytes\n"
    assert json.loads(ask(one.port, "/sensor")[1]) == {"celsius": 21.5}
    assert json.loads(ask(one.port, "/stats")[1])["stats"]["workers"]["done"] == 1
    assert ask(one.port, "/items/x")[0] == 404
    assert request(one, "/sensor", "DELETE")[1]["Allow"] == "GET, HEAD, OPTIONS"


def check_hooks(one):
    wait_for_port(one.proc, one.port)
    assert request(one, "/api/items", "POST", b'{"name": "x"}', **JSON)[2] == b"item x\n"
    status, fields, body = request(one, "/api/items", "POST", b"{}", **JSON)
    assert (status, fields["X-URL"], body) == (400, "/api/items", b"missing: name\n")
    for target, status in (("/%0a", 404), ("/%zz", 400)):  # what its hook adds can be sent whatever the target is
        assert request(one, target)[0] == status and request(one, target)[1]["X-URL"] == target
    assert ask(one.port, "/api/items", b"x") == (415, b"JSON, please\n")
    status, _, body = request(one, "/nowhere")
    assert (status, json.loads(body)) == (404, {"error": "no /nowhere"})
    assert request(one, "/old")[1]["Location"] == "/api/items"


def check_who(one):
    wait_for_port(one.proc, one.port)
    status, fields, body = request(one, "/who", Origin="https://a.example")
    assert (status, body, fields["WWW-Authenticate"]) == (401, b"Unauthorized\n", 'Session realm="mungo"')
    assert fields["Access-Control-Allow-Origin"] == "https://a.example"
    status, fields, _ = request(one, "/login/")
    assert (status, fields["WWW-Authenticate"]) == (401, 'Basic realm="the greenhouse", charset="UTF-8"')
    status, fields, body = request(one, "/login/", Authorization="Basic YW5uYTpzM2NyZXQ=", Origin="https://a.example")
    assert (status, body, fields["Access-Control-Allow-Origin"]) == (200, b"welcome, anna\n", "https://a.example")
    cookie = fields["Set-Cookie"].partition(";")[0]
    assert request(one, "/who", Cookie=cookie)[::2] == (200, b"anna\n")
    assert request(one, "/who", Cookie=cookie + "x")[0] == 401
    asked = {"Origin": "https://a.example", "Access_Control_Request_Method": "GET"}
    assert request(one, "/login/", "OPTIONS", **asked)[1]["Access-Control-Allow-Credentials"] == "true"


def check_uploads(one):
    wait_for_port(one.proc, one.port)
    command = ["curl", "-s", "-F", "name=x", "-F", f"file=@{ROOT / 'LICENSE'}", f"http://127.0.0.1:{one.port}/upload"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=WAIT_S).stdout)
    license = (ROOT / "LICENSE").read_bytes()
    assert found == {"fields": {"name": "x"}, "files": [["LICENSE", len(license)]]}
    assert (one.folder / "LICENSE").read_bytes() == license


def check_files(one):
    wait_for_port(one.proc, one.port)
    page = (ROOT / "firmware/apps/files/www/index.html").read_bytes()
    status, fields, body = request(one, "/")
    assert (status, fields["Cache-Control"], body) == (200, "no-cache", page)
    assert request(one, "/index.html", If_None_Match=fields["ETag"])[0] == 304
    assert request(one, "/", Range="bytes=1-4")[::2] == (206, page[1:5])
    assert ask(one.port, "/%2e%2e/settings.py")[0] == 404


def check_events(one):
    wait_for_port(one.proc, one.port)
    with socket.create_connection(("127.0.0.1", one.port), WAIT_S) as sock:
        sock.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 1\r\n\r\n")
        got = b""
        while b"welcome back" not in got:
            got += sock.recv(1000)
        assert b"\r\nContent-Type: text/event-stream" in got
        assert ask(one.port, "/tell", b"rain")[0] == 204
        while b"rain\n\n\r\n" not in got:
            got += sock.recv(1000)
        chunk = got.split(b"\r\n")[-2]
        assert set(chunk.split(b"\n")) == {b"event: news", b"id: 2", b"data: rain", b""}, got


def check_websockets(one):
    wait_for_port(one.proc, one.port)
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{one.port}/") as peer:
        for message in ("caf\u00e9", b"\x00\xff"):
            peer.send(message)
            assert peer.recv(WAIT_S) == message


def check_dashboard(one):
    wait_for_port(one.proc, one.port)
    assert json.loads(ask(one.port, "/api/values/lamp")[1]) == {"value": False}
    assert request(one, "/api/values/threshold", "PUT", b'{"value": 55}', **JSON)[2] == b'{"value": 55}'
    assert json.loads((one.folder / "dash" / "settings.json").read_text()) == {"threshold": 55}
    assert request(one, "/api/actions/water_now", "POST")[0] == 202
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{one.port}/api/live") as peer:
        text = ""
        while '"done"' not in text or "41.5" not in text:
            text += peer.recv(WAIT_S)
    assert request(one, "/", **{"Accept-Encoding": "gzip"})[0] == 200


def check_asyncio(one):
    wait_for_port(one.proc, one.port)
    first = int(ask(one.port, "/ticks")[1])
    deadline = time.monotonic() + WAIT_S
    while int(ask(one.port, "/ticks")[1]) < first + 10:
        assert time.monotonic() < deadline
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{one.port}/echo") as peer:
        peer.send("caf\u00e9")
        assert peer.recv(WAIT_S) == "caf\u00e9"
    with socket.create_connection(("127.0.0.1", one.port), WAIT_S) as sock:
        sock.sendall(b"GET /clock HTTP/1.1\r\nHost: a\r\n\r\n")
        got = b""
        while got.count(b"data: {") < 2:
            got += sock.recv(1000)


def check_put(one):
    wait_for_port(one.proc, one.port)
    half = {"Content_Range": "bytes 0-4/8"}
    assert json.loads(request(one, "/files/a.txt", "PUT", b"abcde", **half)[2]) == {"whole": False, "bytes": 5}
    assert request(one, "/files/a.txt", "PUT", b"x", Content_Range="bytes 7-7/8")[0] == 409
    status, _, body = request(one, "/files/a.txt", "PUT", b"fgh", Content_Range="bytes 5-7/8")
    assert (status, json.loads(body)) == (201, {"whole": True, "bytes": 8})
    assert (one.folder / "a.txt").read_bytes() == b"abcdefgh"


def check_event_route(one):
    wait_for_port(one.proc, one.port)
    with socket.create_connection(("127.0.0.1", one.port), WAIT_S) as sock:
        sock.sendall(b"GET /count HTTP/1.1\r\nHost: a\r\n\r\n")
        got = b""
        while b"data: 2\n" not in got:
            got += sock.recv(1000)
        assert re.findall(rb"data: (\d)\n", got) == [b"0", b"1", b"2"]


def check_chat(one):
    wait_for_port(one.proc, one.port)
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{one.port}/chat") as anna, connect(f"ws://127.0.0.1:{one.port}/chat") as ben:
        anna.send("hello, all")
        assert anna.recv(WAIT_S) == ben.recv(WAIT_S) == "hello, all"


# The time server, an hour ahead.
def check_time(one):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", one.port))
        sock.settimeout(WAIT_S)
        while True:
            data, peer = sock.recvfrom(100)
            now = struct.pack("!Q", (time.time_ns() + 3600 * 10**9 + 2208988800 * 10**9) * 2**32 // 10**9)
            sock.sendto(b"\x24\2" + bytes(22) + data[40:] + now + now, peer)
            if select.select([one.proc.stdout], [], [], 0.5)[0]:
                break
    host, _, text = one.proc.stdout.readline().partition(": ")
    assert host == f"127.0.0.1:{one.port}" and text in ("this clock was 3600 s behind\n", "this clock was 3599 s behind\n")


def check_tls(one):
    wait_for_port(one.proc, one.port)
    trust = ssl.create_default_context(cafile=certificates.path("ca.pem"))
    peer = http.client.HTTPSConnection("localhost", one.port, timeout=WAIT_S, context=trust)
    peer.request("GET", "/")
    assert peer.getresponse().read() == b"over https\n"
    peer.close()


def check_updates(one):
    wait_for_port(one.proc, one.port)
    assert ask(one.port, "/api/update") == (401, b"the password, please\n")
    status, _, body = request(one, "/api/update", X_Password="change me")
    assert status == 200 and json.loads(body)["board"] == ""
    status, _, body = request(one, "/api/update", "POST", b"x", X_Password="change me")
    assert status == 409 and "no key" in json.loads(body)["error"]
    assert ask(one.port, "/fast") == (200, b"hi\n")


SERVERS = {
    "README: A program": check_demo,
    "app: Routes and answers": check_routes,
    "app: Hooks and errors": check_hooks,
    "app: Credentials, cookies and CORS": check_who,
    "asyncio: Beside asyncio": check_asyncio,
    "dash: Ten lines": check_dashboard,
    "events: An HTTP handler": check_http,
    "events: A TCP echo": check_tcp_echo,
    "events: UDP": check_udp,
    "files: Uploads": check_uploads,
    "files: Files": check_files,
    "files: One file, resumable": check_put,
    "getting-started: The program": check_demo,
    "websocket-sse: Server-sent events": check_events,
    "websocket-sse: A route of events": check_event_route,
    "websocket-sse: WebSockets": check_websockets,
    "websocket-sse: A route of WebSockets": check_chat,
    "mqtt: MQTT": check_valve,
    "mqtt: Beside an App": check_lamp,
    "mqtt: In asyncio, and by events": check_counter,
    "mqtt-events: MQTT by events": check_lamps,
    "names-tls: TLS": check_tls,
    "time-mdns: The time from the network": check_time,
    "updates: The program": check_updates,
    "workers: wakeup": check_wakeup,
}
QUOTES = {"tutorial", "fleet"}  # pieces of an app, see test_readme.py; two programs that need each other, see test_fleet.py
PROGRAMS = {f"{name}: {block.heading}": block for name in PAGES if name not in QUOTES for block in blocks(PAGES[name], "python")}


@contextlib.contextmanager
def answering(port):
    """A server that answers any request by "hi", for programs that only ask."""
    import http.server

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"hi\n")

        def log_message(self, *args):
            """Be silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield
        httpd.shutdown()
        thread.join()


# A program either serves, and is asked here, or prints what its page shows and ends.
@pytest.mark.lanes("cpython", "upy", "upy-224k")
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_run(name, program, runtime, tmp_path):
    page, _, heading = name.partition(": ")
    if runtime == "upy-224k" and page == "dash":
        pytest.skip("a dashboard with an open page needs 320 KB on a 64-bit host")
    shown = [block.text for block in blocks(PAGES[page], "text") if block.heading == heading]
    if name == "client: In a script":
        port = server.free_port()
        with answering(port):
            one = program(PROGRAMS[name], port)
            assert one.output() == shown[0]
        return
    if page in ("mqtt", "mqtt-events"):
        with brokers.Mosquitto(tmp_path) as broker:
            one = program(PROGRAMS[name], broker=broker)
            SERVERS[name](one)
            assert one.proc.poll() is None
        return
    one = program(PROGRAMS[name])
    if name in SERVERS:
        SERVERS[name](one)
        assert one.proc.poll() is None
    else:
        assert one.output() == shown[0]
        assert one.proc.returncode == 0


def test_each_server_program_has_a_check():
    assert set(SERVERS) <= set(PROGRAMS)
    assert len(PROGRAMS) == sum(len(blocks(PAGES[name], "python")) for name in PAGES if name not in QUOTES)


@pytest.mark.lanes("upy-112k")
def test_eight_slow_requests_fit_in_112_kb(serve):
    assert "With a heap of 112 KB the tutorial's eight slow requests" in PERFORMANCE.read_text()
    one = serve(env={"DELAY_MS": 500})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask, one.port, "/", b"work %d" % i) for i in range(8)]
        assert [answer.result() for answer in answers] == [(200, b"work %d" % i) for i in range(8)]
    assert ask(one.port, "/fast") == (200, b"hi\n")
    assert one.output().count("\n") == 1, one.output()


# --- links, pictures, words

# Pages that link, but have no programs.
OTHERS = {path.name: path for path in sorted([*ROOT.glob("*.md"), ROOT / "boards/README.md"]) if path != README}


@pytest.mark.parametrize("name", [*PAGES, *OTHERS])
def test_links_lead_somewhere(name):
    path = PAGES.get(name) or OTHERS[name]
    for target in re.findall(r"\]\(([^)]+)\)", prose(path)):
        if not target.startswith("https://"):
            file, _, anchor = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            assert there.is_relative_to(ROOT) and there.exists(), target
            assert not anchor or anchor in anchors(there), target


def test_every_page_is_in_the_index():
    linked = set(re.findall(r"\]\(([\w-]+)\.md\)", (DOCS / "index.md").read_text()))
    assert linked == set(PAGES) - {"README", "index"}


PICTURES = sorted(DOCS.glob("*.svg"))


def test_every_picture_is_shown():
    shown = {
        (path.parent / target).resolve() for path in PAGES.values() for target in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", path.read_text())
    }
    assert {path.resolve() for path in (*PICTURES, *DOCS.glob("*.png"))} == shown


# Legible on any page: a background of its own, and nothing from elsewhere.
@pytest.mark.parametrize("path", PICTURES, ids=[path.name for path in PICTURES])
def test_pictures(path):
    svg = "{http://www.w3.org/2000/svg}"
    root = xml.etree.ElementTree.parse(path).getroot()
    left, top, width, height = root.get("viewBox").split()
    shapes = [node for node in root.iter() if node.tag in (svg + "rect", svg + "path", svg + "text", svg + "circle")]
    first = shapes[0]
    assert (left, top) == ("0", "0") and first.tag == svg + "rect"
    assert (first.get("width"), first.get("height")) == (width, height)
    assert root.get("font-family").endswith("sans-serif")
    assert not re.search(r"href|@import|@font-face|url\((?!#)|<script|<image", path.read_text())
    assert root.find(svg + "title").text and root.find(svg + "desc").text
    assert any(path.name in page.read_text() for page in PAGES.values())


@pytest.mark.parametrize("name", [*PAGES, *OTHERS])
def test_no_paths_of_a_machine(name):
    text = (PAGES.get(name) or OTHERS[name]).read_text()
    assert not re.findall(r"(?<![\w.])/(?:root|home|Users|tmp|work|opt|mnt|var|usr)/", text)
    found = set(re.findall(r"\b(?:\d{1,3}\.){3}\d{1,3}\b", text))
    assert found <= {"127.0.0.1", "0.0.0.0", "10.0.0.7", "192.168.1.50", "192.168.4.1"}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_stays_short(name):
    lines = PAGES[name].read_text().splitlines()
    assert len(lines) <= (200 if name == "README" else 300)


def test_the_readme_has_short_sentences():
    found = list(sentences(README))
    assert len(found) > 60 and max(len(sentence.split()) for sentence in found) > 15  # they are told apart
    assert [sentence for sentence in found if len(sentence.split()) > 30] == []


def test_the_prose_checker_finds_what_is_wrong_and_skips_code():
    text = "A text that is very unique.\n\n```python\nvery_unique = 1  # very unique\n```\n\nThe `very unique` name.\n"
    path = ROOT / "build" / "prose-test.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    found = prose_tool.findings([path])
    assert {line.split(":")[1] for line in found} == {"1"}, found
    assert {page for page, _ in prose_tool.EXCEPTIONS} <= {one.relative_to(ROOT).as_posix() for one in prose_tool.pages()}
