"""Measure contenders with several kinds of load, as rows of figures.

The contenders take short turns, so that other programs disturb all of them alike. A ratio is the median of the ratios of neighbouring
turns.
"""

import dataclasses
import json
import statistics

from . import host, stats
from .contenders import CONTENDERS, MICROPYTHON
from .process import fail, progress, running, tool

LARGE_HEAP = ("-X", "heapsize=64m")  # for garbage: no collection during the measurement
GARBAGE_REQUESTS = 200


@dataclasses.dataclass(frozen=True)
class Cell:
    """A load: the kind of request (see requesting.py), the number of active connections and that of idle ones."""

    kind: str = "hello"
    mode: str = "keep"  # or "close": one connection for each request
    connections: int = 10
    headers: str = "varying"  # or "repeated": always the same request
    idle: int = 0

    def __str__(self):
        text = "%s, %s, %d connections, %s headers" % (self.kind, self.mode, self.connections, self.headers)
        return text + (", %d idle" % self.idle if self.idle else "")


def load(servers, mode, *args):
    """{name: a list of results} from load.py. A server that can't keep connections alive is measured with mode "close"."""
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
    """{cell: {name: turns}}. `cells`: {cell: number of passes that include it}. `skip`: whether a contender leaves a cell out."""
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
                    # A missing contender gets empty turns: the position in the list tells which turns are neighbours.
                    turns += [{**turn, "pass": n} if turn else {} for turn in found.get(name) or [{}] * rounds]
                for server in chosen:
                    if not stats.answered(found.get(server.name, ())):
                        fail("%s, %s: no answers; it printed: %s" % (server.name, cell, server.said()), server.name)
    return results


def measure_garbage(names, kinds, modes, env=(), skip=lambda name, cell: False, path="/"):
    """{(name, kind, mode): bytes a request}, on MicroPython. Reports contenders whose gc.threshold() differs."""
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
                        fail("garbage of %s, %s, %s: %s; it printed: %s" % (name, kind, mode, result["failed"], said))
                    else:
                        garbage[name, kind, mode] = result["garbage"]
                        thresholds[name] = result["threshold"]
    if len(set(thresholds.values())) > 1:
        fail("gc.threshold() differs between contenders: %s" % json.dumps(thresholds))
    return garbage


def rows(results, bases, garbage=()):
    """A list of rows, a dict for each contender in each cell. `bases`: {name: the contender it is compared with}, or one name for all."""
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
    """Lines about rows with errors, reconnects, a busy client or too much noise."""
    for row in rows:
        where = "%s, %s" % (row["name"], Cell(*(row[field.name] for field in dataclasses.fields(Cell))))
        if row["errors"]:
            yield "%s: errors: %s" % (where, json.dumps(row["errors"]))
        if row["reconnects"]:
            yield "%s: %d kept-alive connections were closed by the server" % (where, row["reconnects"])
        if (row["client_share"] or 0) > 0.9:
            yield "%s: the client was as busy as the server: use the CPU column, not req/s" % where
        if (row["noise"] or 0) > stats.NOISY:
            yield "%s: **too noisy**: the CPU time differs by %.0f %% between starts" % (where, row["noise"])
