"""Benchmarks on this machine: requests, slow handlers, wake-ups. Prints Markdown.

    .venv/bin/python tools/bench/run.py [--quick] [--only NAME ...]

NAME is a contender (bare, bare-loose, mungo, mungo-app, asyncio, microdot) or a table (slow, wake). Every contender runs in the
same MicroPython, the servers on one processor and the client on another. The contenders take turns of less than a
second, and a ratio is the median of the ratios of turns next to each other: a machine that is now fast and now slow, as
shared ones are, moves the numbers but hardly the ratios. What is sent and what counts as an answer: see load.py.

The exit status is 1 if something could not be measured; a target that is missed changes nothing.
"""

import argparse
import contextlib
import datetime
import importlib.metadata
import importlib.util
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report

BENCH = Path(__file__).resolve().parent
SERVERS = BENCH / "servers"
ROOT = BENCH.parent.parent
MICROPYTHON = os.environ.get("MICROPYTHON") or str(ROOT / ".venv/bin/micropython")

CONTENDERS = {
    "bare": "bare.py",
    "bare-loose": "bare_loose.py",  # with 10 connections only
    "mungo": "mungo_app.py",
    "mungo-app": "app_hello.py",
    "asyncio": "asyncio_streams.py",
    "microdot": "microdot_app.py",
}
MODES = {name: ("close",) if name == "microdot" else ("keep", "close") for name in CONTENDERS}
SLOW = {  # name: script, slow path, fast path
    "bare": (SERVERS / "slow_bare.py", "/slow", "/"),
    "microdot": (SERVERS / "microdot_app.py", "/slow", "/"),
    "mungo": (ROOT / "firmware/main.py", "/", "/fast"),  # a thread for each request
    "mungo-app": (SERVERS / "app_hello.py", "/slow", "/"),  # a pool of 4 and a queue of 8
}
SLOW_COUNTS = (1, 3, 8, 32)
QUICK_COUNTS = (1, 3)
WAKE = {"bare": "by hand: UDP and ipoll", "udp": "mungo, bell udp", "ring": "mungo, bell ring"}
TABLES = ("slow", "wake")

SECONDS = 0.4  # of a turn
THRESHOLDS = {  # the collector's settings: GC_THRESHOLD of servers/control.py
    "": "as MicroPython starts (no gc.threshold, heap of 2 MB)",
    "65536": "gc.threshold(65536)",
}
LARGE_HEAP = ("-X", "heapsize=64m")

EXPLAINED = """\
GET with 11 headers, about 520 bytes; the answer is 200 with 3 bytes. keep: kept alive; close: a connection for each
request. varying: 2048 heads, each connection sends another one each time; repeated: always the same. CPU is the
server's, user and system. Garbage is what a request leaves to the collector, with varying headers on one connection.
Medians of turns of %.1f s. x bare: to the bare loop in the same mode; for CPU its inverse, so that more is better.
bare-loose is bare with a parser that fails on some valid headers. Turns: how many of all had the server busy for 90 %%
of the time, as it is with 10 clients unless other programs take its processor; the others count only if there is none.
"""

failures = []


def fail(text):
    """Something is missing from the tables: say so now, at the end, and in the exit status."""
    if text not in failures:
        print("FAILED: " + text, file=sys.stderr, flush=True)
        failures.append(text)


def progress(text):
    print("... " + text, file=sys.stderr, flush=True)


def cpus():
    """The servers' and the client's processor, or None and None where they can't be chosen."""
    if not hasattr(os, "sched_setaffinity"):
        return None, None
    free = sorted(os.sched_getaffinity(0))
    return (free[0], free[1]) if len(free) > 1 else (None, None)


SERVER_CPU, CLIENT_CPU = cpus()


def tool(name, *args):
    """Start a script of this folder on CPython; its answer is one JSON object."""
    return subprocess.Popen([sys.executable, "-B", str(BENCH / name), *args], stdout=subprocess.PIPE, text=True)


class Server:
    """A server that is running; `with` ends it."""

    def __init__(self, name, script, site, env, options=(), args=()):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.name = name
        self.log = tempfile.TemporaryFile("w+")
        # A script finds its own folder by itself.
        path = {"mungo": "lib:firmware:.frozen", "mungo-app": "lib:.frozen", "microdot": ".frozen:" + site}.get(name, ".frozen")
        environ = {key: value for key, value in os.environ.items() if key not in ("GC_THRESHOLD", "APP", "BELL")}
        environ.update({"MICROPYPATH": path, "HOST": "127.0.0.1", "PORT": str(self.port), **env})
        command = [MICROPYTHON, *options, str(script), *args]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=self.log, stderr=self.log)
        if SERVER_CPU is not None:
            os.sched_setaffinity(self.process.pid, {SERVER_CPU})

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


