"""Contenders take turns at one kind of load after the other; what came of it as rows of figures.

The turns are short and go round, so that what else the machine does hits all alike: a ratio is the median of the ratios of turns
next to each other.
"""

import dataclasses
import json
import statistics

from . import host, stats
from .contenders import CONTENDERS, MICROPYTHON
from .process import fail, progress, running, tool

LARGE_HEAP = ("-X", "heapsize=64m")  # for garbage: nothing is collected meanwhile
GARBAGE_REQUESTS = 200


@dataclasses.dataclass(frozen=True)
class Cell:
    """A load: what is asked for (see requesting.py), on how many connections, and how many idle ones beside them."""

    kind: str = "hello"
    mode: str = "keep"  # or "close": a connection for each request
    connections: int = 10
    headers: str = "varying"  # or "repeated": the same request always
    idle: int = 0

    def __str__(self):
        text = "%s, %s, %d connections, %s headers" % (self.kind, self.mode, self.connections, self.headers)
        return text + (", %d idle" % self.idle if self.idle else "")


def load(servers, mode, *args):
    """Have load.py ask the servers in turn, in this mode or the only one they have; a list of results for each name."""
    if not servers:
        return {}
    specs = []
    for server in servers:
        own = "close" if server.contender.closes else mode
        specs.append("%s:%d:%d:%s" % (server.name, server.port, server.process.pid, own))
    cpu = () if host.CLIENT_CPU is None else ("--cpu", str(host.CLIENT_CPU))
    client = tool("load", *specs, *cpu, *args)
    out = client.communicate()[0]
    if client.returncode:
        fail("load.py %s: exit status %d" % (" ".join(args), client.returncode))
        return {}
    return json.loads(out)


def measure(names, cells, passes, rounds, seconds, env=(), options=(), skip=lambda name, cell: False, path="/"):
    """{cell: {name: turns}}. `cells` is a dict of cell: in how many of the passes; `skip` says who leaves a cell out."""
    results = {cell: {name: [] for name in names} for cell in cells}
    bodies = any(cell.kind in ("json", "10k", "100k", "upload") for cell in cells)
    for n in range(passes):
        with running(names, env, options, bodies, path) as servers:
            for cell, most in cells.items():
                if n >= most:
                    continue
                progress("pass %d of %d: %s" % (n + 1, passes, cell))
                chosen = [server for server in servers if not skip(server.name, cell)]
                args = ["--kind", cell.kind, "--connections", str(cell.connections), "--rounds", str(rounds), "--seconds", str(seconds)]
                args += ["--idle", str(cell.idle)] if cell.idle else []
                args += ["--repeat"] if cell.headers == "repeated" else []
                found = load(chosen, cell.mode, *args)
                for name, turns in results[cell].items():
                    # Also for who is missing: it is their place that makes turns neighbours.
                    turns += [{**turn, "pass": n} if turn else {} for turn in found.get(name) or [{}] * rounds]
                for server in chosen:
                    if not stats.answered(found.get(server.name, ())):
                        fail("%s, %s: no answers; it said: %s" % (server.name, cell, server.said()), server.name)
    return results


def measure_garbage(names, kinds, modes, env=(), skip=lambda name, cell: False, path="/"):
    """{(name, kind, mode): bytes a request}, on MicroPython. On the way it sees whether the collector's threshold is the same for all."""
    garbage, thresholds = {}, {}
    names = [name for name in names if CONTENDERS[name].runtime == MICROPYTHON]
    bodies = any(kind in ("json", "10k", "100k", "upload") for kind in kinds)
    for mode in modes:
        for kind in kinds:
            progress("garbage: %s, %s" % (kind, mode))
            chosen = [name for name in names if not (mode == "keep" and CONTENDERS[name].closes) and not skip(name, Cell(kind, mode))]
            with running(chosen, env, LARGE_HEAP, bodies, path) as servers:
                for name, (result,) in load(servers, mode, "--kind", kind, "--garbage", str(GARBAGE_REQUESTS)).items():
                    if "failed" in result:
                        said = [server.said() for server in servers if server.name == name][0]
                        fail("garbage of %s, %s, %s: %s; it said: %s" % (name, kind, mode, result["failed"], said))
                    else:
                        garbage[name, kind, mode] = result["garbage"]
                        thresholds[name] = result["threshold"]
    if len(set(thresholds.values())) > 1:
        fail("the collector's threshold is not the same for all: %s" % json.dumps(thresholds))
    return garbage


def rows(results, bases, garbage=()):
    """A dict for each contender in each cell. `bases`: {name: whom it is compared with}, or one name for all."""
    found = []
    for cell, turns_of in results.items():
        for name, turns in turns_of.items():
            if not any(turns):
                continue
            good = stats.quiet(turns) or stats.answered(turns)
            base = turns_of.get(bases if isinstance(bases, str) else bases.get(name, ""), [])
            own = "close" if CONTENDERS[name].closes else cell.mode
            row = {"name": name, **dataclasses.asdict(cell), "own_mode": own, "garbage": dict(garbage).get((name, cell.kind, own))}
            for key in ("rps", "cpu_us", "p50_ms", "p99_ms"):
                row[key] = stats.figure([turn[key] for turn in good])
            for key in ("rps", "cpu_us"):
                row["times_" + key] = stats.figure(stats.ratios(turns, base, key))
            row["client_share"] = statistics.median([turn["client_share"] for turn in good]) if good else None
            row["heap"] = stats.figure([turn["idle_heap"] for turn in good if "idle_heap" in turn])
            row["noise"] = stats.noise(turns)
            row["turns"] = sum(bool(turn) for turn in turns)
            row["quiet"] = len(stats.quiet(turns))
            row["errors"] = stats.errors(turns)
            row["reconnects"] = sum(turn.get("reconnects", 0) for turn in turns)
            found.append(row)
    return found


def notes(rows):
    """What is to be said of the rows that are not as they should be."""
    for row in rows:
        where = "%s, %s" % (row["name"], Cell(*(row[field.name] for field in dataclasses.fields(Cell))))
        if row["errors"]:
            yield "%s: errors: %s" % (where, json.dumps(row["errors"]))
        if row["reconnects"]:
            yield "%s: %d kept-alive connections were closed by the server" % (where, row["reconnects"])
        if (row["client_share"] or 0) > 0.9:
            yield "%s: the client was as busy as the server: trust the CPU column, not req/s" % where
        if (row["noise"] or 0) > stats.NOISY:
            yield "%s: **too noisy**: CPU time differs by %.0f %% between starts" % (where, row["noise"])
