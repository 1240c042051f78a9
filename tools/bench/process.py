"""Servers as processes, on their own processor."""

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import host
from .contenders import CONTENDERS, CPYTHON

SERVERS = Path(__file__).resolve().parent / "servers"

failures = []


def fail(text, name="mungo"):
    """Report a failure now, at the end and in the exit status. A failure of a peer is only printed now."""
    if "mungo" not in name and "bare" not in name:
        progress(text)
    elif text not in failures:
        print("FAILED: " + text, file=sys.stderr, flush=True)
        failures.append(text)


def progress(text):
    print("... " + text, file=sys.stderr, flush=True)


def tool(name, *args):
    """Start a module of this folder on CPython; it prints one JSON object."""
    command = [sys.executable, "-B", "-m", "tools.bench." + name, *args]
    return subprocess.Popen(command, cwd=host.ROOT, stdout=subprocess.PIPE, text=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def needed(packages):
    """A TemporaryDirectory with links to these packages only, so that MicroPython finds no other modules."""
    site = tempfile.TemporaryDirectory()
    for package in packages:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin:
            os.symlink(Path(spec.origin).parent, Path(site.name) / package)
    return site


class Server:
    """A running contender. A context manager: leaving it ends the process."""

    def __init__(self, name, env=(), options=(), args=(), script=None):
        self.name = name
        self.contender = one = CONTENDERS[name]
        self.port = free_port()
        self.log = tempfile.TemporaryFile("w+")
        self.site = needed(one.needs)
        path = str(SERVERS / (script or one.script))  # (the script's folder is on its path)
        environ = {key: value for key, value in os.environ.items() if key not in ("GC_THRESHOLD", "APP", "BELL", "PYTHONPATH")}
        environ.update({"HOST": "127.0.0.1", "PORT": str(self.port), **dict(env)})
        if one.runtime != CPYTHON:
            environ["MICROPYPATH"] = ("lib:firmware:.frozen:" if one.uses_mungo else ".frozen:") + self.site.name
            command = [host.MICROPYTHON, *options, path, *args]
        elif one.uses_mungo:
            command = [sys.executable, str(host.ROOT / "host_tests/shim/run.py"), path, *args]
        else:
            command = [sys.executable, "-B", path, *args]
        self.process = subprocess.Popen(command, cwd=host.ROOT, env=environ, stdout=self.log, stderr=self.log)
        if host.SERVER_CPU is not None:
            os.sched_setaffinity(self.process.pid, {host.SERVER_CPU})

    def wait(self, path="/"):
        """Wait up to 5 seconds until the server answers; True if it does. (The kernel accepts before the server is ready.)"""
        request = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2) as sock:
                sock.sendall(request)
                if sock.recv(100)[9:12] == b"200":
                    return True
            time.sleep(0.02)
        fail("%s is left out, because it did not start: %s" % (self.name, self.said()))
        return False

    def said(self):
        """The last line of the server's output: the error, if it is a traceback."""
        self.log.seek(0)
        lines = self.log.read().strip().splitlines()
        return lines[-1] if lines else "it printed nothing"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.site.cleanup()


@contextlib.contextmanager
def running(names, env=(), options=(), bodies=False, path="/"):
    """A context manager: starts the named contenders, and gives a list of those that answer. `bodies`: start their scripts for bodies."""
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(Server(n, env, options, script=bodies and CONTENDERS[n].bodies)) for n in names]
        up = [server for server in started if server.wait(path)]
        yield up
        for server in up:
            if server.process.poll() is not None:
                fail("%s ended during the measurement: %s" % (server.name, server.said()), server.name)
