"""Servers as processes, on a processor of their own."""

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
    """Something is missing from the tables: say so now, at the end, and in the exit status, unless it is a peer's that does not bear it."""
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
    """A TemporaryDirectory with these packages alone: the others' modules must not be found by MicroPython."""
    site = tempfile.TemporaryDirectory()
    for package in packages:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin:
            os.symlink(Path(spec.origin).parent, Path(site.name) / package)
    return site


class Server:
    """A contender that is running; `with` ends it."""

    def __init__(self, name, env=(), options=(), args=(), script=None):
        self.name = name
        self.contender = one = CONTENDERS[name]
        self.port = free_port()
        self.log = tempfile.TemporaryFile("w+")
        self.site = needed(one.needs)
        path = str(SERVERS / (script or one.script))  # (a script finds its own folder by itself)
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
        """Whether it answers; it has 5 seconds to come up. (To accept is not enough: the kernel does that.)"""
        request = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2) as sock:
                sock.sendall(request)
                if sock.recv(100)[9:12] == b"200":
                    return True
            time.sleep(0.02)
        fail("%s is left out, it did not start: %s" % (self.name, self.said()))
        return False

    def said(self):
        """The last line that it printed: of a traceback, the error."""
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
    """The named contenders that came up, all at once: a server without requests sleeps. `bodies`: by their script for these."""
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(Server(n, env, options, script=bodies and CONTENDERS[n].bodies)) for n in names]
        up = [server for server in started if server.wait(path)]
        yield up
        for server in up:
            if server.process.poll() is not None:
                fail("%s ended in the middle: %s" % (server.name, server.said()), server.name)