@contextlib.contextmanager
def microdot_only():
    """A folder with microdot alone: the site packages hold modules that MicroPython must not find."""
    with tempfile.TemporaryDirectory() as site:
        spec = importlib.util.find_spec("microdot")
        if spec is not None and spec.origin:
            os.symlink(Path(spec.origin).parent, Path(site) / "microdot")
        yield site


@contextlib.contextmanager
def running(names, env, options=()):
    """The named contenders that came up, all at once: a server without requests sleeps."""
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(microdot_only())
        started = [stack.enter_context(Server(n, SERVERS / CONTENDERS[n], site, env, options)) for n in names]
        up = []
        for server in started:
            if server.wait():
                up.append(server)
            else:
                fail("%s is left out, it did not start: %s" % (server.name, server.said()))
        yield up
        for server in up:
            if server.process.poll() is not None:
                fail("%s ended in the middle: %s" % (server.name, server.said()))


def load(servers, mode, *args):
    """Have load.py ask the servers in turn, in this mode or the only one they have; a list of results for each name."""
    if not servers:
        return {}
    specs = []
    for server in servers:
        own = mode if mode in MODES[server.name] else "close"
        specs.append("%s:%d:%d:%s" % (server.name, server.port, server.process.pid, own))
    cpu = () if CLIENT_CPU is None else ("--cpu", str(CLIENT_CPU))
    client = tool("load.py", *specs, *cpu, *args)
    out = client.communicate()[0]
    if client.returncode:
        fail("load.py %s: exit status %d" % (" ".join(args), client.returncode))
        return {}
    return json.loads(out)


def measure_load(names, cells, passes, rounds, env):
    """{(mode, connections, headers): {name: turns}}; cells are (mode, connections, headers, in how many passes)."""
    results = {cell[:3]: {name: [] for name in names} for cell in cells}
    for n in range(passes):
        with running(names, env) as servers:
            for mode, connections, headers, most in cells:
                if n >= most:
                    continue
                progress("pass %d of %d: %s, %d connections, %s headers" % (n + 1, passes, mode, connections, headers))
                at = (mode, connections)
                chosen = [server for server in servers if server.name != "bare-loose" or connections == 10]
                args = ["--connections", str(connections), "--rounds", str(rounds), "--seconds", str(SECONDS)]
                if headers == "repeated":
                    args.append("--repeat")
                found = load(chosen, mode, *args)
                for name, turns in results[mode, connections, headers].items():
                    # Also for who is missing: it is their place that makes turns neighbours.
                    turns += found.get(name) or [{}] * rounds
                for server in chosen:
                    if not any(turn.get("requests") for turn in found.get(server.name, ())):
                        fail("%s, %s, %d connections: no answers; it said: %s" % (server.name, *at, server.said()))
    return results


def measure_garbage(names, modes, env):
    """{(name, mode): bytes a request}. On the way it sees whether the collector's threshold is the same for all."""
    garbage, thresholds = {}, {}
    for mode in modes:
        progress("garbage, " + mode)
        with running([name for name in names if mode in MODES[name]], env, LARGE_HEAP) as servers:
            for name, (result,) in load(servers, mode, "--garbage", "200").items():
                if "failed" in result:
                    said = [server.said() for server in servers if server.name == name][0]
                    fail("garbage of %s, %s: %s; it said: %s" % (name, mode, result["failed"], said))
                else:
                    garbage[name, mode] = result["garbage"]
                    thresholds[name] = result["threshold"]
    if len(set(thresholds.values())) > 1:
        fail("the collector's threshold is not the same for all: %s" % json.dumps(thresholds))
    return garbage


def measure_slow(names, counts):
    """A list of (name, how many slow ones, result). Those that sleep in their handlers all at once, mungo's one by one."""
    progress("slow handlers, %s at once" % ", ".join(map(str, counts)))
    pairs = [(name, count) for name in names for count in counts]
    groups = [[pair for pair in pairs if "mungo" not in pair[0]]] + [[pair] for pair in pairs if "mungo" in pair[0]]
    found = []
    for group in groups:
        found += measure_slow_together(group)
    return found


