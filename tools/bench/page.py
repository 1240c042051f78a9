"""Write the results of `make bench` into docs/performance.md, between its markers, the pictures into docs/, and the
figures of the table in README.md.

    .venv/bin/python -m tools.bench.page [--results build/bench/results.json] [--print] [--only mqtt]

Refuses results of a quick run, and results without a needed table. --print shows the text and changes nothing.
"""

import argparse
import shutil
import statistics
import sys
from pathlib import Path

from . import figures, host, markdown, run, stats
from .contenders import CONTENDERS
from .tables import growth, mqtt, slow, wake

PAGE = host.ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- bench:begin -->\n", "<!-- bench:end -->"
MQTT_BEGIN, MQTT_END = "<!-- bench-mqtt:begin -->\n", "<!-- bench-mqtt:end -->"
PICTURES = {"bench-hello.svg": "Requests a second of each server", "growth.svg": "Cost of a turn and a request beside idle objects"}
NEEDED = ("hello", "cpython", "bodies", "idle", "threads", "slow", "wake", "growth")


def title(row):
    text = CONTENDERS[row["name"]].title
    for peer in host.PEERS:
        text = text.replace(peer, "%s %s" % (peer, host.version(peer)))
    return text


def times(row, key):
    return markdown.number(row["times_" + key], "**%.2f**" if CONTENDERS[row["name"]].uses_mungo else "%.2f")


def rates(row):
    return (
        markdown.number(row["rps"]),
        times(row, "rps"),
        markdown.number(row["cpu_us"], "%.1f"),
        times(row, "cpu_us"),
        markdown.number(row["p50_ms"], "%.2f"),
        markdown.number(row["p99_ms"], "%.2f"),
        "%.0f" % row["garbage"] if row["garbage"] is not None else "-",
    )


RATES = ("req/s>", "x bare>", "CPU us>", "x bare by CPU>", "p50 ms>", "p99 ms>", "garbage, bytes>")


def verdicts(results, names):
    for name in names:
        for one in results[name].get("targets", ()):
            if one["met"] is not None:
                yield "- %s: **%s**, target %s: %s" % (one["text"], one["found"], one["wanted"], "met" if one["met"] else "**not met**")


