"""A rolling update of a fleet: boards are processes that fetch a bundle, restart, and are on trial; a broker is mosquitto."""

import http.server
import json
import os
import subprocess
import threading

import pytest

import brokers
import bundle
import key
import lanes
from lines import Lines

pytestmark = brokers.needs_mosquitto
WAIT_S = 120
GOOD = "def begin(name):\n    print('version %d of', name)\n"
BAD = "def begin(name):\n    if name == 'barn':\n        raise ValueError('its bug')\n"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "update.key"
    key.make(path)
    return path


class Bundles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def shop(tmp_path):
    """A web server with bundles: shop(name) is a file's URL; its folder is shop.folder."""
    (tmp_path / "shop").mkdir()

    class Handler(Bundles):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path / "shop"))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        def url(name):
            return f"http://127.0.0.1:{server.server_port}/{name}"

        url.folder = tmp_path / "shop"
        yield url
        server.shutdown()
        thread.join()


class Board:
    """A process that is started again when it ends, as a board after a reset; until `stop`."""

    def __init__(self, folder, name, broker, public_key):
        self.flash = folder / name
        self.flash.mkdir()
        (self.flash / "ota.json").write_text(json.dumps({"board": "UNIX", "key": public_key}))
        command, environment = lanes.script_command(lanes.LANES["upy"], "host_tests/servers/rollout_board.py")
        path = ":".join(f"{lanes.ROOT}/{part}" if part[0] not in "./" else part for part in environment["MICROPYPATH"].split(":"))
        self.command = [command[0], *command[1:]]
        self.environment = {**environment, "MICROPYPATH": path, "FOLDER": str(self.flash), "NAME": name, "BROKER": broker}
        self.is_over = False
        self.starts = 0
        self.lines = []
        self.start()
        self.thread = threading.Thread(target=self.again)
        self.thread.start()

    def start(self):
        self.proc = brokers.popen(self.command, cwd=lanes.ROOT, env=self.environment)
        self.out = Lines(self.proc)
        self.starts += 1

    def again(self):
        while True:
            self.proc.wait()
            self.out.reader.join()
            self.lines += self.out.lines
            if self.is_over:
                return
            self.start()

    def stop(self):
        self.is_over = True
        while self.thread.is_alive():  # (it may have been started just now)
            self.proc.kill()
            self.thread.join(0.05)

    def state(self):
        return json.loads((self.flash / "ota.state").read_text())


@pytest.fixture
def boards(tmp_path, keys):
    """boards(broker, *names): they are there."""
    made = {}

    def start(broker, *names):
        public = key.public(keys).read_text().strip()
        for name in names:
            made[name] = Board(tmp_path, name, broker.url, public)
        for board in made.values():
            board.out.wait_for(lambda lines: any("connected" in line for line in lines))
        return made

    yield start
    for board in made.values():
        board.stop()


def roll_out(broker, url, version, **settings):
    """Run tools/rollout.py: (status, lines)."""
    environment = {
        "MICROPYPATH": "lib:.frozen",
        "BROKER": broker.url,
        "SITE": "house",
        "URL": url,
        "VERSION": str(version),
        "LOOK_MS": "200",
        **settings,
    }
    command = [lanes.micropython(), "tools/rollout.py"]
    done = subprocess.run(command, cwd=lanes.ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=WAIT_S)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def states(lines, name):
    """The way of a board."""
    return [line.partition(": ")[2] for line in lines if line.startswith(name + ": ")]


def test_boards_are_updated_a_few_at_a_time_until_one_fails(tmp_path, keys, shop, boards):
    private = key.load(keys)
    (shop.folder / "2.bundle").write_bytes(bundle.pack({"program.py": (GOOD % 2).encode()}, "UNIX", 2, private))
    (shop.folder / "3.bundle").write_bytes(bundle.pack({"program.py": BAD.encode()}, "UNIX", 3, private))
    (shop.folder / "4.bundle").write_bytes(bundle.pack({"program.py": (GOOD % 4).encode()}, "UNIX", 4, private)[:-1] + b"x")
    with brokers.Mosquitto(tmp_path) as broker:
        fleet = boards(broker, "attic", "barn", "cellar", "den")
        # The first one alone, then two at once.
        three = ["attic", "barn", "cellar"]
        status, lines = roll_out(broker, shop("2.bundle"), 2, BOARDS=",".join(three))
        assert (status, lines[-1]) == (0, "3 of 3 boards have version 2"), lines
        assert all(states(lines, name)[-1] == "kept" and "restarts" in states(lines, name) for name in three), lines
        first = lines.index("attic: kept")
        assert first < lines.index("barn: fetches") and first < lines.index("cellar: fetches"), lines
        for name in three:
            state = fleet[name].state()
            assert (state["version"], state["trial"], fleet[name].starts) == (2, False, 2), state
        assert fleet["den"].starts == 1
        # Once more: there is nothing to do.
        status, lines = roll_out(broker, shop("2.bundle"), 2, BOARDS="attic")
        assert (status, lines[-2:]) == (0, ["attic: kept", "1 of 1 boards have version 2"]), lines
        # All that are there, one after the other. One crashes on trial, and is back at version 2; no further one begins.
        status, lines = roll_out(broker, shop("3.bundle"), 3, AT_ONCE="1")
        assert status == 1 and lines[-1] == "1 of 4 boards have version 3", lines
        assert states(lines, "barn")[-1].startswith("failed: Version 3 did not start well"), lines
        assert states(lines, "cellar") == states(lines, "den") == ["not begun"] and fleet["den"].starts == 1, lines
        assert [fleet[name].state()["version"] for name in three] == [3, 2, 2]
        # A bundle that is not right: the first board says so, and no other one gets it.
        status, lines = roll_out(broker, shop("4.bundle"), 4, BOARDS="attic,barn")
        assert status == 1 and states(lines, "attic")[-1] == "failed: The file program.py is corrupt.", lines
        assert states(lines, "barn") == ["not begun"], lines
        status, lines = roll_out(broker, shop("nothing"), 5, BOARDS="den")
        assert status == 1 and states(lines, "den")[-1] == "failed: The server answers 404.", lines
