"""Medians, spreads and ratios of turns. Nothing here measures.

A turn is a dict of what load.py found in less than a second: requests, rps, cpu_us, p50_ms, p99_ms, server_share, client_share,
errors; and `pass`, in which start of the servers it was.
"""

import statistics

# A server that 10 clients wait for has its processor to itself unless other programs take it.
_DISTURBED = 0.9
NOISY = 10  # percent by which the CPU time of one start differs from another's: above it no figure can be trusted


def figure(numbers):
    """{"median", "low", "high", "n"}, low and high being the quartiles; or None if there are no numbers."""
    numbers = sorted(numbers)
    if not numbers:
        return None
    low, _, high = statistics.quantiles(numbers, n=4, method="inclusive") if len(numbers) > 1 else numbers * 3
    return {"median": statistics.median(numbers), "low": low, "high": high, "n": len(numbers)}


def answered(turns):
    return [turn for turn in turns if turn.get("requests")]


def quiet(turns):
    """The turns with answers in which the server had its processor."""
    return [turn for turn in answered(turns) if turn["server_share"] >= _DISTURBED]


def ratios(one, other, key):
    """one/other for each two turns next to each other; for CPU the other way round, so that more is better.

    Pairs of which other programs disturbed one count only if there is no other pair.
    """
    pairs = [(a, b) for a, b in zip(one, other) if a.get("requests") and b.get("requests")]
    pairs = [p for p in pairs if min(turn["server_share"] for turn in p) >= _DISTURBED] or pairs
    return [b[key] / a[key] if key == "cpu_us" else a[key] / b[key] for a, b in pairs]


def noise(turns):
    """By how many percent the CPU time a request differs between the starts of a server; None if it was started once."""
    passes = {}
    for turn in quiet(turns) or answered(turns):
        passes.setdefault(turn["pass"], []).append(turn["cpu_us"])
    medians = [statistics.median(found) for found in passes.values()]
    return (max(medians) / min(medians) - 1) * 100 if len(medians) > 1 else None


def errors(turns):
    """{error: how often}"""
    found = {}
    for turn in turns:
        for error, count in turn.get("errors", {}).items():
            found[error] = found.get(error, 0) + count
        if turn and not turn.get("requests"):
            found["turns_without_answer"] = found.get("turns_without_answer", 0) + 1
    return found
