"""mungo and asyncio in one thread: what each costs the other. Prints Markdown.

    .venv/bin/python tools/bench/aio.py [--quick]

Idle: processor time and wake-ups of `await app.serve()` with nothing to do. Throughput: requests a second of it, and of `app.run()`, in
turns of 0.4 s. Lateness: of a task that sleeps 10 ms again and again, with asyncio alone and beside an App that 10 clients keep busy,
in turns of 3 s; medians of the turns' figures. Turns in which other programs took the busy server's processor count only if there
are no others. The exit status is 1 if something could not be measured.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import report
import run

SCRIPT = run.SERVERS / "app_asyncio.py"
run.MODES.update({"app.run": ("keep",), "app.serve": ("keep",)})


def start(name, *args):
    return run.Server(name, SCRIPT, "", {"MICROPYPATH": "lib:.frozen"}, (), args)


def percent(ranked, n):
    return ranked[min(len(ranked) - 1, len(ranked) * n // 100)] / 1000


def measure_idle(seconds):
    """Percent of a processor, wake-ups a second."""
    with start("app.serve", "serve") as server:
        if not server.wait():
            return run.fail("it did not start: " + server.said())
        time.sleep(0.5)

        def look():
            proc = Path("/proc/%d" % server.process.pid)
            status = (proc / "status").read_text()
            busy_ns = int((proc / "schedstat").read_text().split()[0])
            return time.perf_counter(), busy_ns, int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

        before = look()
        time.sleep(seconds)
        took, busy, wakes = (b - a for a, b in zip(before, look()))
    return busy / took / 1e7, wakes / took


def measure_throughput(rounds):
    with start("app.run", "run") as one, start("app.serve", "serve") as other:
        for server in (one, other):
            if not server.wait():
                return run.fail("it did not start: " + server.said())
        return run.load([one, other], "keep", "--connections", "10", "--rounds", str(rounds), "--seconds", "0.4")


def measure_lateness(seconds):
    """Sorted lateness in us: alone, with an App that is busy; and what the client has counted."""
    with start("ticks", "ticks", str(seconds)) as server:
        server.process.wait(seconds + 10)
        alone = json.loads(server.said())
    with start("app.serve", "serve-ticks", str(seconds)) as server:
        if not server.wait():
            return run.fail("it did not start: " + server.said())
        load = run.load([server], "keep", "--connections", "10", "--seconds", str(seconds - 1))
        server.process.wait(seconds + 10)
        beside = json.loads(server.said())
    return sorted(alone), sorted(beside), load["app.serve"][0]


def verdict(text, found, is_met):
    print("- %s: **%s**: %s" % (text, found, "met" if is_met else "NOT met"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a third of the time")
    quick = parser.parse_args().quick
    run.print_machine()
    idle = measure_idle(2 if quick else 6)
    turns = measure_throughput(3 if quick else 9)
    late = [measure_lateness(3) for _ in range(3 if quick else 9)]
    if run.failures:
        return 1
    print("## asyncio beside an App\n")
    report.head("", "req/s>", "CPU us/req>", "p50 ms>", "p99 ms>", "turns>")
    for name in ("app.run", "app.serve"):
        columns = [[turn[key] for turn in turns[name]] for key in ("rps", "cpu_us", "p50_ms", "p99_ms")]
        report.row(name, *(report.median(*column) for column in zip(columns, ("%.0f", "%.1f", "%.2f", "%.2f"))), len(turns[name]))
    print()
    calm = [turn for turn in late if report.quiet([turn[2]])]
    print("Turns in which the busy server had its processor: %d of %d%s.\n" % (len(calm), len(late), "" if calm else "; so all count"))
    late = calm or late
    report.head("a task that sleeps 10 ms is late by", "p50 ms>", "p99 ms>", "max ms>", "ticks a turn>", "requests a turn>")
    p99 = []
    for n, name in enumerate(("asyncio alone", "beside a busy App")):
        found = [[percent(turn[n], percentage) for turn in late] for percentage in (50, 99, 100)]
        p99.append(statistics.median(found[1]))
        counts = [len(turn[n]) for turn in late], [turn[2]["requests"] * n for turn in late]
        report.row(name, *(report.median(column, "%.2f") for column in found), *(report.median(column, "%.0f") for column in counts))
    print()
    verdict("idle: percent of a processor, at most 3", "%.2f" % idle[0], idle[0] <= 3)
    verdict("idle: wake-ups a second, at most 1000", "%.0f" % idle[1], idle[1] <= 1000)
    ratio = statistics.median(report.ratios(turns, "app.serve", "app.run", "rps"))
    verdict("app.serve to app.run, req/s, at least 0.5", "%.2f" % ratio, ratio >= 0.5)
    verdict("added lateness, p99, ms, at most 5", "%.2f" % (p99[1] - p99[0]), p99[1] - p99[0] <= 5)
    return 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
