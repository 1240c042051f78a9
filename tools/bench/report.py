"""The tables and verdicts of run.py, as Markdown. Nothing here measures."""

import json
import statistics

# A server that 10 clients wait for has its processor to itself unless other programs take it.
_DISTURBED = 0.9


def quiet(turns):
    """The turns with answers in which the server had its processor."""
    return [turn for turn in turns if turn.get("requests") and turn["server_share"] >= _DISTURBED]


def ratios(cell, one, other, key):
    """one/other for each two turns next to each other; for CPU the other way round, so that more is better.

    Pairs of which other programs disturbed one count only if there is no other pair.
    """
    pairs = [(a, b) for a, b in zip(cell.get(one, []), cell.get(other, [])) if a.get("requests") and b.get("requests")]
    pairs = [p for p in pairs if min(turn["server_share"] for turn in p) >= _DISTURBED] or pairs
    return [b[key] / a[key] if key == "cpu_us" else a[key] / b[key] for a, b in pairs]


def median(numbers, form):
    """Their median in the format, "-" if there are none."""
    return form % statistics.median(numbers) if numbers else "-"


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def head(*columns):
    """The first two rows; a column that ends in ">" is a column of numbers."""
    row(*(column.rstrip(">") for column in columns))
    row(*("--:" if column.endswith(">") else "---" for column in columns))


def load_table(results, garbage, modes):
    """results: {(mode, connections, headers): {name: turns}}; modes: {name: modes that it has}."""
    head(
        *("contender", "mode", "conn.>", "headers", "req/s>", "x bare>", "CPU us/req>", "x bare>"),
        *("p50 ms>", "p99 ms>", "garbage B/req>", "turns>"),
    )
    notes = []
    busiest = 0.0
    for (mode, connections, headers), cell in results.items():
        for name, turns in cell.items():
            turns = [turn for turn in turns if turn]
            if not turns:
                continue
            good = quiet(turns) or [turn for turn in turns if turn.get("requests")]
            own = mode if mode in modes[name] else "close"
            columns = {key: [turn[key] for turn in good] for key in ("rps", "cpu_us", "p50_ms", "p99_ms")}
            row(
                name,
                own if own == mode else "close (has no other)",
                connections,
                headers,
                median(columns["rps"], "%.0f"),
                median(ratios(cell, name, "bare", "rps"), "%.2f"),
                median(columns["cpu_us"], "%.1f"),
                median(ratios(cell, name, "bare", "cpu_us"), "%.2f"),
                median(columns["p50_ms"], "%.2f"),
                median(columns["p99_ms"], "%.2f"),
                "%.0f" % garbage[name, own] if (name, own) in garbage else "-",
                "%d of %d" % (len(quiet(turns)), len(turns)),
            )
            where = "%s, %s, %d connections, %s headers: " % (name, own, connections, headers)
            notes += [where + note for note in _notes(turns)]
            busiest = max([busiest] + [turn["client_share"] for turn in good])
    print("\nThe client used at most %.0f %% of its processor in any turn." % (busiest * 100))
    for note in notes:
        print("- " + note)
    print("" if notes else "No errors.\n")


def _notes(turns):
    answered = [turn for turn in turns if turn.get("requests")]
    errors = {}
    for turn in turns:
        for error, count in turn.get("errors", {}).items():
            errors[error] = errors.get(error, 0) + count
    if len(answered) < len(turns):
        errors["turns_without_answer"] = len(turns) - len(answered)
    if errors:
        yield "errors among %d requests: %s" % (sum(turn["requests"] for turn in answered), json.dumps(errors))
    reconnects = sum(turn["reconnects"] for turn in answered)
    if reconnects:
        yield "%d kept-alive connections were closed by the server" % reconnects
    if answered and statistics.median(turn["client_share"] for turn in answered) > 0.9:
        yield "the client was as busy as the server: trust the CPU column, not req/s"


TARGETS = (  # one contender, another, the least ratio, what is to be said of the other
    ("mungo", "bare", 1.0, ""),
    ("mungo", "microdot", 20.0, " (which closes each time)"),
    ("mungo-app", "bare", 0.7, ""),
    ("mungo-app", "microdot", 14.0, " (which closes each time)"),
)


def targets(results):
    """What the project wants of itself, and whether it is so."""
    for headers in ("varying", "repeated"):
        cell = results.get(("keep", 10, headers))
        if not cell:
            continue
        print("Kept alive, 10 connections, %s headers:\n" % headers)
        for one, other, least, note in TARGETS:
            for key, text in (("rps", "req/s"), ("cpu_us", "by CPU time")):
                found = ratios(cell, one, other, key)
                text = "%s to %s%s, %s" % (one, other, note, text)
                if not found:
                    print("- %s: not measured" % text)
                    continue
                mid = statistics.median(found)
                numbers = " (%.3g to %.3g in %d turns)" % (min(found), max(found), len(found))
                verdict = "met" if mid >= least else "NOT met"
                print("- **%.3g**, %s%s, at least %g wanted: %s" % (mid, text, numbers, least, verdict))
        print()


def counted(texts):
    """Each text once, with how often it came: "2.0 (4), 4.0 (4)"."""
    texts = list(texts)
    return ", ".join("%s (%d)" % (text, texts.count(text)) for text in dict.fromkeys(texts))


def slow_table(found):
    """found: a list of (name, how many slow ones, result of slow.py)."""
    print("K requests at once whose handler sleeps 2 s; meanwhile 200 for a fast path, one each 9 ms.\n")
    head("contender", "K>", "fast p50 ms>", "fast p99 ms>", "slow ones answered after s", "503 at once>", "errors")
    for name, count, result in found:
        fast = result["fast_ms"]
        row(
            name,
            count,
            median(fast, "%.1f"),
            "%.1f" % fast[len(fast) * 99 // 100] if fast else "-",
            counted("%.1f" % second for second in result["slow_s"]) or "-",
            "%d, in %.2f s" % (len(result["refused_s"]), result["refused_s"][-1]) if result["refused_s"] else "none",
            counted(error.partition("(")[0] for error in result["errors"]) or "none",
        )
    print()


def wake_table(runs, names):
    """runs: {kind: results of wake.py}."""
    print("From a worker's send to the handler, while the loop sleeps in poll; the median of the passes.\n")
    keys = ("p50_us", "p90_us", "p99_us", "max_us")
    head("pipe", "p50 us>", "p90 us>", "p99 us>", "max us>", "passes>", "messages each>")
    for kind, found in runs.items():
        if found:
            numbers = [median([result[key] for result in found], "%.0f") for key in keys]
            row(names[kind], *numbers, len(found), found[0]["rounds"])
    print()
    for key, most in (("p50_us", 60), ("p99_us", 300)):
        values = [result[key] for result in runs.get("udp", [])]
        if values:
            mid = statistics.median(values)
            print(
                "- %s of mungo's default bell, udp: **%.0f us** (%s), under %d wanted: %s"
                % (key[:3], mid, ", ".join(map(str, values)), most, "met" if mid < most else "NOT met")
            )
    print()
