"""What the READMEs say is so: their commands and programs run, their tables equal the code, their links lead somewhere."""

import ast
import concurrent.futures
import contextlib
import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

import pytest

import lanes
import server
import size
from asking import ask, request

ROOT = lanes.ROOT
README = ROOT / "README.md"
APP = ROOT / "firmware" / "apps" / "multi_threaded"
READMES = {"project": README, "app": APP / "README.md"}
SOURCE = (APP / "__init__.py").read_text()
DELAY_S = 0.8  # stands for the READMEs' two seconds
WAIT_S = 20


class Block:
    """A fenced block: its language, its text, and the heading that it stands under."""

    def __init__(self, kind, text, heading):
        self.kind = kind
        self.text = text
        self.heading = heading


def blocks(path, kind=None):
    heading = ""
    found = []
    for title, language, text in re.findall(r"^(#+ [^\n]*)$|^```(\w*)\n(.*?)^```$", path.read_text(), re.M | re.S):
        if title:
            heading = title.lstrip("# ")
        else:
            found.append(Block(language, text, heading))
    return [block for block in found if kind is None or block.kind == kind]


def prose(path):
    return re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)


def table(path, name):
    """The rows of the table between <!-- name:begin --> and <!-- name:end -->, each a list of cells; the first is the head."""
    part = path.read_text().partition(f"<!-- {name}:begin -->\n")[2].partition(f"<!-- {name}:end -->")[0]
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in part.strip().splitlines()]
    assert len(rows) > 2, f"no table {name}"
    assert {len(row) for row in rows} == {len(rows[0])}, rows
    return [rows[0], *rows[2:]]


def code_spans(text):
    return re.findall(r"`([^`]+)`", text)


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


@contextlib.contextmanager
def made(command, port):
    """A `make run ...` of a README, with settings for the test; ended with all that it started."""
    settings = {"PORT": str(port), "DELAY_MS": str(int(DELAY_S * 1000))}
    proc = subprocess.Popen(command.split(), cwd=ROOT, env=environment(**settings), start_new_session=True)
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


# Each `make run` serves the lines of curl up to the next one; what would run the tests or take minutes is only looked up.
@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@pytest.mark.parametrize("name", READMES)
def test_commands_do_what_the_readme_says(name):
    found = blocks(READMES[name])
    with contextlib.ExitStack() as running:
        port = None
        for block, after in zip(found, [*found[1:], None]):
            for line in block.text.splitlines() if block.kind == "sh" else ():
                if line.startswith("make run"):
                    running.close()
                    port = server.free_port()
                    running.enter_context(made(line, port))
                    assert ask(port, "/fast") == (200, b"hi\n"), line
                    assert "APP=" in line or ask(port, "/", b"work") == (200, b"work"), line
                elif line.startswith(("curl ", "for ")):
                    check_curl(line, port, after.text if after and after.kind == "text" else None)
                elif line in ("make size", "make mpy"):
                    subprocess.run(line.split(), cwd=ROOT, env=environment(), check=True, stdout=subprocess.DEVNULL)
                else:
                    assert line in ("make test", "make bench", "make bench-readme"), f"no test runs this: {line}"
                    look_up(line)


