"""What the guide's tables say is so: limits, counters, settings, sizes, names. The tutorial quotes its program."""

import ast
import contextlib
import json
import re
import runpy
import subprocess
import sys

import pytest

import lanes
import server
import size
from guide import (
    DOCS,
    LIMITS,
    MONGOOSE,
    PERFORMANCE,
    README,
    ROOT,
    SETTINGS,
    SETTINGS_FILE,
    TUTORIAL,
    blocks,
    code_spans,
    setting_names,
    table,
)
from tools.bench import figures

APP = ROOT / "firmware" / "apps" / "multi_threaded"
SOURCE = (APP / "__init__.py").read_text()
WAIT_S = 20


# --- the tutorial


def test_quoted_snippets_stand_in_the_app():
    quoted = blocks(TUTORIAL, "python")
    for block in quoted:
        assert "\n" + block.text in "\n" + SOURCE, block.text
    for node in ast.parse(SOURCE).body:
        if isinstance(node, ast.FunctionDef):
            assert any(f"def {node.name}(" in block.text for block in quoted), f"{node.name} is not in the tutorial"


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


@pytest.mark.skipif(sys.platform != "linux", reason="the tutorial gives Linux's figures")
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
    for cells in table(MONGOOSE, "names")[1:]:
        c_name, here = cells
        assert code_spans(c_name) and (code_spans(here) or re.match("not |nothing ", here)), cells
        for span in code_spans(here):
            with contextlib.suppress(SyntaxError):
                wanted += names_in(span)
    assert len(wanted) > 60, wanted
    check_names(runtime, tmp_path, wanted)


# --- tables of the guide


def branches(value):
    """The values of a .. if .. else .. if .. else .., in their order; of anything else itself."""
    return [*branches(value.body), *branches(value.orelse)] if isinstance(value, ast.IfExp) else [value]


def port_limits(port):
    """{name: its numbers} of a port: several if the value depends on the heap; "heap / 4" if that is what it is."""
    tree = ast.parse((ROOT / f"lib/mungo/port/{port}.py").read_text())
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Limits")
    found = {}
    for node in body:
        if isinstance(node, ast.Assign):
            value = node.value
            is_share = ast.unparse(value) == "max(gc.mem_free() // 4, 16384)"
            found[node.targets[0].id] = ["heap / 4"] if is_share else [ast.literal_eval(one) for one in branches(value)]
    return found


def test_limits_are_the_code_s(runtime, tmp_path):
    head, *rows = table(LIMITS, "limits")
    assert head == ["limit", "RP2", "ESP32", "unix, CPython", "what it bounds, and what happens there", "counter", "shown by"]
    names = [code_spans(row[0])[0] for row in rows]
    for column, port in enumerate(("rp2", "esp32", "unix"), 1):
        cells = {name: re.split(", | or ", row[column]) for name, row in zip(names, rows)}
        written = {name: [int(cell) if cell.isdigit() else cell for cell in cells[name]] for name in names}
        assert written == port_limits(port), port
    names = "BELL, EMPTY_CLOSES, EPIPE, MAY_PAUSE, NO_SOCKETS, SHARES_DESCRIPTORS, SHARES_FLASH, TX_MEMORY, Limits"
    assert f"import {names}" in (ROOT / "lib/mungo/port/cpython.py").read_text()
    others = [row[0] for row in table(LIMITS, "counters")[1:]]
    counters = {name for text in (*others, *(row[5] for row in rows)) for name in code_spans(text)}
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
            found.setdefault(node.targets[0].id, getattr(value, "value", None))  # (attributes of classes come last)
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


def test_each_app_stands_in_the_guide():
    apps = {path.parent.name for path in APP.parent.glob("*/__init__.py")}
    assert apps == set(re.findall(r"^\| \[(\w+)\]\(../firmware/apps/", (DOCS / "examples.md").read_text(), re.M))


def test_settings_are_the_code_s(monkeypatch):
    monkeypatch.syspath_prepend(str(SETTINGS_FILE.parent))
    _, *rows = table(SETTINGS, "settings")
    written = {code_spans(row[0])[0]: (code_spans(row[1]) or [""])[0] for row in rows}
    assert set(written) == setting_names()
    for name in written:
        monkeypatch.delenv(name, raising=False)
    defaults = runpy.run_path(str(SETTINGS_FILE))
    for name, default in written.items():
        if name in defaults:
            assert str(defaults[name] if defaults[name] is not None else "") == default, name
        else:
            assert port_limits("unix")[name.lower()] == [int(default)], name
            monkeypatch.setenv(name, "123")
            assert runpy.run_path(str(SETTINGS_FILE))["LIMITS"] == {name.lower(): 123}
            monkeypatch.delenv(name)
    app_settings = set(re.findall(r"settings\.([A-Z_]+)", SOURCE))
    assert app_settings <= set(defaults)


def test_a_board_s_settings_are_the_code_s():
    schema = runpy.run_path(str(ROOT / "firmware" / "schema.py"), {"const": lambda value: value})
    _, *rows = table(SETTINGS, "board")
    written = {code_spans(row[0])[0]: (code_spans(row[1]) or [""])[0] for row in rows}
    defaults = {name: str(value) for name, value in schema["defaults"]().items()}
    assert (defaults.pop("HOST"), defaults.pop("PORT")) == ("0.0.0.0", "80") and written == defaults
    assert set(schema["KEYS"]) == set(written) | setting_names()
    for block in [*blocks(SETTINGS, "json"), *blocks(DOCS / "first-board.md", "json")]:
        schema["parse"](block.text.encode())


# Prints the heap that the table in docs/performance.md tells of.
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
    rows = re.findall(r"^\| (.*) \| (\d+) \|$", PERFORMANCE.read_text().partition("## Sizes and memory")[2], re.M)
    written = {key: int(number) for text, number in rows for start, key in SIZES.items() if text.startswith(start)}
    assert set(written) == set(found), found
    if not viper:  # no such file for this machine
        del found["scanner"]
    far = {key: n for key, n in found.items() if not n * 0.85 <= written[key] <= n * 1.15}
    assert not far, f"docs/performance.md says {written}, measured {found}"


def test_benchmarks_have_their_place():
    text = PERFORMANCE.read_text()
    assert 0 < text.find("\n<!-- bench:begin -->\n") < text.find("\n<!-- bench:end -->\n")


def test_the_figures_in_the_readme_are_those_of_the_guide():
    text = README.read_text().partition(figures.BEGIN)[2].partition(figures.END)[0]
    measured = figures.rows(PERFORMANCE.read_text())
    assert text.splitlines()[: len(measured)] == measured and len(text.splitlines()) == len(measured) + 2
    assert "| 600 messages while the loop is busy for half a second | **256** arrive (Linux) | 600 arrive |" in TUTORIAL.read_text()
