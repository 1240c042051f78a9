"""The machinery of the tests: each outcome is told as what it is, on each runtime; servers start and end."""

import os
import signal
import socket
import subprocess
import sys

import pytest

import lanes
import server
import unit_items
from unit_items import read_results, run_module

ALL = sorted(lanes.LANES)


@pytest.mark.lanes(*ALL)
def test_outcomes(runtime):
    names = ["test_passes", "test_fails", "test_skips", "test_exits"]
    lane = lanes.LANES[runtime]
    results = run_module(lane, lane.heap, "sample_outcomes", names)
    assert results["test_passes"] == ("ok", "said by test_passes")
    assert results["test_skips"] == ("skip", "not on this board")
    outcome, text = results["test_fails"]
    assert outcome == "FAIL"
    assert text.startswith("said by test_fails\nTraceback (most recent call last):")
    assert "line 16, in test_fails" in text and "AssertionError" in text
    assert results["test_exits"][0] == "FAIL"


@pytest.mark.lanes("cpython", "upy", "upy-64k")
def test_process_that_dies(runtime):
    lane = lanes.LANES[runtime]
    results = run_module(lane, lane.heap, "sample_outcomes", ["test_passes", "test_dies", "test_fails"])
    assert results["test_passes"][0] == "ok"
    assert results["test_dies"] == (
        "FAIL",
        "said by test_dies\ntest_dies did not report: the process ended with status -9",
    )
    assert results["test_fails"][0] == "FAIL"
    assert "did not run (the last to run was test_dies)" in results["test_fails"][1]


@pytest.mark.lanes("cpython", "upy")
def test_process_that_hangs(runtime):
    lane = lanes.LANES[runtime]
    results = run_module(lane, lane.heap, "sample_outcomes", ["test_hangs"], timeout=3)
    assert results["test_hangs"][0] == "FAIL"
    assert "still running after 3 s" in results["test_hangs"][1]


def test_bad_end_fails_the_last_test():
    output = "run test_a\nok test_a\nrun test_b\nok test_b\nend 2\n"
    assert read_results(output, None, ["test_a", "test_b"])["test_b"] == ("ok", "end 2")
    results = read_results(output, "the process ended with status -11", ["test_a", "test_b"])
    assert results["test_a"] == ("ok", "")
    assert results["test_b"] == ("FAIL", "end 2\nafter test_b: the process ended with status -11")


_CONFTEST = """
import unit_items

def pytest_pycollect_makemodule(module_path, parent):
    return unit_items.UnitFile.from_parent(parent, path=module_path)

def run_module(lane, heap, module, names):
    with open("ran", "a") as file:
        print(lane.name, module, *names, file=file)
    return {name: ("FAIL" if lane.name == "upy" and name == "test_bad" else "ok", "") for name in names}

unit_items.run_module = run_module
"""