def look_up(command):
    make, *args = command.split()
    done = subprocess.run([make, "-n", *args], cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", READMES)
def test_commands_in_the_prose_exist(name):
    for span in code_spans(prose(READMES[name])):
        if re.match(r"make( |$)", span):
            look_up(span)


# --- programs


class Program:
    """A Python block of README.md, running, on a port of its own."""

    def __init__(self, block, lane, folder):
        self.port = server.free_port()
        path = folder / "program.py"
        text = re.sub(r"(?<=:)8000|(?<=port=)8000", str(self.port), block.text)
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

    def start(block):
        started.append(Program(block, lanes.LANES[runtime], tmp_path))
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


def check_asyncio(one):
    wait_for_port(one.proc, one.port)
    first = int(ask(one.port, "/ticks")[1])
    deadline = time.monotonic() + WAIT_S
    while int(ask(one.port, "/ticks")[1]) < first + 10:
        assert time.monotonic() < deadline


SERVERS = {
    "Routes and answers": check_routes,
    "Hooks and errors": check_hooks,
    "Credentials, cookies and CORS": check_who,
    "Uploads": check_uploads,
    "Files": check_files,
    "Server-sent events": check_events,
    "WebSockets": check_websockets,
    "Beside asyncio": check_asyncio,
    "The demo": check_demo,
    "An HTTP handler": check_http,
    "A TCP echo": check_tcp_echo,
    "UDP": check_udp,
    "wakeup": check_wakeup,
}
PROGRAMS = {block.heading: block for block in blocks(README, "python")}


# A program either serves, and is asked here, or prints what the README shows and ends.
@pytest.mark.lanes("cpython", "upy", "upy-224k")
@pytest.mark.parametrize("heading", PROGRAMS)
def test_programs_run(heading, program):
    shown = [block.text for block in blocks(README, "text") if block.heading == heading]
    one = program(PROGRAMS[heading])
    if heading in SERVERS:
        SERVERS[heading](one)
        assert one.proc.poll() is None
    else:
        assert one.output() == shown[0]
        assert one.proc.returncode == 0


def test_each_server_program_has_a_check():
    assert set(SERVERS) <= set(PROGRAMS)
    assert len(PROGRAMS) == len(blocks(README, "python"))


@pytest.mark.lanes("upy-100k")
def test_eight_slow_requests_fit_in_100_kb(serve):
    assert "With a heap of 100 KB the demo's eight slow requests" in README.read_text()
    one = serve(env={"DELAY_MS": 500})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask, one.port, "/", b"work %d" % i) for i in range(8)]
        assert [answer.result() for answer in answers] == [(200, b"work %d" % i) for i in range(8)]
    assert ask(one.port, "/fast") == (200, b"hi\n")
    assert one.output().count("\n") == 1, one.output()


# --- the app's README


def test_quoted_snippets_stand_in_the_app():
    quoted = blocks(APP / "README.md", "python")
    for block in quoted:
        assert "\n" + block.text in "\n" + SOURCE, block.text
    for node in ast.parse(SOURCE).body:
        if isinstance(node, ast.FunctionDef):
            assert any(f"def {node.name}(" in block.text for block in quoted), f"{node.name} is not in the README"


# The figures of the comparison that this machine can tell.
LOSS = """
import _thread, sys, time
import mungo

N = 600
got = []

def worker(sock):
    for i in range(N):
        sock.send(b"%d" % i)
    sock.close()

def pcb(c, ev, data, fn_data):
    if ev == mungo.EV_READ:
        got.append(int(data))

longest = []
mgr = mungo.Manager()
_thread.start_new_thread(worker, (mgr.mkpipe(pcb, None, udp=sys.argv[1] == "udp"),))
time.sleep_ms(500)  # the loop is busy
start = time.ticks_ms()
while len(got) < N and time.ticks_diff(time.ticks_ms(), start) < 500:
    mgr.poll(100)
sock = mgr.mkpipe(None, None, udp=sys.argv[1] == "udp")
for n in 65507, 65508:
    try:
        longest.append(sock.send(bytes(n)))
    except OSError as er:
        longest.append(er.errno)
    mgr.poll(0)
print(len(got), got == list(range(len(got))), longest)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the README gives Linux's figures")
@pytest.mark.lanes("upy")
@pytest.mark.parametrize("pipe", ["udp", "default"])
def test_what_the_two_pipes_promise(pipe, runtime, tmp_path):
    path = tmp_path / "loss.py"
    path.write_text(LOSS)
    done = lanes.run_script(runtime, path, pipe, timeout=WAIT_S)
    if pipe == "default":
        assert done.stdout == "600 True [65507, 65508]\n", done.stderr
    else:
        got = int(done.stdout.split()[0])
        assert 200 < got < 400 and done.stdout == f"{got} True [65507, 90]\n", done.stdout + done.stderr


# Checks names and, on CPython, how they are called, on objects as handlers get them.
NAMES = """
import _thread, json, socket, sys, time
import mungo

wanted = json.load(open(sys.argv[2]))

def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        sock = mgr.mkpipe(None)
        timer = mgr.timer(60000, print)
        roots = {"mungo": mungo, "mgr": mgr, "c": c, "hm": hm, "sock": sock, "timer": timer, "time": time, "_thread": _thread}
        for name, args, keywords in wanted:
            check(roots, name, args, keywords)
        sock.close()
        c.http_reply(200, {}, "")
        mgr.stop()

