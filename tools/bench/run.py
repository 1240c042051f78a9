"""Run the benchmarks. Prints Markdown, and writes results.json and pictures to build/bench/.

    .venv/bin/python -m tools.bench.run [--quick] [--only NAME ...] [--out FOLDER]

NAME is a table (hello, cpython, bodies, idle, threads, slow, wake, ws, files, tls, aio, profile, growth, mqtt, fleet) or a contender (bare,
bare-loose, mungo, mungo-app, asyncio, microdot, chumicro, ..: see contenders.py). --quick measures each table for a few seconds, to see
that it works. A full run takes up to 15 minutes. Tables that are not measured keep their earlier results in results.json.

Servers run on one processor and the client on another. The contenders take turns of less than a second, and a ratio is the median of
the ratios of neighbouring turns. So the changing speed of a shared machine moves the numbers, but hardly the ratios. load.py says what
is sent and what counts as an answer. `make bench-page` writes the tables to docs/performance.md.

The exit status is 1 if something could not be measured. A missed target does not change it.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from . import host, process, stats, tables
from .contenders import CONTENDERS

OUT = host.ROOT / "build" / "bench"


def read(path):
    """The earlier results, or a dict without tables."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {"tables": {}}


def noisy(found):
    """The rows that are too noisy."""
    return [row for row in found.get("rows", []) if (row.get("noise") or 0) > stats.NOISY]


def show(name, table, found):
    print("## %s\n" % table.TITLE)
    for line in table.report(found):
        print(line)
    print()
    for one in table.targets(found) if hasattr(table, "targets") else ():
        verdict = {True: "met", False: "NOT met", None: "-"}[one["met"]]
        print("- %s: **%s**, target %s: %s" % (one["text"], one["found"], one["wanted"], verdict))
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[*CONTENDERS, *tables.NAMES], default=[])
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER")
    args = parser.parse_args()
    chosen = [name for name in tables.NAMES if name in args.only] or tables.NAMES
    plan = tables.Plan(args.quick, tuple(name for name in args.only if name in CONTENDERS))
    args.out.mkdir(parents=True, exist_ok=True)
    results = read(args.out / "results.json")
    start = time.monotonic()
    host.raise_limits()
    facts = host.facts()
    print("# Benchmarks\n")
    print("\n".join(host.describe(facts)) + "\n", flush=True)
    loud = 0
    for name in chosen:
        table = tables.find(name)
        begun = time.monotonic()
        found = table.measure(plan)
        found.update(facts=facts, quick=args.quick, took_s=round(time.monotonic() - begun))
        if hasattr(table, "targets"):
            found["targets"] = list(table.targets(found))
        results["tables"][name] = found
        loud += len(noisy(found))
        show(name, table, found)
        for file, svg in table.draw(found) if hasattr(table, "draw") else ():
            (args.out / file).write_text(svg)
        (args.out / "results.json").write_text(json.dumps(results, indent=1))  # after each table, so that Ctrl-C loses none
    if loud:
        print("**The machine was too noisy**: in %d rows the CPU time differs by more than %d %% between starts.\n" % (loud, stats.NOISY))
    print("Took %d s; load average at the end: %.2f." % (time.monotonic() - start, os.getloadavg()[0]))
    if process.failures:
        print("\n## Failures\n")
        for text in process.failures:
            print("- " + text)
    return 1 if process.failures else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
