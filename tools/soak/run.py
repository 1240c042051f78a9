"""Run all kinds of clients for an hour, and check every ten seconds that nothing grows.

    python -m tools.soak.run [--minutes 60] [--heap 320k] [--share 0.8] [--board NAME] [--out build/soak]

The server runs on MicroPython's unix port, from bytecode, with that heap. The clients send browsers' bursts, requests for
workers, for threads with pipes and for threads with wakeups, streams and uploads. Some leave in the middle, and one sends
a byte a second. Their pace is regulated so that the server uses `share` of a processor, unless the clients are too slow.

With `board`, a folder of boards/, the server has that board's limits on stock firmware, and a heap of 192 KB: a Pico W has four
connections. The clients are browsers that load a page of 20 parts by six connections, slow readers, pages that hold an EventSource or a
WebSocket, and others; see board_clients.py. What a full server may answer is 503.

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
import runpy
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from .. import boards, mpy
from ..bench import host, load
from . import board_clients, clients, plot

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
BOARD_COLUMNS = {
    "heap": "heap in use after a collection, bytes",
    "largest": "largest free block, bytes",
    "p50_ms": "time to load the page of 20 parts, median, ms",
    "p90_ms": "the same, 90 %",
    "files": "open descriptors",
    "conns": "connections, with the listener and the pool's",
    "pages": "pages loaded, in all",
    "pages_busy": "pages of which some part was answered by 503, in all",
}
# Allowed change over the whole run, in the column's unit. (A block of the heap has 32 bytes.)
GROWTH = {"heap": 1024, "largest": -2048, "files": 2, "threads": 2, "conns": 3, "pipes": 3, "p99_ms": 20}
BOARD_GROWTH = {"heap": 1024, "largest": -2048, "files": 2, "threads": 2, "conns": 3, "pipes": 3}


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

    def __init__(self, heap, *args, **settings):
        self.port = free_ports()
        environment = {"MICROPYPATH": "build/mpy/lib:.frozen", "PORT": str(self.port)}
        command = [host.MICROPYTHON, "-X", f"heapsize={heap}", *(args or ["tools/soak/server.py"])]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.proc = subprocess.Popen(command, cwd=host.ROOT, env={**os.environ, **environment, **settings}, text=True, **pipes)
        self.lines = []
        self.largest = 0
        self.is_listening = False
        self.ready = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if not self.ready.wait(20) or not self.is_listening:
            raise SystemExit("the server did not start. It printed:\n" + "".join(self.lines))
        self.cpu = load.cpu_clock(self.proc.pid)

    def _read(self):
        for line in self.proc.stdout:
            found = re.search(r"max free sz: (\d+)", line)
            if found:
                self.largest = int(found[1]) * 32
            elif not re.match(r"(stack|GC|mem): | No\. of ", line):
                self.lines.append(line)
            if "http://" in line:  # where it listens
                self.is_listening = True
                self.ready.set()
        self.ready.set()

    def proc_figures(self):
        pid = self.proc.pid
        with open(f"/proc/{pid}/status") as file:
            threads = int(re.search(r"^Threads:\s*(\d+)", file.read(), re.M)[1])
        return {"files": len(os.listdir(f"/proc/{pid}/fd")), "threads": threads}


class Soak:
    columns = COLUMNS
    growth = GROWTH
    outcomes = ("answered", "busy", "left", "cut")
    conns_left = 4
    must_be_0 = ("bugs", "rings_lost", "starved", "recv_full", "evicted", "refused")

    def __init__(self, server, share, until):
        self.server = server
        self.share = share
        self.until = until
        self.counts = dict.fromkeys(self.outcomes, 0)
        self.latencies = []
        self.pause = 0.5  # mean pause of a client, seconds
        self.failures = []
        self.rows = []

    def count(self, what, n=1):
        self.counts[what] += n

    @property
    def is_over(self):
        return time.monotonic() > self.until or self.failures

    async def again(self, client, pause_s=None):
        """Run a client again and again until the end, with pauses of `pause_s` on average, else the regulated ones."""
        while not self.is_over:
            await asyncio.sleep(random.expovariate(1 / (pause_s or self.pause)))
            try:
                took_ms = await asyncio.wait_for(client(self.server.port, self.count), clients.WAIT_S * 2)
                if took_ms is not None:
                    self.latencies.append(took_ms)
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
            state = await self.state()
            took, at = time.monotonic() - at, time.monotonic()
            used, cpu = self.server.cpu() - cpu, self.server.cpu()
            done, answered = self.counts["answered"] - answered, self.counts["answered"]
            ranked = sorted(self.latencies)
            self.latencies = []
            row = {"s": round(at - begun), "heap": state["heap"], "largest": self.server.largest, "free": state["free"]}
            row.update(self.server.proc_figures(), conns=state["conns"], pipes=state["pipes"], pause_s=round(self.pause, 3))
            for percent in (50, 90, 99):
                row["p%d_ms" % percent] = round(ranked[len(ranked) * percent // 100], 3) if ranked else 0
            row.update(rate=round(done / took), share=round(used / took, 3), **self.counts)
            self.rows.append(row)
            print(" ".join("%s=%s" % pair for pair in row.items()), flush=True)

    async def state(self):
        """What the server says of itself."""
        while True:
            async with clients.Link.open(self.server.port) as link:
                status, body = await link.ask("GET", "/state")
                if status != 503:
                    return json.loads(body)

    def tasks(self):
        """What runs at once, until the end."""
        tasks = [self.again(client) for client, n in clients.MIX.items() for _ in range(n)]
        return [*tasks, self.again(clients.dribbler, 0.1), self.named(self.probe), self.regulate()]

    async def run(self):
        tasks = [*self.tasks(), self.named(self.sample)]
        try:
            async with asyncio.TaskGroup() as group:
                for task in tasks:
                    group.create_task(task)
        except* (clients.Lost, OSError, EOFError) as errors:
            self.failures += [repr(er) for er in errors.exceptions]
        if self.server.proc.poll() is not None:
            return None
        await asyncio.sleep(2)
        return await self.state()


class BoardSoak(Soak):
    """The soak at a board's limits."""

    columns = BOARD_COLUMNS
    growth = BOARD_GROWTH
    conns_left = 3
    outcomes = (*Soak.outcomes, "again", "pages", "pages_busy", "slow", "events", "messages")
    must_be_0 = ("bugs", "rings_lost", "starved")

    def tasks(self):
        return [self.again(client, pause_s) for client, (n, pause_s) in board_clients.MIX.items() for _ in range(n)]