def check(roots, name, args, keywords):
    parts = name.split(".")
    found = roots[parts[0]]
    for part in parts[1:]:
        if not hasattr(found, part):
            print("there is no", name)
            return
        found = getattr(found, part)
    if args is not None and sys.implementation.name == "cpython" and parts[0] not in ("time", "_thread"):
        import inspect
        try:
            inspect.signature(found).bind(*[None] * args, **dict.fromkeys(keywords))
        except TypeError as er:
            print(name, er)

mgr = mungo.Manager()
mgr.http_listen("http://127.0.0.1:" + sys.argv[1], fn)
client = socket.socket()
client.connect(socket.getaddrinfo("127.0.0.1", int(sys.argv[1]))[0][-1])
client.send(b"GET / HTTP/1.0\\r\\n\\r\\n")
while mgr.poll(1000):
    pass
print("checked", len(wanted), json.dumps(sorted(mgr.stats)))
"""
ROOTS = ("mungo", "mgr", "c", "hm", "sock", "timer", "time", "_thread")


def names_in(span):
    """Each dotted name of the span that begins with a known object: (name, positional arguments or None, keywords)."""
    if span.startswith("def "):
        span += ": pass"
    called = {}
    for node in ast.walk(ast.parse(span)):
        if isinstance(node, ast.Call):
            called[node.func] = [len(node.args), [keyword.arg for keyword in node.keywords]]
    inner = {node.value for node in ast.walk(ast.parse(span)) if isinstance(node, ast.Attribute)}
    for node in [*called, *(n for n in ast.walk(ast.parse(span)) if isinstance(n, ast.Attribute) and n not in inner)]:
        name = ast.unparse(node)
        if re.fullmatch(r"\w+(\.\w+)+", name) and name.split(".")[0] in ROOTS:
            yield [name, *called.get(node, [None, []])]


def check_names(runtime, tmp_path, wanted):
    """Check the names in this lane, and return the counters of mgr.stats."""
    path = tmp_path / "names.py"
    path.write_text(NAMES)
    (tmp_path / "wanted.json").write_text(json.dumps(wanted))  # too long for an argument
    done = lanes.run_script(runtime, path, server.free_port(), tmp_path / "wanted.json", timeout=WAIT_S)
    assert done.stdout.startswith(f"checked {len(wanted)} "), done.stdout + done.stderr
    return json.loads(done.stdout.partition("[")[1] + done.stdout.partition("[")[2])


def test_names_in_python_exist(runtime, tmp_path):
    wanted = []
    for cells in table(APP / "README.md", "names")[1:]:
        c_name, here = cells
        assert code_spans(c_name) and (code_spans(here) or re.match("not |nothing ", here)), cells
        for span in code_spans(here):
            with contextlib.suppress(SyntaxError):
                wanted += names_in(span)
    assert len(wanted) > 60, wanted
    check_names(runtime, tmp_path, wanted)


# --- tables of README.md


def port_limits(port):
    """{name: its numbers} of a port: two if the value depends on the heap; "heap / 4" if that is what it is."""
    tree = ast.parse((ROOT / f"lib/mungo/port/{port}.py").read_text())
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Limits")
    found = {}
    for node in body:
        if isinstance(node, ast.Assign):
            value = node.value
            both = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
            is_share = ast.unparse(value) == "max(gc.mem_free() // 4, 16384)"
            found[node.targets[0].id] = ["heap / 4"] if is_share else [ast.literal_eval(one) for one in both]
    return found


LIMITS = ROOT / "docs" / "limits.md"


def test_limits_are_the_code_s(runtime, tmp_path):
    head, *rows = table(LIMITS, "limits")
    assert head == ["limit", "RP2", "ESP32", "unix, CPython", "what it bounds, and what happens there", "counter", "shown by"]
    names = [code_spans(row[0])[0] for row in rows]
    for column, port in enumerate(("rp2", "esp32", "unix"), 1):
        cells = {name: row[column].split(" or ") for name, row in zip(names, rows)}
        written = {name: [int(cell) if cell.isdigit() else cell for cell in cells[name]] for name in names}
        assert written == port_limits(port), port
    names = "BELL, EMPTY_CLOSES, EPIPE, MAY_PAUSE, NO_SOCKETS, SHARES_DESCRIPTORS, SHARES_FLASH, TX_MEMORY, Limits"
    assert f"import {names}" in (ROOT / "lib/mungo/port/cpython.py").read_text()
    others = re.search(r"^The other counters: (.*?)\n\n", README.read_text(), re.M | re.S).group(1)
    counters = {name for text in (others, *(row[5] for row in rows)) for name in code_spans(text)}
    assert counters == set(check_names(runtime, tmp_path, []))


def test_the_pool_s_limits_are_the_code_s(monkeypatch):
    _, *rows = table(LIMITS, "pool")
    for column, platform in enumerate(("rp2", "esp32", "linux"), 1):
        monkeypatch.setattr(sys, "platform", platform)
        limits = runpy.run_path(str(ROOT / "lib/mungo/port/pool.py"), {"const": int})["Limits"]
        written = {code_spans(row[0])[0]: int(row[column]) for row in rows}
        assert written == {name: value for name, value in vars(limits).items() if name[0] != "_"}, platform


def defaults(path):
    """{name: number} of a file's constants and of its functions' arguments."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = node.value.args[0] if isinstance(node.value, ast.Call) and node.value.args else node.value
            found[node.targets[0].id] = getattr(value, "value", None)
        elif isinstance(node, ast.FunctionDef):
            names = node.args.args[-len(node.args.defaults) :] if node.args.defaults else []
            found |= {one.arg: getattr(value, "value", None) for one, value in zip(names, node.args.defaults)}
    return found


