"""lib/mungo/sntp.py asks chrony, which serves the time of this machine's clock and does not set it (-x)."""

import contextlib
import shutil
import socket
import subprocess
import time

import pytest

import lanes
from server import free_port

CHRONYD = shutil.which("chronyd") or shutil.which("chronyd", path="/usr/sbin:/sbin")
START_S = 20

pytestmark = pytest.mark.skipif(not CHRONYD, reason="there is no chronyd: tools/debian.sh says how to get it")

# The options of a server that says it knows the time, and of one that has no source for it.
SURE = "local stratum 5"
UNSURE = ""


@contextlib.contextmanager
def chrony(folder, options):
    """A chrony with these options: its port."""
    port = free_port()
    folder.mkdir()
    config = folder / "chrony.conf"
    config.write_text(
        f"port {port}\nbindaddress 127.0.0.1\nallow 127.0.0.1\ncmdport 0\nbindcmdaddress /\npidfile {folder}/pid\n"
        f"driftfile {folder}/drift\n{options}\n"
    )
    command = [CHRONYD, "-x", "-U", "-d", "-f", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as proc:
        try:
            wait_for(proc, port)
            yield port
        finally:
            proc.terminate()


def wait_for(proc, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(0.1)
        deadline = time.monotonic() + START_S
        while True:
            assert proc.poll() is None and time.monotonic() < deadline, (
                "chronyd does not answer" if proc.poll() is None else proc.stdout.read()
            )
            try:
                sock.send(b"\x23" + bytes(47))
                assert len(sock.recv(100)) == 48
                return
            except (TimeoutError, ConnectionRefusedError):
                continue


@pytest.mark.lanes("cpython", "upy", "upy-100k")
def test_chrony_is_asked(runtime, tmp_path):
    with chrony(tmp_path / "sure", SURE) as port:
        before = time.time_ns() // 1000
        done = lanes.run_script(runtime, "host_tests/servers/ask_time.py", 2, port)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = ([int(part) for part in line.split() if part != "None"] for line in done.stdout.splitlines())
    assert len(first) == 5 and len(second) == 6  # at first there is no drift
    for at, now, us, offset, delay, *_ in (first, second):
        # It is one clock, so that all error comes from the way there and back; of that, at most half. (chrony's times are 1 us off.)
        assert at == port and delay >= 0 and before <= us - offset <= now
        assert before <= us <= now + delay / 2 + 2 and offset <= delay / 2 + 2


@pytest.mark.lanes("cpython", "upy")
def test_a_chrony_that_has_no_source_is_not_believed(runtime, tmp_path):
    with chrony(tmp_path / "unsure", UNSURE) as unsure, chrony(tmp_path / "sure", SURE) as port:
        done = lanes.run_script(runtime, "host_tests/servers/ask_time.py", 1, unsure, port)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[0]) == port
