"""What mip installs: the real mip of the unix port, from a server that mungo runs, the whole and the parts, source and bytecode."""

import http.client
import json
import os
import shutil
import subprocess
import sys

import pytest

import lanes
import mpy
import packages
import pty_board
import server

ROOT = lanes.ROOT
WAIT_S = 20
PARTS = [part for part in packages.PARTS if f"lib/{part}.json" in packages.manifests()]

# A request in the server's own process.
ASK = """
import mungo, socket
def ask(mgr, port):
    s = socket.socket()
    s.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    s.setblocking(False)
    s.write(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    answer = b""
    while not answer.endswith(b"works"):
        mgr.poll(10)
        answer += s.read() or b""
    mgr.close()
    print("works")
"""

# What each part can do on its own, with nothing else installed: it prints "works".
USES = {
    "core": """
mgr = mungo.Manager()
mgr.timer(1, lambda _: mgr.stop())
while mgr.poll(1000):
    pass
mgr.close()
print("works")
""",
    "http": """
mgr = mungo.Manager()
mgr.http_listen("http://127.0.0.1:%d", lambda c, ev, hm, _: ev == mungo.EV_HTTP_MSG and c.http_reply(200, {}, "works"))
ask(mgr, %d)
""",
    "app": """
mgr = mungo.Manager()
app = mungo.App()
app.get("/")(lambda req: "works")
app.attach(mgr, "http://127.0.0.1:%d")
ask(mgr, %d)
""",
    "mdns": """
import mungo.mdns as mdns
import mungo.mdns.responder
mgr = mungo.Manager()
mdns.query(mgr, "nobody.local", lambda found: mgr.stop(), "127.0.0.1", 20)
while mgr.poll(1000):
    pass
mgr.close()
print("works")
""",
    "json": """
from mungo.http.json_reader import loads
from mungo.http.json_writer import dumps
assert loads(dumps({"a": [1, None]}).encode()) == {"a": [1, None]}
print("works")
""",
    "mqtt": """
mgr = mungo.Manager()
mgr.listen("tcp://127.0.0.1:%d", lambda c, ev, data, _: ev == mungo.EV_READ and c.send(b" \\2\\0\\0"))
mgr.mqtt_connect("mqtt://127.0.0.1:%d", lambda c, ev, data, _: ev == mungo.EV_MQTT_OPEN and mgr.stop())
while mgr.poll(1000):
    pass
mgr.close()
from mungo.mqtt import Client
mqtt = Client("mqtt://127.0.0.1:1", log=None, store="outbox")
mqtt.on("a/<name>", worker=True)(print)
with mungo.Manager() as mgr:
    mqtt.attach(mgr)
    mqtt.publish("a", [1])
    mgr.poll(0)
print("works")
""",
    "fleet": """
from mungo.fleet import Fleet
from mungo.mqtt import Client
fleet = Fleet(Client("mqtt://127.0.0.1:1", id="me", version=5, log=None), "home")
fleet.job("square")(lambda x: x * x)
with mungo.Manager() as mgr:
    fleet.attach(mgr)
    fleet.submit("square", 3, on_done=lambda result, error: mgr.stop())
    while mgr.poll(1000):
        pass
print("works")
""",
    "sntp": """
from mungo.sntp import Sntp
mgr = mungo.Manager()
server = lambda c, ev, data, _: ev == mungo.EV_READ and c.send(b"$\\2" + bytes(22) + data[40:] + b"\\xee" + bytes(7) + b"\\xee" + bytes(7))
mgr.listen("udp://127.0.0.1:%d", server)
Sntp(mgr, ["udp://127.0.0.1:%d"], lambda *_: mgr.stop())
while mgr.poll(1000):
    pass
mgr.close()
print("works")
""",
}


def test_the_packages_are_what_the_tree_is():
    assert packages.main(["--check"]) is None, "run make packages"


def test_every_file_belongs_to_one_part_and_reaches_only_what_that_needs():
    assert packages.complaints() == []
    names = packages.files()
    assert len(names) == len(list((ROOT / "lib").rglob("*.py")))
    owned = [name for part in packages.PARTS for name in names if packages.part_of(name) == part]
    assert sorted(owned) == names
    whole = json.loads((ROOT / "package.json").read_text())
    assert [url[0] for url in whole["urls"]] == names
    for path in ROOT.glob("lib/*.json"):
        for target, source in json.loads(path.read_text())["urls"]:
            assert target == source and (ROOT / "lib" / source).is_file()


