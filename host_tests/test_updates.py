"""Updates over the air from outside: keys and bundles by make, uploads by curl to a board of firmware/ in a process, restarts, trials."""

import hashlib
import http.server
import json
import os
import signal
import ssl
import subprocess
import threading
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import bundle
import certificates
import deploy
import key
import lanes
import server
from asking import curl, request
from boards import BOARDS, Complaint

WAIT_S = 60
HOME = {"home": "pass word"}
APP = """
import mungo
import mungo.ota as ota
import settings

app = mungo.App()
ota.routes(app)


@app.get("/version")
def version(req):
    return {"version": %d, "lib": ota.__file__}


@app.get("/fast")
def fast(req):
    return "hi\\n"


def main():
    %s
    app.run(settings.HOST, settings.PORT, rx_bytes=1024)
"""
CRASH = "print('http://'); raise ValueError('its bug')"
HANG = "print('http://')\n    while True:\n        pass"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A private key, whose public one is beside it."""
    path = tmp_path_factory.mktemp("keys") / "update.key"
    key.make(path)
    return path


@pytest.fixture
def board(serve, tmp_path, keys):
    """board() starts a board with version 1 of the app, or what is in its flash by then."""
    flash = tmp_path / "flash"
    port = server.free_port()
    (flash / "apps" / "ours").mkdir(parents=True)
    (flash / "apps" / "ours" / "__init__.py").write_text(APP % (1, "pass"))
    (flash / "ota.json").write_text(json.dumps({"board": "UNIX", "key": key.public(keys).read_text().strip()}))
    settings = {"WIFI_SSID": "home", "WIFI_PASSWORD": "pass word", "HOST": "127.0.0.1", "PORT": port, "NTP_HOST": "", "APP": "ours"}
    (flash / "settings.json").write_text(json.dumps(settings))

    def start(**env):
        one = serve(script="flashed.py", env={"FLASH": flash, "AIR": json.dumps(HOME), **env}, path=["host_tests/unit"])
        one.port = port
        return one

    start.flash = flash
    start.file = tmp_path / "update"
    return start


def files(version, does="pass", whole=False):
    """The files of a bundle of the app."""
    made = bundle.tree(BOARDS["UNIX"], "upload", is_source=True) if whole else {}
    return {**made, "bundled.py": b"APP = 'ours'\n", "apps/ours/__init__.py": (APP % (version, does)).encode()}


def upload(board, one, data, *options):
    """Upload it by curl: (status, JSON)."""
    board.file.write_bytes(data)
    url = f"http://127.0.0.1:{one.port}/api/update"
    said = curl("-w", "\n%{http_code}", "--data-binary", f"@{board.file}", *options, url)
    text, _, status = said.rpartition(b"\n")
    return int(status), json.loads(text)


def get(one, path="/api/update", method="GET"):
    return json.loads(request(one, path, method)[2])


def restart(one):
    """Have the board restart, and wait for its end."""
    assert request(one, "/api/update/restart", "POST")[0] == 202
    assert one.proc.wait(WAIT_S) == 3, one.output()


def reset(one):
    """Somebody presses the button."""
    one.proc.send_signal(signal.SIGKILL)
    one.proc.wait(WAIT_S)


# The upload takes 1 to 2 seconds, in which others are answered.
def test_an_update_by_curl_restart_and_trial(board, keys):
    one = board()
    assert get(one, "/version")["version"] == 1
    data = bundle.pack(files(2, whole=True), "UNIX", 2, key.load(keys))
    assert len(data) > 300000
    answers = []
    is_over = threading.Event()

    def ask():
        while not is_over.is_set():
            answers.append(request(one, "/fast")[::2])

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        status, state = upload(board, one, data, "--limit-rate", "400k")
    finally:
        is_over.set()
        asking.join()
    assert status == 200 and (state["version"], state["next"], state["error"]) == (0, 2, ""), state
    assert len(answers) > 20 and set(answers) == {(200, b"hi\n")}
    assert get(one, "/version")["version"] == 1
    restart(one)
    one = board()
    assert get(one, "/version") == {"version": 2, "lib": f"{board.flash}/a/lib/mungo/ota/__init__.py"}
    state = get(one)
    assert (state["version"], state["trial"], state["slot"]) == (2, True, "a")
    assert get(one, "/api/update/good", "POST")["trial"] is False
    reset(one)
    one = board()
    assert get(one, "/version")["version"] == 2 and get(one)["trial"] is False
    assert upload(board, one, data)[0] == 409
    status, state = upload(board, one, bundle.pack(files(3), "UNIX", 3, key.load(keys)))
    assert status == 200 and sorted(path.name for path in (board.flash / "b").iterdir()) == ["apps", "bundled.py"]


@pytest.mark.parametrize("kind", ["crash", "hang", "reset", "stop"])
def test_a_trial_that_fails_is_undone_by_itself(board, keys, kind):
    one = board()
    does = {"crash": CRASH, "hang": HANG}.get(kind, "pass")
    status, state = upload(board, one, bundle.pack(files(2, does), "UNIX", 2, key.load(keys)))
    assert status == 200, state
    restart(one)
    one = board(DOG_MS=4000) if kind == "hang" else board()
    if kind == "reset":
        assert get(one, "/version")["version"] == 2
        reset(one)
    elif kind == "stop":
        one.interrupt()
    assert one.proc.wait(WAIT_S) is not None
    assert ("the watchdog bites" in one.output()) == (kind == "hang"), one.output()
    one = board()
    assert get(one, "/version")["version"] == 1
    state = get(one)
    assert (state["version"], state["trial"], state["next"]) == (0, False, 0) and state["error"].startswith("Version 2 did not start well")
    assert not (board.flash / "crashes").exists()
    # The same version may come again, in a form that works.
    assert upload(board, one, bundle.pack(files(2), "UNIX", 2, key.load(keys)))[0] == 200
    restart(one)
    one = board()
    assert get(one, "/version")["version"] == 2 and get(one, "/api/update/good", "POST")["error"] == ""


def test_what_is_wrong_is_a_sentence(board, keys, tmp_path):
    one = board()
    other = tmp_path / "other.key"
    key.make(other)
    right = bundle.pack(files(2), "UNIX", 2, key.load(keys))
    before = sorted(path.name for path in board.flash.iterdir())
    for data, status, word in (
        (b"PK\3\4", 400, "cut off"),
        (bytes(100000), 400, "no bundle"),
        (bundle.pack(files(2), "UNIX", 2, key.load(other)), 403, "key"),
        (bundle.pack(files(2), "RPI_PICO_W", 2, key.load(keys)), 409, "RPI_PICO_W"),
        (bundle.pack(files(2), "UNIX", 0, key.load(keys)), 409, "not newer"),
        (right[:-1], 400, "cut off"),
        (right[:-1] + b"x", 400, "corrupt"),
    ):
        found, answer = upload(board, one, data)
        assert found == status and word in answer["error"], (found, answer)
        assert get(one)["error"] == answer["error"] and get(one)["next"] == 0
    assert sorted(path.name for path in board.flash.iterdir()) == before
    # A client that leaves in the middle.
    board.file.write_bytes(bundle.pack({**files(2), "www/large": bytes(500000)}, "UNIX", 2, key.load(keys)))
    curl("--data-binary", f"@{board.file}", "--limit-rate", "100k", "-m", "1", f"http://127.0.0.1:{one.port}/api/update", check=False)
    deadline = time.monotonic() + WAIT_S
    while get(one)["step"] or (board.flash / "a").exists():
        assert time.monotonic() < deadline
    assert get(one)["error"] == "The update was cut off." and get(one, "/version")["version"] == 1


# --- make key, make bundle, make deploy


def make(tool, *args):
    command = [lanes.ROOT / ".venv/bin/python", lanes.ROOT / "tools" / tool, *map(str, args)]
    return subprocess.run(command, cwd=lanes.ROOT, capture_output=True, text=True, timeout=WAIT_S)


# A device that trusts the authority CA asks an https server for URL, as the current folder says, and prints what `done` gets.
PULL = f"""
import os, sys
sys.path.insert(0, {str(lanes.ROOT / "lib")!r})  # (absolute: the device's own folder has no library)
import mungo
os.chdir(os.getenv("FLASH"))
import mungo.ota as ota
mgr = mungo.Manager()
said = []
ota.pull(mgr, os.getenv("URL"), said.append, tls=mungo.Tls(ca=os.getenv("CA")))
while not said:
    mgr.poll(100)