def test_fixed_limits_are_the_code_s():
    for limit, value, file, *_ in table(LIMITS, "fixed")[1:]:
        path = ROOT / "lib" / "mungo" / code_spans(file)[0]
        assert not code_spans(limit) or defaults(path)[code_spans(limit)[0]] == int(value), (limit, file)


def test_each_limit_has_a_test():
    for name in ("limits", "pool", "fixed"):
        for row in table(LIMITS, name)[1:]:
            tests = [test.split("::") for test in code_spans(row[-1])]
            assert tests, row
            for path, test in tests:
                assert f"\ndef {test}(" in (ROOT / "host_tests" / path).read_text(), row


def test_each_app_stands_in_the_readme():
    apps = {path.parent.name for path in APP.parent.glob("*/__init__.py")}
    assert apps == set(re.findall(r"^\| \[(\w+)\]\(firmware/apps/", README.read_text(), re.M))


SETTINGS = ROOT / "firmware" / "settings.py"


def setting_names():
    """All that settings.py reads from the environment."""
    found = set()
    for node in ast.walk(ast.parse(SETTINGS.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[A-Z_]+|\w+_ms", node.value):
            found.add(node.value.upper())
    return found


def test_settings_are_the_code_s(monkeypatch):
    _, *rows = table(README, "settings")
    written = {code_spans(row[0])[0]: (code_spans(row[1]) or [""])[0] for row in rows}
    assert set(written) == setting_names()
    for name in written:
        monkeypatch.delenv(name, raising=False)
    defaults = runpy.run_path(str(SETTINGS))
    for name, default in written.items():
        if name in defaults:
            assert str(defaults[name] if defaults[name] is not None else "") == default, name
        else:
            assert port_limits("unix")[name.lower()] == [int(default)], name
            monkeypatch.setenv(name, "123")
            assert runpy.run_path(str(SETTINGS))["LIMITS"] == {name.lower(): 123}
            monkeypatch.delenv(name)
    app_settings = set(re.findall(r"settings\.([A-Z_]+)", SOURCE))
    assert app_settings <= set(defaults)


def test_a_board_s_settings_are_the_code_s():
    schema = runpy.run_path(str(ROOT / "firmware" / "schema.py"), {"const": lambda value: value})
    _, *rows = table(README, "board")
    written = {code_spans(row[0])[0]: (code_spans(row[1]) or [""])[0] for row in rows}
    defaults = {name: str(value) for name, value in schema["defaults"]().items()}
    assert (defaults.pop("HOST"), defaults.pop("PORT")) == ("0.0.0.0", "80") and written == defaults
    assert set(schema["KEYS"]) == set(written) | setting_names()
    section = README.read_text().partition("\n## On a board\n")[2]
    schema["parse"](section.partition("```json\n")[2].partition("```")[0].encode())


# Prints the heap that the README's table tells of.
HEAP = """
import gc, json, socket, sys

def used():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()

def ask(sock):
    sock.write(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    for _ in range(3):
        mgr.poll(10)
    assert sock.recv(200).endswith(b"hi")

def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        c.http_reply(200, {}, "hi")

out = {}
port = sys.argv[1]
address = socket.getaddrinfo("127.0.0.1", int(port))[0][-1]
socks = [socket.socket() for _ in range(33)]
pipes = [None] * 33
before = used()
import mungo
out["import"] = used() - before
mgr = mungo.Manager()
mgr.http_listen("http://127.0.0.1:" + port, fn)
for i in range(33):
    if i == 1:
        out["served"] = used() - before
    socks[i].connect(address)
    ask(socks[i])
start = used()
out["connection"] = (start - before - out["served"]) // 32
pipes[32] = mgr.mkpipe(None)
start = used()
for i in range(32):
    pipes[i] = mgr.mkpipe(None)
out["pipe"] = (used() - start) // 32
gc.disable()
request = b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
for i in range(64):
    socks[i % 32].write(request)
    if i == 31:
        for _ in range(3):
            mgr.poll(0)
        start = gc.mem_alloc()
for _ in range(3):
    mgr.poll(0)
out["request"] = (gc.mem_alloc() - start) // 32
start = gc.mem_alloc()
for _ in range(100):
    mgr.poll(0)
out["idle"] = gc.mem_alloc() - start
print(json.dumps(out))
"""
SIZES = {  # the beginning of the row, and what is measured
    "all of the library": "library",
    "two files more": "scanner",
    "heap: `import mungo`": "import",
    "heap: that, a manager": "served",
    "heap: each connection": "connection",
    "heap: each pipe": "pipe",
    "garbage of a kept-alive": "request",
    "garbage of a turn": "idle",
}


def test_sizes_are_about_right(tmp_path):
    sizes = size.measure()
    viper = sum(n for name, n in sizes.items() if name.endswith("_viper.py"))
    found = {"library": sum(sizes.values()) - viper, "scanner": viper}
    path = tmp_path / "heap.py"
    path.write_text(HEAP)
    command, env = lanes.script_command(lanes.LANES["upy-192k"], str(path))
    command[2] = f"heapsize={lanes.DEFAULT_HEAP}"
    done = subprocess.run([*command, str(server.free_port())], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found.update(json.loads(done.stdout))
    rows = re.findall(r"^\| (.*) \| (\d+) \|$", README.read_text().partition("## Sizes and memory")[2], re.M)
    written = {key: int(number) for text, number in rows for start, key in SIZES.items() if text.startswith(start)}
    assert set(written) == set(found), found
    if not viper:  # no such file for this machine
        del found["scanner"]
    far = {key: n for key, n in found.items() if not n * 0.85 <= written[key] <= n * 1.15}
    assert not far, f"README.md says {written}, measured {found}"


def test_benchmarks_have_their_place():
    text = README.read_text()
    assert 0 < text.find("\n<!-- bench:begin -->\n") < text.find("\n<!-- bench:end -->\n")


# --- links, pictures, words


def anchors(path):
    titles = re.findall(r"^#+ (.*)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", READMES)
def test_links_lead_somewhere(name):
    path = READMES[name]
    targets = re.findall(r"\]\(([^)]+)\)", prose(path))
    assert targets
    for target in targets:
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.is_relative_to(ROOT) and there.exists(), target
        assert not anchor or anchor in anchors(there), target


PICTURES = sorted([*(ROOT / "docs").glob("*.svg"), *APP.glob("*.svg")])


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
    assert any(path.name in readme.read_text() for readme in READMES.values())


@pytest.mark.parametrize("name", READMES)
def test_no_paths_of_a_machine(name):
    text = READMES[name].read_text()
    assert not re.findall(r"(?<![\w.])/(?:root|home|Users|tmp|work|opt|mnt|var|usr)/", text)
    assert not re.findall(r"\b(?:\d{1,3}\.){3}\d{1,3}\b(?<!127\.0\.0\.1)(?<!0\.0\.0\.0)(?<!10\.0\.0\.7)", text)