def text(results):
    """The lines between the markers."""
    facts = results["hello"]["facts"]
    yield "%(date)s; %(processor)s, %(cores)s cores; %(micropython)s; CPython %(cpython)s." % facts
    yield "The request is a browser's GET of about 520 bytes, with 11 headers that differ from request to request. 10 connections, default"
    yield "collector settings. Figures are medians. x bare is the ratio to the bare loop in the same mode; more is better.\n"
    rows = []
    for row in results["hello"]["rows"]:
        if row["connections"] == 10 and row["headers"] == "varying" and (row["mode"] == "keep" or not CONTENDERS[row["name"]].closes):
            rows.append((title(row), {"keep": "kept alive", "close": "closed each time"}[row["own_mode"]], *rates(row)))
    yield from markdown.table(("MicroPython", "connections", *RATES), rows)
    yield "\n![%s](bench-hello.svg)\n" % PICTURES["bench-hello.svg"]
    rows = [(title(row), row["own_mode"], *rates(row)[:6]) for row in results["cpython"]["rows"] if row["mode"] == "keep"]
    columns = ("CPython", "connections", "req/s>", "x asyncio>", "CPU us>", "x asyncio by CPU>", "p50 ms>", "p99 ms>")
    yield from markdown.table(columns, rows)
    yield "\nOther bodies, CPU us a request: JSON that is made for each answer, answers of 10 KB and 100 KB, an upload of 100 KB.\n"
    kinds = list(dict.fromkeys(row["kind"] for row in results["bodies"]["rows"]))
    found = {}
    for row in results["bodies"]["rows"]:
        found.setdefault(title(row), {})[row["kind"]] = "%s (%s)" % (markdown.number(row["cpu_us"]), times(row, "cpu_us"))
    rows = [(name, *(cells.get(kind, "-") for kind in kinds)) for name, cells in found.items()]
    yield from markdown.table(("in parentheses x bare", *(kind + ">" for kind in kinds)), rows)
    yield "\n10 active connections beside idle ones. Each idle one has had one answer. Heap is for each idle one. A row of - means that the"
    yield "server ended.\n"
    rows = [(title(row), row["idle"], *rates(row)[:6], markdown.number(row["heap"])) for row in results["idle"]["rows"]]
    yield from markdown.table(("server", "idle>", *RATES[:6], "heap, bytes>"), rows)
    yield "\nA thread makes each answer at once. The bare loop gets its answers by a pair of UDP sockets, which may lose them.\n"
    rows = [(title(row), row["connections"], *rates(row)) for row in results["threads"]["rows"]]
    yield from markdown.table(("server", "connections>", *RATES), rows)
    yield "\n200 quick requests, one every 9 ms, while the handlers of K requests sleep for two seconds.\n"
    rows = [slow.line(row)[:6] for row in results["slow"]["rows"]]
    yield from markdown.table(("server", "K>", "quick p50 ms>", "quick p99 ms>", "the slow ones are answered after s", "503 at once"), rows)
    waked = []
    for row in results["wake"]["rows"]:
        figures = (markdown.number(row[key]) for key in ("p50_us", "p99_us"))
        waked.append("%s: p50 %s us, p99 %s us" % (wake.KINDS[row["name"]], *figures))
    yield "\nTime from `send` in a worker to the handler in the loop: %s.\n" % "; ".join(waked)
    yield "Microseconds beside N idle objects of a kind. The system call itself takes longer with more connections.\n"
    yield "![%s](growth.svg)\n" % PICTURES["growth.svg"]
    rows = []
    for (kind, step), line in growth.lines_of(results["growth"]["rows"]).items():
        if step in ("turn", "request", "timer", "message", "last"):
            rows.append((growth.KINDS[kind], growth.STEPS[step], *("%d" % line[n]["us"] if n in line else "-" for n in growth.COUNTS)))
    yield from markdown.table(("beside N", "cost of", *("%d>" % n for n in growth.COUNTS)), rows)
    yield "\nThe project's targets. In parentheses: the quartiles, and the number of measurements.\n"
    yield from verdicts(results, ("hello", "idle", "threads"))
    noises = [row["noise"] for name in NEEDED for row in results[name]["rows"] if row.get("noise") is not None]
    loud = sum(noise > stats.NOISY for noise in noises)
    yield "\nCPU time a request differs by %.0f %% (median) between starts of a server, and by more than %d %% in %d of %d rows%s." % (
        statistics.median(noises) if noises else 0,
        stats.NOISY,
        loud,
        len(noises),
        ": **the machine was too noisy for these**" if loud else "",
    )


def mqtt_text(results):
    """The lines between the markers of the section about MQTT."""
    yield "%(date)s; %(processor)s, %(cores)s cores; %(micropython)s.\n" % results["mqtt"]["facts"]
    yield from mqtt.table(results["mqtt"])
    yield ""
    yield from verdicts(results, ("mqtt",))


def put(lines, begin, end):
    """Write lines into the page, between these markers."""
    before, _, rest = PAGE.read_text().partition(begin)
    PAGE.write_text(before + begin + lines + end + rest.partition(end)[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=run.OUT / "results.json")
    parser.add_argument("--print", action="store_true", dest="only_print")
    parser.add_argument("--only", choices=["mqtt"], help="write the section about MQTT alone")
    args = parser.parse_args()
    results = run.read(args.results)["tables"]
    needed = (args.only,) if args.only else NEEDED
    lacking = [name for name in needed if not results.get(name, {}).get("rows")]
    if lacking:
        return "%s: not measured: %s. Run make bench first." % (args.results, ", ".join(lacking))
    lines = "" if args.only else "\n".join(text(results)) + "\n"
    mqtt_lines = "\n".join(mqtt_text(results)) + "\n" if "mqtt" in results else ""
    if args.only_print:
        print(lines + mqtt_lines)
        return None
    quick = [name for name in (*needed, "mqtt") if results.get(name, {}).get("quick")]
    if quick:
        return "%s: these tables are from a quick run: %s. Run make bench without --quick." % (args.results, ", ".join(quick))
    if mqtt_lines:
        put(mqtt_lines, MQTT_BEGIN, MQTT_END)
    if args.only:
        return None
    put(lines, BEGIN, END)
    figures.write()
    for name in PICTURES:
        shutil.copy(args.results.parent / name, host.ROOT / "docs" / name)
    return None


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