def board_server(name, heap, folder):
    """A server with the limits of the board with this name. Its files are in the folder."""
    board = boards.BOARDS[name]
    (folder / "www").mkdir(parents=True, exist_ok=True)
    for n in range(board_clients.PICTURES):
        (folder / "www" / ("%d.bmp" % n)).write_bytes(board_clients.PICTURE)
    (folder / "www" / "large.txt").write_bytes(board_clients.LARGE)
    port = runpy.run_path(str(host.ROOT / "lib/mungo/port" / (board.port + ".py")), {"const": int})
    own = runpy.run_path(board.write_limits() + "/limits.py")
    limits = {key: value for key, value in vars(port["Limits"]).items() if key[0] != "_"} | own["MANAGER"]
    # Not the board's BELL: on the unix port poll crashes when a RingIO is among more than four descriptors (extmod/modselect.c moves its
    # array of them, and makes a pointer of the RingIO's NULL).
    told = {"manager": limits, "workers": own["WORKERS"], "bell": "udp", "pictures": board_clients.PICTURES}
    print("%s: %s" % (name, told), flush=True)
    # As bytecode too: on a board nothing is compiled.
    mpy.compile_file(host.ROOT / "tools/soak/board_server.py", folder / "board_server.mpy", "board_server")
    settings = {"MICROPYPATH": "build/mpy/lib:%s:.frozen" % folder, "LIMITS": json.dumps(told), "ROOT": str(folder / "www")}
    return Server(heap, "-m", "board_server", **settings)


def drift(times, values):
    """(change of the values over the run by linear regression, its standard error)."""
    n = len(times)
    slope, start = statistics.linear_regression(times, values)
    spread = sum((v - start - slope * t) ** 2 for t, v in zip(times, values, strict=True)) / (n - 2)
    mean = statistics.fmean(times)
    error = (spread / sum((t - mean) ** 2 for t in times)) ** 0.5
    return slope * (times[-1] - times[0]), error * (times[-1] - times[0])


def judge(soak, end):
    """Yields a line for each failed check."""
    judged = soak.rows[WARM_UP:]
    if len(judged) < 12:
        print("the run is too short to tell growth from noise: %d samples" % len(soak.rows))
        judged = []
    times = [row["s"] for row in judged]
    for name, most in soak.growth.items() if judged else ():
        change, error = drift(times, [row[name] for row in judged])
        print("%-8s changed by %8.1f +- %.1f over the run, %g allowed" % (name, change, error, most))
        # A change that is smaller than four standard errors is noise.
        if (change > most if most > 0 else change < most) and abs(change) > 4 * error:
            yield "%s changed by %.1f, at most %g is allowed" % (name, change, most)
    jobs = end["stats"]["workers"]
    if jobs["jobs"] != sum(jobs[name] for name in ("done", "failed", "dropped", "timeouts", "unstarted")) or jobs["busy"]:
        yield "the counters of the worker pool do not add up: %s" % jobs
    for name in soak.must_be_0:
        if end["stats"][name]:
            yield "%s is %d, must be 0" % (name, end["stats"][name])
    if end["conns"] > soak.conns_left:
        yield "%d connections are left, with the listeners, the pool's, and that of /state" % end["conns"]
    if end["pipes"]:
        yield "%d pipes are still open" % end["pipes"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--heap", help="default: 320k, with --board 192k")
    parser.add_argument("--share", type=float, default=0.8)
    parser.add_argument("--board", choices=boards.BOARDS)
    parser.add_argument("--out", type=Path, default=host.ROOT / "build" / "soak")
    args = parser.parse_args()
    heap = args.heap or ("192k" if args.board else "320k")
    mpy.build("lib")
    server = board_server(args.board, heap, args.out) if args.board else Server(heap)
    print("%g minutes, heap %s, %d cores of %s" % (args.minutes, heap, os.cpu_count(), platform.machine()), flush=True)
    soak = (BoardSoak if args.board else Soak)(server, args.share, time.monotonic() + args.minutes * 60)
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
        title = "%g minutes, heap of %s" % (args.minutes, heap) + (", the limits of %s" % args.board if args.board else "")
        desc = "Every ten seconds: %s." % "; ".join(soak.columns.values())
        (args.out / "soak.svg").write_text(plot.draw(title, desc, soak.rows, soak.columns))
    print(soak.counts)
    print(end and end["stats"])
    faults = soak.failures or list(judge(soak, end) if end else [])
    if status is not None:
        faults.append(f"the server ended with status {status}")
    if server.lines[1:]:
        faults.append("the server printed:\n" + "".join(server.lines[1:][:30] + ["..\n"] + server.lines[-15:]))
    return "\n".join(faults) or None


if __name__ == "__main__":
    sys.exit(main())