def test_a_file_in_the_wrong_part_is_noticed(tmp_path):
    lib = tmp_path / "lib"
    shutil.copytree(ROOT / "lib", lib)
    (lib / "mungo" / "core" / "timer.py").write_text("from ..http.server import HttpConnection\n")
    (lib / "other.py").write_text("")
    assert packages.complaints(lib) == [
        "other.py: belongs to no part; give tools/packages.py a pattern for it",
        "mungo/core/timer.py, of core, imports mungo/http/server.py, of http, which core does not need",
    ]


@pytest.fixture(scope="module")
def source():
    """A server of this tree, run by mungo: its port. build/packages/ has the bytecode."""
    packages.build()
    one = server.Server(lanes.LANES["upy"], "host_tests/servers/packages.py", {})
    try:
        one.wait_ready()
        yield one.port
    finally:
        one.stop()


def install(source, folder, path):
    """Run MicroPython's own mip."""
    command = [lanes.micropython(), "-m", "mip", "install", "--target", str(folder), f"http://127.0.0.1:{source}/{path}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Done" in done.stdout, done
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("form", ["py", "mpy"])
@pytest.mark.parametrize("part", PARTS)
def test_mip_installs_a_part_that_works(source, tmp_path, part, form):
    path = f"lib/{part}.json" if form == "py" else f"build/packages/lib/{part}.json"
    names = [name[:-2] + form for name in packages.closure(part, packages.files())]
    assert install(source, tmp_path, path) == [name for name in names if form == "py" or not name.endswith("_viper.mpy")]
    if form == "mpy":
        assert all(file.read_bytes()[:2] == b"M\x06" for file in tmp_path.rglob("*.mpy"))
    port = server.free_port()
    program = ASK + USES.get(part, USES["http"])
    program = program % (port, port) if "%d" in program else program
    environment = dict(os.environ, MICROPYPATH=f"{tmp_path}:.frozen")
    done = subprocess.run([lanes.micropython(), "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == "works\n", done


@pytest.mark.parametrize("path", ["package.json", "build/packages/package.json"])
def test_mip_installs_the_whole_which_runs_the_tutorial(source, tmp_path, path):
    there = install(source, tmp_path, path)
    assert len(there) >= len(packages.files()) - 3  # machine code is not in the bytecode
    port = server.free_port()
    settings = {"HOST": "127.0.0.1", "PORT": str(port), "DELAY_MS": "100", "APP": "multi_threaded"}
    environment = dict(os.environ, MICROPYPATH=f"{tmp_path}:{ROOT / 'firmware'}:.frozen", **settings)
    proc = subprocess.Popen(
        [lanes.micropython(), str(ROOT / "firmware/main.py")], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert f":{port}/" in proc.stdout.readline()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
        for where, body in (("/fast", None), ("/", b"by mip")):
            connection.request("POST" if body else "GET", where, body)
            assert connection.getresponse().read() == (body or b"hi\n")
        connection.close()
    finally:
        proc.kill()
        proc.wait()
        proc.stdout.close()


@pytest.mark.parametrize("path", ["http://127.0.0.1:%d/lib/app.json", "http://127.0.0.1:%d/build/packages/lib/app.json", "lib/app.json"])
def test_mpremote_installs_onto_a_board(source, tmp_path, path):
    """From a server, and from this tree without one."""
    board = pty_board.PtyBoard(tmp_path / "flash")
    try:
        path = path % source if "%d" in path else path
        install = [sys.executable, "-m", "mpremote", "connect", board.device, "mip", "install", path]
        done = subprocess.run(install, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and "Done" in done.stdout, done
        port = server.free_port()
        program = ASK + USES["app"] % (port, port)
        used = [sys.executable, "-m", "mpremote", "connect", board.device, "exec", program]
        done = subprocess.run(used, capture_output=True, text=True, timeout=60)
        assert done.stdout == "works\n", done
    finally:
        board.close()


def test_a_manifest_can_require_mungo():
    """manifest.py, by what MicroPython's build defines for it."""
    called = []
    names = {name: lambda *args, _name=name, **kwargs: called.append((_name, args, kwargs)) for name in ("metadata", "package")}
    exec((ROOT / "manifest.py").read_text(), names)
    assert [name for name, _, _ in called] == ["metadata", "package"]  # the build wants metadata first
    assert called[0][2]["version"] == packages.version() and called[0][2]["license"] == "MIT"
    assert called[1] == ("package", ("mungo",), {"base_path": "lib", "opt": 3})
    assert (ROOT / called[1][2]["base_path"] / "mungo/__init__.py").is_file()


def test_bytecode_is_of_the_version_that_all_current_firmware_loads():
    for source, file in mpy.build("lib").items():
        head = file.read_bytes()[:3]
        assert head[:2] == b"M\x06"
        assert head[2] & 3 == (3 if source.stem.endswith("_viper") else 0), source  # 6.3: the minor version is machine code's alone