print(said[0])
"""


@pytest.mark.lanes("upy")
def test_a_bundle_is_pulled_from_an_https_server_that_the_device_trusts(runtime, tmp_path, keys):
    (tmp_path / "pull.py").write_text(PULL)
    flash = tmp_path / "flash"
    flash.mkdir()
    (flash / "ota.json").write_text(json.dumps({"board": "UNIX", "key": key.public(keys).read_text().strip()}))
    data = bundle.pack(files(5), "UNIX", 5, key.load(keys))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.path("server.pem"), certificates.path("server.key"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as one:
        one.handle_error = lambda *_: None
        one.socket = context.wrap_socket(one.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True)
        thread.start()

        def pull(authority):
            env = {"FLASH": flash, "URL": f"https://127.0.0.1:{one.server_port}/app.bundle", "CA": certificates.path(authority)}
            done = lanes.run_script(runtime, tmp_path / "pull.py", **{name: str(value) for name, value in env.items()})
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout.strip()

        assert pull("other_ca.pem") and not (flash / "ota.state").exists() and not (flash / "a").exists()
        assert pull("ca.pem") == ""
        assert json.loads((flash / "ota.state").read_text())["next"] == 5 and (flash / "a/bundled.py").exists()
        one.shutdown()
        thread.join()


def test_make_key_writes_a_private_and_a_public_key_once(tmp_path):
    path = tmp_path / "keys" / "update.key"
    done = make("key.py", "--key", path)
    assert done.returncode == 0, done.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    private = serialization.load_pem_private_key(path.read_bytes(), None)
    assert private.key_size == 3072
    text = key.public(path).read_text()
    assert len(text) == 769 and int(text, 16) == private.public_key().public_numbers().n
    before = path.read_bytes()
    again = make("key.py", "--key", path)
    assert again.returncode == 1 and "there is a key" in again.stderr and "Traceback" not in again.stderr
    assert path.read_bytes() == before
    ignored = subprocess.run(["git", "check-ignore", key.DEFAULT], cwd=lanes.ROOT, capture_output=True)
    assert ignored.returncode == 0


def test_make_bundle_packs_what_deploy_copies_and_signs_it(tmp_path, keys):
    out = tmp_path / "hello.bundle"
    done = make("bundle.py", "--board", "RPI_PICO_W", "--app", "hello", "--version", 41, "--key", keys, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "version 41 of hello for RPI_PICO_W" in done.stdout
    data = out.read_bytes()
    end = 16 + int.from_bytes(data[12:16], "big")
    public = key.load(keys).public_key()
    public.verify(data[end : end + 384], data[:end], padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(data[end : end + 384], data[: end - 1], padding.PKCS1v15(), hashes.SHA256())
    head, *lines = data[16:end].split(b"\n")
    assert json.loads(head) == {"board": "RPI_PICO_W", "version": 41, "to": "folder"}
    at = end + 384
    found = {}
    for line in lines:
        digest, size, path = line.decode().split(" ")
        found[path] = data[at : at + int(size)]
        assert hashlib.sha256(found[path]).hexdigest() == digest
        at += int(size)
    assert at == len(data) and list(found) == sorted(found)
    deployed = deploy.tree(BOARDS["RPI_PICO_W"], "hello")
    assert {path: data for path, data in found.items() if path != "bundled.mpy"}.items() <= deployed.items()
    assert {"apps/hello/__init__.mpy", "www/style.css", "board.mpy", "limits.mpy", "lib/mungo/ota/bundle.mpy"} <= set(found)
    assert not {"boot.py", "main.py", "slots.mpy", "host.mpy", "lib/mungo/port/esp32.mpy", "lib/mungo/app/testing.mpy"} & set(found)


def test_a_bundle_without_the_library(tmp_path, keys):
    out = tmp_path / "out"
    done = make("bundle.py", "--board", "RPI_PICO_W", "--app", "hello", "--no-lib", "--key", keys, "--out", out)
    assert done.returncode == 0, done.stderr
    assert b" apps/hello/__init__.mpy\n" in out.read_bytes() and b" lib/" not in out.read_bytes()


def test_make_bundle_says_what_is_wrong(tmp_path, keys):
    weak = tmp_path / "weak.key"
    private = rsa.generate_private_key(65537, 2048)
    formats = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    weak.write_bytes(private.private_bytes(*formats))
    for args, word in (
        (["--board", "RPI_PICO_W", "--key", tmp_path / "none"], "make key makes one"),
        (["--board", "RPI_PICO_W", "--key", weak], "3072"),
        (["--board", "RPI_PICO_W", "--key", __file__], "KEY="),
        (["--board", "NOPE", "--key", keys], "BOARD=NOPE"),
        (["--board", "RPI_PICO_W", "--app", "nope", "--key", keys], "APP=nope"),
        (["--board", "RPI_PICO_W", "--version", "0", "--key", keys], "VERSION=0"),
        (["--board", "RPI_PICO_W", "--firmware", __file__, "--key", keys], "no second partition"),
        (["--board", "ESP32_GENERIC", "--firmware", tmp_path / "none", "--key", keys], "FIRMWARE="),
    ):
        done = make("bundle.py", *args)
        assert done.returncode == 1 and word in done.stderr and "Traceback" not in done.stderr, (args, done)


def test_an_image_of_firmware(tmp_path, keys):
    image, out = tmp_path / "firmware.bin", tmp_path / "out"
    image.write_bytes(os.urandom(5000))
    done = make("bundle.py", "--board", "ESP32_GENERIC", "--firmware", image, "--version", 3, "--key", keys, "--out", out)
    assert done.returncode == 0, done.stderr
    data = out.read_bytes()
    assert b'"to": "firmware"' in data and data.endswith(image.read_bytes())


def test_paths_that_devices_refuse_are_not_packed(keys):
    for path in ("../x", ".hidden", "a b", "caf\u00e9", "x//y", "x/", "/x", "x" * 101):
        with pytest.raises(Complaint):
            bundle.pack({path: b""}, "UNIX", 1, key.load(keys))
    with pytest.raises(Complaint, match="about 170 files"):
        bundle.pack({f"file{n}": b"" for n in range(1000)}, "UNIX", 1, key.load(keys))


def test_deploy_tells_the_board_whose_updates_it_takes(monkeypatch, keys, tmp_path):
    monkeypatch.setattr(key, "DEFAULT", tmp_path / "none")
    assert deploy.owner(BOARDS["RPI_PICO_W"]) == {}
    monkeypatch.setattr(key, "DEFAULT", keys)
    owner = json.loads(deploy.owner(BOARDS["RPI_PICO_W"])["ota.json"])
    assert owner == {"board": "RPI_PICO_W", "key": key.public(keys).read_text().strip()}


# Runs what deploy runs on a board after it has copied.
@pytest.mark.lanes("upy")
@pytest.mark.parametrize("trial", [False, True])
def test_what_the_cable_brings_runs_in_the_place_of_an_update(tmp_path, runtime, trial):
    script = tmp_path / "take_over.py"
    script.write_text(f"import os\nos.chdir({str(tmp_path)!r})\n{deploy._TAKE_OVER}")
    state = tmp_path / "ota.state"
    assert lanes.run_script(runtime, script).stdout == "" and not state.exists()
    state.write_text(json.dumps({"version": 8, "slot": "b", "trial": trial, "back": ["a", 7], "next": 0, "to": "", "error": "x"}))
    assert "switched off" in lanes.run_script(runtime, script).stdout
    found = json.loads(state.read_text())
    assert (found["slot"], found["version"], found["trial"], found["next"]) == ("", 7 if trial else 8, False, 0)
    assert lanes.run_script(runtime, script).stdout == ""
