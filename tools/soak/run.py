"""Run all kinds of clients for an hour, and check every ten seconds that nothing grows.

    python -m tools.soak.run [--minutes 60] [--heap 224k] [--share 0.8] [--out build/soak]

The server runs on MicroPython's unix port, from bytecode, with that heap. The clients send browsers' bursts, requests for
workers, for threads with pipes and for threads with wakeups, streams and uploads. Some leave in the middle, and one sends
a byte a second. Their pace is regulated so that the server uses `share` of a processor, unless the clients are too slow.

Writes soak.csv and soak.svg. Fails if an answer is wrong or missing, if the server's counters do not add up, if heap,
descriptors, threads, connections or latency grow, or if the largest free block shrinks. Growth is judged by regression.
"""

import argparse
import asyncio
import contextlib
import csv
import json
import os
import platform
import random
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from .. import mpy
from ..bench import host, load
from . import clients, plot

SAMPLE_S = 10
WARM_UP = 6  # samples that are not judged: parts are loaded and threads are started
COLUMNS = {
    "heap": "heap in use after a collection, bytes",
    "largest": "largest free block, bytes",
    "p50_ms": "latency of /fast, median, ms",
    "p99_ms": "latency of /fast, 99 %, ms",
    "files": "open descriptors",
    "threads": "threads",
    "rate": "answers a second",
    "share": "share of a processor that the server used",
}
# Allowed change over the whole run, in the column's unit. (A block of the heap has 32 bytes.)
GROWTH = {"heap": 1024, "largest": -2048, "files": 2, "threads": 2, "conns": 3, "pipes": 3, "p99_ms": 20}


def free_ports():
    """A free port; the next one is free too. Both are below the range that the system uses for outgoing connections."""
    while True:
        port = random.randrange(20000, 32767)
        with socket.socket() as one, socket.socket() as other, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 1))
            return port


class Server:
    """The server's process."""

    def __init__(self, heap):
        self.port = free_ports()
        environment = dict(os.environ, MICROPYPATH="build/mpy/lib:.frozen", PORT=str(self.port))
        command = [host.MICROPYTHON, "-X", f"heapsize={heap}", "tools/soak/server.py"]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.proc = subprocess.Popen(command, cwd=host.ROOT, env=environment, text=True, **pipes)
        self.lines = []
        self.largest = 0
        self.ready = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if not self.ready.wait(20) or self.proc.poll() is not None:
            raise SystemExit("the server did not start. It printed:\n" + "".join(self.lines))
        self.cpu = load.cpu_clock(self.proc.pid)

    def _read(self):
        for line in self.proc.stdout:
            found = re.search(r"max free sz: (\d+)", line)
            if found:
                self.largest = int(found[1]) * 32
            elif not re.match(r"(stack|GC|mem): | No\. of ", line):
                self.lines.append(line)
            if "listening" in line:
                self.ready.set()
        self.ready.set()

    def proc_figures(self):
        pid = self.proc.pid
        with open(f"/proc/{pid}/status") as file:
            threads = int(re.search(r"^Threads:\s*(\d+)", file.read(), re.M)[1])
        return {"files": len(os.listdir(f"/proc/{pid}/fd")), "threads": threads}


