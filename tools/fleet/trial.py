"""Boards by the hundred, one mosquitto, and jobs that have to come out right while boards die: make fleet

    python -m tools.fleet.trial [--boards 100] [--jobs 20000] [--seed 1] [--events 200] [--restarts 2] ..

Each board is a process of MicroPython's unix port, from bytecode. By the seed, boards are killed and started again, stopped and continued
(SIGSTOP), and cut off, with and without a word; submitters are cut off too; some boards are started late; and the broker is restarted, by
SIGTERM and by SIGKILL. An event comes whenever another share of the jobs is over, so a slow machine sees as many.

It fails unless
- each on_done is called once, and the results and errors add up to the jobs;
- each result belongs to its job;
- a job that may run only once (each tenth) ran once at most, and only such jobs end with an error;
- each job that ran again is explained: one of its boards, its submitter or the broker had an event between the two runs or shortly before;
  or a third board came back, refused what it had been sent before, and so had it sent again. Each that comes back explains one such job.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

from .. import mpy
from .broker import Broker
from .wire import Wire

HERE = Path(__file__).resolve().parent
LATE = 10  # each tenth board is started by an event
PARTS = ("killed", "stopped", "cut off", "unplugged")
BUSY = 0.3  # of the boards have an event at the same time, at most
QUIET_S = 60  # without any job that ends: it hangs


class Event:
    """Something that happens to `name`: a board, a submitter or "broker". `end` is None while it lasts."""

    def __init__(self, kind, name):
        self.kind = kind
        self.name = name
        self.begin = time.monotonic()
        self.end = None
        self.is_blamed = False  # for a job that ran twice elsewhere


class Process:
    """A board or a submitter: a process of MicroPython behind a Wire. `ran`: (when, submitter, number) of each job that it has begun."""

    def __init__(self, trial, program, name, **settings):
        self.trial = trial
        self.program = program
        self.name = name
        self.settings = {key: str(value) for key, value in settings.items()}
        self.ran = []
        self.said = []  # what is none of that: complaints
        self.over = 0
        self.counts = None
        self.proc = None
        self.event = None

    async def prepare(self):
        self.wire = Wire(self.trial.broker.host, self.trial.broker.port)
        await self.wire.open()

    async def start(self):
        given = self.trial.given
        environment = dict(os.environ, **self.settings)
        environment.update(
            NAME=self.name,
            URL=f"mqtt://127.0.0.1:{self.wire.port}",
            LEASE_MS=str(given.lease_ms),
            KEEP_ALIVE_S=str(given.keep_alive_s),
            MICROPYPATH=":".join([*self.trial.path, ".frozen"]),
        )
        command = [self.trial.micropython, "-X", f"heapsize={given.heap}", "-m", self.program]
        self.is_ready = asyncio.Event()
        self.proc = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=environment
        )
        self.reader = asyncio.ensure_future(self.read())

    async def ready(self):
        """When it is connected. Raises TimeoutError if it has ended before, or is not in time."""
        waiting = asyncio.ensure_future(self.is_ready.wait())
        await asyncio.wait([waiting, self.reader], timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not self.is_ready.is_set():
            raise TimeoutError(f"{self.name} is not ready: {self.said[-5:]}")

    async def read(self):
        """What the process says, to its end."""
        async for line in self.proc.stdout:
            words = line.decode(errors="replace").split()
            if words[:1] == ["ran"]:
                self.ran.append((time.monotonic(), words[1], int(words[2])))
            elif words[:1] == ["ready"]:
                self.is_ready.set()
            elif words[:1] == ["done"]:
                self.over = int(words[1])
                self.trial.progressed()
            elif words[:1] == ["end"]:
                self.counts = json.loads(line[4:])
                self.over = self.counts["submitted"]
                self.trial.progressed()
            else:
                self.said.append(line.decode(errors="replace").rstrip())
        self.trial.progressed()

    async def kill(self):
        if self.proc is not None:
            with contextlib.suppress(ProcessLookupError):
                self.proc.kill()
            await self.proc.wait()
            await self.reader


class Trial:
    def __init__(self, given, broker):
        self.given = given
        self.broker = broker
        self.random = random.Random(given.seed)
        self.events = []
        self.tasks = []
        self.more = asyncio.Event()
        self.micropython = str(mpy.ROOT / (os.environ.get("MICROPYTHON") or ".venv/bin/micropython"))
        self.path = [str(mpy.OUT / "programs")]
        if not given.frozen:
            self.path.append(str(mpy.OUT / "lib"))
        self.boards = [Process(self, "board", f"board-{n}", AT_ONCE=1 + n % given.at_once) for n in range(given.boards)]
        shares = [given.jobs // given.submitters + (n < given.jobs % given.submitters) for n in range(given.submitters)]
        self.submitters = [
            Process(
                self,
                "submitter",
                f"submitter-{n}",
                JOBS=share,
                WINDOW=given.window,
                TIMEOUT_MS=given.timeout_ms,
                SEED=given.seed * 1000 + n,
                SHORT_MS=given.short_ms,
                LONG_MS=given.long_ms,
            )
            for n, share in enumerate(shares)
        ]

    # --- what happens

    def progressed(self):
        self.more.set()

    def over(self):
        return sum(one.over for one in self.submitters)

    async def until(self, n):
        """Until n jobs are over."""
        while self.over() < n:
            for one in self.submitters:
                if one.proc.returncode is not None and one.counts is None:
                    raise TimeoutError(f"{one.name} has ended: {one.said[-9:]}")
            self.more.clear()
            await asyncio.wait_for(self.more.wait(), QUIET_S)

    async def run(self):
        """The whole trial; seconds of the jobs."""
        given = self.given
        for one in self.boards + self.submitters:
            await one.prepare()
        late = self.boards[::LATE] if given.events else []
        for board in self.boards:
            if board not in late:
                await board.start()
                await asyncio.sleep(0.02)
        for board in self.boards:
            if board not in late:
                await board.ready()
        self.say(f"{len(self.boards) - len(late)} boards are there")
        start = time.monotonic()
        for submitter in self.submitters:
            await submitter.start()
        happenings = [self.start_late(board) for board in late]
        happenings += [self.disturb() for _ in range(max(0, given.events - len(late)))]
        self.random.shuffle(happenings)
        for n in range(given.restarts):
            happenings.insert((n + 1) * len(happenings) // (given.restarts + 1), self.restart(n))
        for n, happening in enumerate(happenings):
            if n % 50 == 49:
                self.say(f"{n} events, {self.over()} jobs are over")
            await self.until((n + 1) * given.jobs // (len(happenings) + 2))
            self.tasks.append(asyncio.ensure_future(happening))
        await self.until(given.jobs)
        took = time.monotonic() - start
        for submitter in self.submitters:
            await asyncio.wait_for(submitter.proc.wait(), QUIET_S)
            await submitter.reader
        for task in self.tasks:
            if not task.done():
                task.cancel()
        for failure in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(failure, Exception):  # (who was cancelled is none)
                raise failure
        return took

    async def close(self):
        for one in self.boards + self.submitters:
            if one.proc is not None and one.proc.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    one.proc.send_signal(signal.SIGCONT)
            await one.kill()
            one.wire.close()

    def say(self, text):
        if not self.given.quiet:
            print(time.strftime("%H:%M:%S"), text, flush=True)

    @contextlib.contextmanager
    def event(self, kind, one):
        """An event of a process, or of the broker (None)."""
        event = Event(kind, one.name if one else "broker")
        self.events.append(event)
        if one:
            one.event = event
        try:
            yield event
        finally:
            event.end = time.monotonic()
            if one:
                one.event = None

    async def start_late(self, board):
        with self.event("started", board):
            await board.start()
            await board.ready()

    def idle_one(self, among):
        return self.random.choice([one for one in among if one.proc is not None and one.event is None])

    async def disturb(self):
        """One of PARTS, to a board or, of the cuts, a submitter."""
        while sum(one.event is not None for one in self.boards) >= max(1, BUSY * len(self.boards)):
            await asyncio.sleep(0.05)
        kind = self.random.choice(PARTS)
        longest = self.given.longest_s
        seconds = self.random.uniform(0.1, longest)
        among = self.boards if kind in ("killed", "stopped") or self.random.random() < 0.9 else self.submitters
        one = self.idle_one(among)
        with self.event(kind, one):
            if kind == "killed":
                await one.kill()
                await asyncio.sleep(seconds / 4)
                await one.start()
                await one.ready()
            elif kind == "stopped":
                one.proc.send_signal(signal.SIGSTOP)
                await asyncio.sleep(seconds)
                one.proc.send_signal(signal.SIGCONT)
            elif kind == "cut off":
                one.wire.reset()
            else:
                one.wire.pull()
                await asyncio.sleep(seconds)
                one.wire.plug()

    async def restart(self, n):
        """The broker: by SIGTERM, and the next time by SIGKILL."""
        self.say(f"the broker is restarted, {self.over()} jobs are over")
        with self.event("restarted", None):
            self.broker.stop(signal.SIGKILL if n % 2 else signal.SIGTERM)
            await asyncio.sleep(0.5)
            self.broker.start()

    # --- what came out

    def runs(self):
        """{(submitter, number): [(when, board), ..]} in their order."""
        found = collections.defaultdict(list)
        for board in self.boards:
            for when, submitter, n in board.ran:
                found[submitter, n].append((when, board.name))
        for runs in found.values():
            runs.sort()
        return found

    def is_explained(self, job, first, second):
        """Whether an event of those that had to do with a job explains that it ran twice: at these (when, board)."""
        names = {"broker", job[0], first[1], second[1]}
        slack = 3 * self.given.lease_ms / 1000 + self.given.keep_alive_s
        for event in self.events:
            if event.name in names and event.begin <= second[0] and (event.end is None or event.end + slack >= first[0]):
                return True
        return False

    def came_back(self, first, second):
        """An event of a third board that came back between the two, or up to a second before; it explains no other. None without one."""
        for event in self.events:
            is_free = event.kind in ("stopped", "unplugged") and not event.is_blamed
            if is_free and event.end is not None and first[0] - 1 <= event.end <= second[0]:
                event.is_blamed = True
                return event
        return None

    def faults(self):
        """Lines about what is wrong."""
        given = self.given
        total = 0
        for one in self.submitters:
            counts = one.counts
            if counts is None:
                yield f"{one.name}: it has not come to its end: {one.said[-20:]}"
                continue
            errors = sum(counts["errors"].values())
            once = sum(counts["errors of once"].values())
            total += counts["results"] + errors + once
            if counts["wrong"] or counts["more than once"] or errors:
                yield f"{one.name}: {counts}"
        if total != given.jobs:
            yield f"results and errors: {total}, jobs: {given.jobs}"
        for one in self.boards + self.submitters:
            if one.said:
                yield f"{one.name} said: " + "\n".join(one.said[-20:])
        for job, runs in self.runs().items():
            if job[1] % 10 == 9 and len(runs) > 1:
                yield f"{job} may run only once, and ran on {runs}"
            for first, second in zip(runs, runs[1:]):
                if not self.is_explained(job, first, second) and not self.came_back(first, second):
                    yield f"{job} ran again without an event: {runs}"

    def figures(self, took):
        """{what: figure}"""
        runs = self.runs()
        counts = [one.counts for one in self.submitters if one.counts]
        errors = collections.Counter()
        for one in counts:
            for kind, n in (*one["errors"].items(), *one["errors of once"].items()):
                errors[re.sub(r"board-\d+", "a board", kind)] += n
        kinds = collections.Counter(event.kind for event in self.events)
        wires = [one.wire for one in self.boards + self.submitters]
        return {
            "boards": len(self.boards),
            "heap": self.given.heap,
            "jobs": self.given.jobs,
            "seconds": round(took, 1),
            "jobs a second": round(self.given.jobs / took, 1),
            "results": sum(one["results"] for one in counts),
            "errors": dict(errors),
            "events": sum(kinds.values()),
            "of them": dict(kinds),
            "jobs that ran twice": sum(len(one) == 2 for one in runs.values()),
            "more often": sum(len(one) > 2 for one in runs.values()),
            "jobs that did not run": self.given.jobs - len(runs),
            "bytes a job, at the broker": sum(wire.bytes for wire in wires) // self.given.jobs,
            "writes a job, at the broker": round(sum(wire.chunks for wire in wires) / self.given.jobs, 1),
            "submitters": dict(sum((collections.Counter(numbers(one["stats"])) for one in counts), collections.Counter())),
        }


def numbers(stats):
    return {key: value for key, value in stats.items() if isinstance(value, int) and not isinstance(value, bool)}


async def run(given, broker):
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)  # the boards end with it
    trial = Trial(given, broker)
    try:
        took = await trial.run()
    except TimeoutError as error:
        print(error or f"no job has ended for {QUIET_S} s", f"{trial.over()} jobs are over", sep="; ")
        for one in trial.boards + trial.submitters:
            if one.said:
                print(one.name, *one.said[-5:], sep="\n  ")
        return 1
    finally:
        await trial.close()
    for what, figure in trial.figures(took).items():
        print(f"{what}: {figure}")
    faults = list(trial.faults())
    for fault in faults[:20]:
        print("FAULT:", fault)
    return 1 if faults else 0


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--boards", type=int, default=100)
    add("--jobs", type=int, default=20000)
    add("--seed", type=int, default=1)
    add("--events", type=int, default=200)
    add("--restarts", type=int, default=2, help="of the broker")
    add("--submitters", type=int, default=5)
    add("--window", type=int, default=20, help="jobs that a submitter has at a time")
    add("--at-once", type=int, default=2, help="boards have 1 to so many jobs at once")
    add("--short-ms", type=int, default=100, help="a job lasts so long at least")
    add("--long-ms", type=int, default=900, help="and at most")
    add("--timeout-ms", type=int, default=120000, help="of a job")
    add("--lease-ms", type=int, default=5000)
    add("--keep-alive-s", type=int, default=10)
    add("--longest-s", type=float, default=12, help="of an event")
    add("--heap", default="512k", help="of each process, on 64 bits, with bytecode on the heap; 256k do for up to 50 boards")
    add("--frozen", action="store_true", help="MICROPYTHON has mungo frozen in: see make firmware BOARD=UNIX")
    add("--quiet", action="store_true", help="print figures alone")
    return parser.parse_args(argv)


def main(argv=None):
    given = parse(argv)
    mpy.build("lib")
    mpy.build("programs", root=HERE)
    with tempfile.TemporaryDirectory() as folder, Broker(Path(folder)) as broker:
        os.chmod(folder, 0o755)  # a mosquitto that root starts becomes another user
        return asyncio.run(run(given, broker))


if __name__ == "__main__":
    sys.exit(main())