def measure_slow_together(pairs):
    found = []
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(microdot_only())
        servers = []
        for name, count in pairs:
            env = {"APP": "multi_threaded"}
            servers.append((stack.enter_context(Server(name, SLOW[name][0], site, env)), count))
        clients = []
        for server, count in servers:
            _, slow, fast = SLOW[server.name]
            if server.wait(fast):
                args = ("--port", str(server.port), "--slow", slow, "--fast", fast, "--count", str(count))
                clients.append((server, count, tool("slow.py", *args)))
            else:
                fail("slow handlers of %s: it did not start: %s" % (server.name, server.said()))
        for server, count, client in clients:
            out = client.communicate()[0]
            if client.returncode == 0:
                found.append((server.name, count, json.loads(out)))
            else:
                fail("slow.py for %s: exit status %d" % (server.name, client.returncode))
    return found


def measure_wake(kinds, passes, count):
    """{kind: results}."""
    runs = {kind: [] for kind in kinds}
    env = dict(os.environ, MICROPYPATH="lib:.frozen")
    for n in range(passes):
        for kind in kinds:
            progress("wake-ups, pass %d of %d: %s" % (n + 1, passes, kind))
            command = [MICROPYTHON, str(BENCH / "wake.py"), kind, str(count)]
            try:
                done = subprocess.run(command, cwd=ROOT, env=env, timeout=60, capture_output=True, text=True)
            except subprocess.TimeoutExpired:
                fail("wake.py %s: not done after 60 s" % kind)
                continue
            if done.returncode == 0:
                runs[kind].append(json.loads(done.stdout))
            else:
                said = (done.stdout + done.stderr).strip().splitlines()
                fail("wake.py %s: %s" % (kind, said[-1] if said else "it printed nothing"))
    return runs


def print_machine():
    model = "unknown processor"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    asked = "import sys; print(sys.implementation[0], sys.version, getattr(sys.implementation, '_build', ''))"
    version = subprocess.run([MICROPYTHON, "-c", asked], stdout=subprocess.PIPE, text=True).stdout.strip()
    try:
        microdot = importlib.metadata.version("microdot")
    except importlib.metadata.PackageNotFoundError:
        microdot = "not installed"
    print("# Benchmarks, %s\n" % datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"))
    print("- %s; %d cores; %s %s" % (model, os.cpu_count(), platform.system(), platform.release()))
    if SERVER_CPU is None:
        print("- servers and client on any processor: trust CPU, not req/s")
    else:
        print("- servers on processor %d, client on %d, over 127.0.0.1" % (SERVER_CPU, CLIENT_CPU))
    print("- %s; microdot %s; client: CPython %s" % (version, microdot, platform.python_version()))
    print("- load average at the start: %.2f %.2f %.2f\n" % os.getloadavg())
    sys.stdout.flush()


def bench_load(names, quick):
    passes, rounds = (1, 3) if quick else (3, 3)
    cells = []
    for mode in ("keep", "close"):
        cells.append((mode, 10, "varying", passes))
        if mode == "keep" or not quick:
            cells.append((mode, 10, "repeated", passes if mode == "keep" else 1))
        if not quick:
            cells += [(mode, connections, "varying", 1) for connections in (1, 50)]
    garbage = {}
    for threshold, setting in THRESHOLDS.items():
        env = {}
        if threshold:
            env["GC_THRESHOLD"] = threshold
            passes = min(passes, 2)
            cells = [cell for cell in cells if cell[1:3] == (10, "varying") and (cell[0] == "keep" or not quick)]
        modes = ("keep",) if quick and threshold else ("keep", "close")
        garbage.update(measure_garbage(names, modes, env))
        results = measure_load(names, cells, passes, rounds, env)
        print("## Requests; collector: %s\n" % setting)
        if not threshold:
            print(EXPLAINED % SECONDS)
        report.load_table(results, garbage, MODES)
        report.targets(results)
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute: 10 connections, one pass")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[*CONTENDERS, *TABLES], default=[])
    args = parser.parse_args()
    names = [name for name in CONTENDERS if not args.only or name in args.only]
    tables = [table for table in TABLES if not args.only or table in args.only]
    start = time.monotonic()
    progress("this takes about %s" % ("one minute" if args.quick else "five minutes"))
    print_machine()
    if names:
        bench_load(names, args.quick)
    if "slow" in tables:
        print("## While handlers are slow\n")
        wanted = [name for name in SLOW if name in names or not names]
        report.slow_table(measure_slow(wanted, QUICK_COUNTS if args.quick else SLOW_COUNTS))
    if "wake" in tables:
        print("## Wake-ups\n")
        report.wake_table(measure_wake(WAKE, *((1, 1000) if args.quick else (3, 2000))), WAKE)
    print("Took %d s; load average at the end: %.2f." % (time.monotonic() - start, os.getloadavg()[0]))
    if failures:
        print("\n## Failures\n")
        for text in failures:
            print("- " + text)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