class Soak:
    def __init__(self, server, share, until):
        self.server = server
        self.share = share
        self.until = until
        self.counts = {"answered": 0, "busy": 0, "left": 0, "cut": 0}
        self.latencies = []
        self.pause = 0.5  # mean pause of a client, seconds
        self.failures = []
        self.rows = []

    def count(self, what, n=1):
        self.counts[what] += n

    @property
    def is_over(self):
        return time.monotonic() > self.until or self.failures

    async def again(self, client, is_paced):
        """Run a client again and again until the end."""
        while not self.is_over:
            await asyncio.sleep(random.expovariate(1 / self.pause) if is_paced else 0.1)
            try:
                await asyncio.wait_for(client(self.server.port, self.count), clients.WAIT_S * 2)
            except (clients.Lost, OSError, EOFError, TimeoutError, ValueError) as er:
                self.failures.append("%s: %r" % (client.__name__, er))

    async def probe(self):
        """Measure the latency of a quick request, 50 times a second."""
        async with clients.Link.open(self.server.port) as link:
            while not self.is_over:
                await asyncio.sleep(0.02)
                start = time.perf_counter()
                clients.check(await link.ask("GET", "/fast"), (200, b"hi\n"))
                self.latencies.append((time.perf_counter() - start) * 1000)
                self.count("answered")

    async def named(self, task):
        """Run a task, and record its name if it fails."""
        try:
            await task()
        except (clients.Lost, OSError, EOFError) as er:
            self.failures.append("%s: %r" % (task.__name__, er))

    async def regulate(self):
        """Regulate the server's share of a processor by the pause of the clients."""
        cpu, now = self.server.cpu(), time.monotonic()
        while not self.is_over:
            await asyncio.sleep(1)
            cpu, used = self.server.cpu(), self.server.cpu() - cpu
            now, took = time.monotonic(), time.monotonic() - now
            self.pause = min(5.0, max(0.005, self.pause * (1 + 0.5 * max(-0.8, min(1.0, (used / took - self.share) / self.share)))))

    async def sample(self):
        """Take a row of figures every ten seconds."""
        begun = at = time.monotonic()
        cpu, answered = self.server.cpu(), 0
        while not self.is_over:
            await asyncio.sleep(max(0.0, at + SAMPLE_S - time.monotonic()))
            async with clients.Link.open(self.server.port) as link:
                state = json.loads((await link.ask("GET", "/state"))[1])
            took, at = time.monotonic() - at, time.monotonic()
            used, cpu = self.server.cpu() - cpu, self.server.cpu()
            done, answered = self.counts["answered"] - answered, self.counts["answered"]
            ranked = sorted(self.latencies)
            self.latencies = []
            row = {"s": round(at - begun), "heap": state["heap"], "largest": self.server.largest, "free": state["free"]}
            row.update(self.server.proc_figures(), conns=state["conns"], pipes=state["pipes"], pause_s=round(self.pause, 3))
            row.update(p50_ms=round(ranked[len(ranked) // 2], 3), p99_ms=round(ranked[len(ranked) * 99 // 100], 3))
            row.update(rate=round(done / took), share=round(used / took, 3), **self.counts)
            self.rows.append(row)
            print(" ".join("%s=%s" % pair for pair in row.items()), flush=True)

    async def run(self):
        tasks = [self.again(client, True) for client, n in clients.MIX.items() for _ in range(n)]
        tasks += [self.again(clients.dribbler, False), self.named(self.probe), self.regulate(), self.named(self.sample)]
        try:
            async with asyncio.TaskGroup() as group:
                for task in tasks:
                    group.create_task(task)
        except* (clients.Lost, OSError, EOFError) as errors:
            self.failures += [repr(er) for er in errors.exceptions]
        if self.server.proc.poll() is not None:
            return None
        await asyncio.sleep(2)
        async with clients.Link.open(self.server.port) as link:
            return json.loads((await link.ask("GET", "/state"))[1])


def drift(times, values):
    """(change of the values over the run by linear regression, its standard error)."""
    n = len(times)
    slope, start = statistics.linear_regression(times, values)
    spread = sum((v - start - slope * t) ** 2 for t, v in zip(times, values, strict=True)) / (n - 2)
    mean = statistics.fmean(times)
    error = (spread / sum((t - mean) ** 2 for t in times)) ** 0.5
    return slope * (times[-1] - times[0]), error * (times[-1] - times[0])


def judge(rows, end):
    """Yields a line for each failed check."""
    judged = rows[WARM_UP:]
    if len(judged) < 12:
        print("the run is too short to tell growth from noise: %d samples" % len(rows))
        judged = []
    times = [row["s"] for row in judged]
    for name, most in GROWTH.items() if judged else ():
        change, error = drift(times, [row[name] for row in judged])
        print("%-8s changed by %8.1f +- %.1f over the run, %g allowed" % (name, change, error, most))
        # A change that is smaller than four standard errors is noise.
        if (change > most if most > 0 else change < most) and abs(change) > 4 * error:
            yield "%s changed by %.1f, at most %g is allowed" % (name, change, most)
    jobs = end["stats"]["workers"]
    if jobs["jobs"] != sum(jobs[name] for name in ("done", "failed", "dropped", "timeouts", "unstarted")) or jobs["busy"]:
        yield "the counters of the worker pool do not add up: %s" % jobs
    for name in ("bugs", "rings_lost", "starved", "recv_full", "evicted", "refused"):
        if end["stats"][name]:
            yield "%s is %d, must be 0" % (name, end["stats"][name])
    if end["pipes"]:
        yield "%d pipes are still open" % end["pipes"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--heap", default="224k")
    parser.add_argument("--share", type=float, default=0.8)
    parser.add_argument("--out", type=Path, default=host.ROOT / "build" / "soak")
    args = parser.parse_args()
    mpy.build("lib")
    server = Server(args.heap)
    print("%g minutes, heap %s, %d cores of %s" % (args.minutes, args.heap, os.cpu_count(), platform.machine()), flush=True)
    soak = Soak(server, args.share, time.monotonic() + args.minutes * 60)
    try:
        end = asyncio.run(soak.run())
    finally:
        status = server.proc.poll()
        server.proc.terminate()
        server.proc.wait()
    args.out.mkdir(parents=True, exist_ok=True)
    if soak.rows:
        with open(args.out / "soak.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, soak.rows[0])
            writer.writeheader()
            writer.writerows(soak.rows)
        title = "%g minutes, heap of %s" % (args.minutes, args.heap)
        desc = "Heap, largest free block, latency, descriptors, threads, answers a second and the server's processor, every ten seconds."
        (args.out / "soak.svg").write_text(plot.draw(title, desc, soak.rows, COLUMNS))
    print(soak.counts)
    print(end and end["stats"])
    faults = soak.failures or list(judge(soak.rows, end) if end else [])
    if status is not None:
        faults.append(f"the server ended with status {status}")
    if server.lines[1:]:
        faults.append("the server printed:\n" + "".join(server.lines[1:][:30] + ["..\n"] + server.lines[-15:]))
    return "\n".join(faults) or None


if __name__ == "__main__":
    sys.exit(main())
