"""lib/mungo/mdns and PyPI's zeroconf: two machines, that is, two network namespaces and a cable between them."""

import ast
import contextlib
import os
import shutil
import subprocess
import sys

import pytest

import lanes
from lines import Lines

WAIT_S = 60
HERE, THERE = "10.87.0.1", "10.87.0.2"  # this library's, zeroconf's


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True)


@pytest.fixture(scope="module")
def machines():
    """The names of the two namespaces."""
    if not shutil.which("ip"):
        pytest.skip("there is no ip: tools/debian.sh says how to get it")
    names = [f"mungo-{side}-{os.getpid()}" for side in "ab"]
    made = [ip("netns", "add", name) for name in names]
    try:
        cable = made[-1].returncode or ip(
            "link", "add", "eth0", "netns", names[0], "type", "veth", "peer", "name", "eth0", "netns", names[1]
        )
        if made[0].returncode or made[1].returncode or cable.returncode:
            pytest.skip("this user can't make network namespaces: " + (made[0].stderr or made[1].stderr or cable.stderr).strip())
        for name, address in zip(names, (HERE, THERE)):
            for words in (
                ("addr", "add", address + "/24", "dev", "eth0"),
                ("link", "set", "lo", "up"),
                ("link", "set", "eth0", "up"),
                ("route", "add", "224.0.0.0/4", "dev", "eth0"),
            ):
                done = ip("-n", name, *words)
                assert not done.returncode, done.stderr
        yield names
    finally:
        for name in names:
            ip("netns", "del", name)


class Program(Lines):
    """A process in a namespace, whose lines are read with a deadline."""

    def __init__(self, machine, command, environment=None):
        proc = subprocess.Popen(
            ["ip", "netns", "exec", machine, *command],
            cwd=lanes.ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )
        super().__init__(proc)

    def line(self, n):
        """The n-th line, which is waited for."""
        self.wait_for(lambda lines: len(lines) > n, WAIT_S)
        return self.lines[n]

    def ask(self, text):
        """Write a line; the next one of its own."""
        n = len(self.lines)
        self.proc.stdin.write(text + "\n")
        return self.line(n)

    def end(self, text):
        """Write the last line; all that it has printed, when it has ended well."""
        with contextlib.suppress(BrokenPipeError):  # one that asks ends by itself, maybe already
            self.proc.stdin.write(text + "\n")
        assert self.proc.wait(WAIT_S) == 0, self.lines
        self.reader.join(WAIT_S)
        return self.lines

    def stop(self):
        self.proc.kill()
        self.proc.wait()
        self.reader.join(WAIT_S)
        with contextlib.suppress(BrokenPipeError):
            self.proc.stdin.close()
        self.proc.stdout.close()


@pytest.fixture
def start(machines, runtime):
    """start("there") is a zeroconf, start("there", *args) Python; start("here", *args) this library's servers/nearby.py."""
    started = []

    def run(side, *args):
        if side == "there":
            one = Program(machines[1], [sys.executable, *(args or ["host_tests/zeroconf_peer.py", THERE])])
        else:
            command, environment = lanes.script_command(lanes.LANES[runtime], "host_tests/servers/nearby.py")
            one = Program(machines[0], [*command, args[0], HERE, *map(str, args[1:])], environment)
        started.append(one)
        if side == "there" and not args:
            assert one.line(0) == "ready"
        return one

    yield run
    for one in started:
        one.stop()


def test_zeroconf_finds_the_name_and_the_service_and_notices_the_goodbye(start):
    peer = start("there")
    it = start("here", "respond", "kitchen", 8080)
    assert (it.line(0), it.line(1)) == ("listening", "name kitchen")
    assert peer.ask("address kitchen") == HERE
    found = ast.literal_eval(peer.ask(f"browse {WAIT_S}"))
    assert found == {"kitchen._http._tcp.local.": [HERE, 8080, "kitchen.local.", {b"path": b"/"}]}
    # This library's clients ask from another port, once. (Nobody listens there.)
    asker = start("there", "host_tests/shim/run.py", "host_tests/servers/nearby.py", "fetch", THERE, "http://kitchen.local:9/")
    assert "(111, " in asker.line(0)  # ECONNREFUSED
    it.end("goodbye")
    assert peer.ask(f"gone {WAIT_S}") == "True"
    peer.end("end")


def test_a_name_that_zeroconf_has_is_left_to_it(start):
    peer = start("there")
    assert peer.ask("register kitchen 8000") == "kitchen._http._tcp.local."
    it = start("here", "respond", "kitchen", 8080)
    assert (it.line(0), it.line(1)) == ("listening", "name kitchen-2")
    assert peer.ask("address kitchen-2") == HERE
    assert it.end("goodbye")[2:] == []
    peer.end("end")


def test_what_zeroconf_offers_is_found(start):
    peer = start("there")
    peer.ask("register lamp 8000")
    it = start("here", "ask", "lamp.local=20000", "_http._tcp.local=2000", "nobody.local=50")
    assert ast.literal_eval(it.line(0)) == [("lamp", THERE, 0, b"")]
    assert ast.literal_eval(it.line(1)) == [("lamp", THERE, 8000, b"\3a=b")]
    assert ast.literal_eval(it.line(2)) == []
    it.end("")
    peer.end("end")


def test_a_client_takes_the_name_of_a_device_nearby(start):
    """http://lamp.local is asked of the devices nearby, by one question to all; zeroconf answers it."""
    peer = start("there")
    peer.ask("register lamp 8000")
    pages = start("there", "-u", "-m", "http.server", "8000", "--bind", THERE)
    assert "8000" in pages.line(0)
    it = start("here", "fetch", "http://lamp.local:8000/LICENSE", "http://LAMP.local.:8000/none")
    assert it.line(0) == "200 %d" % (lanes.ROOT / "LICENSE").stat().st_size
    assert it.line(1).startswith("404 ")
    it.end("")
    peer.end("end")