# `make test ARGS=--last-failed` finds the unit tests that failed.
def test_what_failed_runs_again_alone(tmp_path):
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    for name in ("test_a", "test_b"):
        (tmp_path / f"{name}.py").write_text("def test_good():\n    pass\n\n\ndef test_bad():\n    pass\n")
    (tmp_path / "test_a.py").write_text("def test_good():\n    pass\n")
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))

    def run(*arguments):
        command = [sys.executable, "-m", "pytest", "-q", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        ran = (tmp_path / "ran").read_text().splitlines() if (tmp_path / "ran").exists() else []
        (tmp_path / "ran").unlink(missing_ok=True)
        return done.returncode, ran

    status, ran = run()
    assert status == 1 and len(ran) == 2 * len(lanes.UNIT_LANES)
    again = "--last-failed", "--last-failed-no-failures", "none"
    assert run(*again) == (1, ["upy test_b test_bad"])
    (tmp_path / "conftest.py").write_text(_CONFTEST.replace('"FAIL"', '"ok"'))
    assert run(*again) == (0, ["upy test_b test_bad"])
    assert run(*again) == (5, [])  # nothing has failed: nothing is run


def test_missing_module_fails_its_tests():
    lane = lanes.LANES["upy"]
    outcome, text = run_module(lane, lane.heap, "no_such_module", ["test_a"])["test_a"]
    assert outcome == "FAIL"
    assert "ImportError: no module named 'no_such_module'" in text


def test_heap_of_a_module():
    small = lanes.LANES["upy-64k"]
    assert lanes.unit_heap(small) == "64k"
    assert lanes.unit_heap(small, "100k") == "100k"
    assert lanes.unit_heap(lanes.LANES["upy-192k"], "100k") == "192k"
    assert lanes.unit_heap(lanes.LANES["cpython"], "100k") is None


# A small lane's heap is what it says: MicroPython's own count, less its bookkeeping.
@pytest.mark.parametrize("name", ["upy", "upy-64k", "upy-192k"])
def test_heap_is_what_the_lane_says(name):
    code = "import gc; gc.collect(); print(gc.mem_free() + gc.mem_alloc())"
    command = [lanes.micropython(), "-X", f"heapsize={lanes.LANES[name].heap}", "-c", code]
    total = int(subprocess.run(command, capture_output=True, check=True).stdout)
    assert 0.9 < total / lanes.heap_bytes(lanes.LANES[name].heap) <= 1


def test_items_have_readable_names():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-k", "test_ticks"]
    done = subprocess.run([*command, "host_tests/unit/test_shim.py"], cwd=lanes.ROOT, capture_output=True, text=True)
    names = [line for line in done.stdout.splitlines() if "::" in line]
    assert names == [
        "host_tests/unit/test_shim.py::test_ticks[cpython]",
        "host_tests/unit/test_shim.py::test_ticks[upy]",
    ], done.stdout


def test_literals_of_a_module(request, tmp_path):
    path = tmp_path / "test_x.py"
    path.write_text('LANES = ("upy", "upy-64k")\nMIN_HEAP = "100k"\ndef test_a(): pass\ndef helper(): pass\n')
    items = list(unit_items.UnitFile.from_parent(request.session, path=path).collect())
    assert [(item.name, item.heap) for item in items] == [("test_a[upy]", "2M"), ("test_a[upy-64k]", "100k")]


# --- the shim as a program


def shim(code, tmp_path, **environment):
    script = tmp_path / "script.py"
    script.write_text(code)
    return lanes.run_script("cpython", script, **environment)


def test_shim_ticks_wrap_soon_if_told(tmp_path):
    code = """
import time
start = time.ticks_ms()
while time.ticks_ms() >= start:
    time.sleep_ms(1)
assert start > (1 << 30) - 300
assert time.ticks_us() < 1 << 30
assert time.ticks_diff(time.ticks_ms(), start) > 0
print("wrapped")
"""
    done = shim(code, tmp_path, TICKS_START="-300")
    assert done.stdout == "wrapped\n", done.stderr


# As on boards. The unix port takes the new socket's events for the old one's: the system knows numbers alone.
def test_shim_poll_knows_a_closed_socket_whose_number_is_used_again(tmp_path):
    code = """
import select, socket
poll = select.poll()
old = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
poll.register(old, select.POLLOUT)
number = old.fileno()
old.close()
new = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
assert new.fileno() == number
assert poll.poll(1000) == [(old, 32)]
poll.register(new, select.POLLOUT)
assert poll.poll(1000) == [(old, 32), (new, select.POLLOUT)]
poll.unregister(old)
assert poll.poll(1000) == [(new, select.POLLOUT)]
print("ok")
"""
    done = shim(code, tmp_path)
    assert done.stdout == "ok\n", done.stderr


# Code for a port with an emitter falls back to its plain twin.
def test_shim_has_no_viper(tmp_path):
    code = """
import micropython
try:
    @micropython.viper
    def f(p: ptr8): pass
except AttributeError:
    print("plain twin")
"""
    assert shim(code, tmp_path).stdout == "plain twin\n"


def test_shim_scripts_see_no_shim_files(tmp_path):
    code = """
import sys, machine, network
print(__name__, len(sys.argv), network.WLAN(network.STA_IF).isconnected(), isinstance(machine.unique_id(), bytes))
try:
    import sockets
except ImportError:
    print("hidden")
machine.reset()
"""
    done = shim(code, tmp_path)
    assert done.stdout == "__main__ 1 False True\nhidden\n", done.stderr
    assert done.returncode == 0


# --- servers


def ask(one):
    with socket.create_connection((one.host, one.port), timeout=20) as sock:
        return b"".join(iter(lambda: sock.recv(100), b""))


@pytest.mark.lanes("cpython", "upy", "upy-64k")
def test_serve(serve):
    one = serve(script="hello.py")
    two = serve(app="second", script="hello.py")
    assert ask(one) == b"hello from nobody"
    assert ask(two) == b"hello from second"
    assert one.output() == f"listening on port {one.port}\n"
    assert one.proc.poll() is None
    assert one.stop() == -signal.SIGTERM
    assert one.stop() == -signal.SIGTERM
    with pytest.raises(ConnectionRefusedError):
        ask(one)
    assert ask(two) == b"hello from second"


def test_server_that_does_not_start(serve, tmp_path):
    script = tmp_path / "bad.py"
    script.write_text("print('going')\nraise ValueError('bad setting')\n")
    with pytest.raises(RuntimeError, match="(?s)did not start: status 1.*going.*ValueError: bad setting"):
        serve(script=str(script))


def test_silent_server_is_given_up(runtime, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "START_S", 0.5)
    script = tmp_path / "silent.py"
    script.write_text("import time\nprint('hm')\nwhile True: time.sleep(1)\n")
    one = server.Server(lanes.LANES[runtime], str(script), {})
    with pytest.raises(RuntimeError, match="did not say in 0.5 s that it listens"):
        one.wait_ready()
    assert one.proc.poll() is not None


def test_failed_test_shows_its_servers_output(tmp_path):
    test = tmp_path / "test_it.py"
    test.write_text("def test_it(serve):\n    serve(script='hello.py')\n    assert False\n")
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "--rootdir", str(lanes.ROOT), "-c", "pyproject.toml"]
    environment = dict(os.environ, PYTHONPATH="host_tests:tools")
    done = subprocess.run([*command, str(test)], cwd=lanes.ROOT, env=environment, capture_output=True, text=True)
    assert "output of host_tests/servers/hello.py on upy" in done.stdout, done.stdout
    assert done.stdout.count("listening on port") == 2
    assert "upy            2M        0        1        0        0" in done.stdout
