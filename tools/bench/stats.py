"""Medians, spreads and ratios of turns.

A turn is the dict that load.py prints for less than a second: requests, rps, cpu_us, p50_ms, p99_ms, server_share, client_share,
errors. Its `pass` is the number of the servers' start.
"""

import statistics

# With 10 clients a server uses its whole processor, unless other programs use it too.
_DISTURBED = 0.9
NOISY = 10  # percent of difference in CPU time between two starts; rows above it are too noisy


def figure(numbers):
    """{"median", "low", "high", "n"}, where low and high are the quartiles; None if there are no numbers."""
    numbers = sorted(numbers)
    if not numbers:
        return None
    low, _, high = statistics.quantiles(numbers, n=4, method="inclusive") if len(numbers) > 1 else numbers * 3
    return {"median": statistics.median(numbers), "low": low, "high": high, "n": len(numbers)}


def answered(turns):
    return [turn for turn in turns if turn.get("requests")]


def quiet(turns):
    """The turns with answers in which no other program used the server's processor much."""
    return [turn for turn in answered(turns) if turn["server_share"] >= _DISTURBED]


def ratios(one, other, key):
    """The ratios of neighbouring turns: one/other, for CPU time other/one, so that more is better.

    Disturbed pairs count only if all pairs are disturbed.
    """
    pairs = [(a, b) for a, b in zip(one, other) if a.get("requests") and b.get("requests")]
    pairs = [p for p in pairs if min(turn["server_share"] for turn in p) >= _DISTURBED] or pairs
    return [b[key] / a[key] if key == "cpu_us" else a[key] / b[key] for a, b in pairs]


def noise(turns):
    """The difference in CPU time a request between the starts of a server, in percent; None if there was one start."""
    passes = {}
    for turn in quiet(turns) or answered(turns):
        passes.setdefault(turn["pass"], []).append(turn["cpu_us"])
    medians = [statistics.median(found) for found in passes.values()]
    return (max(medians) / min(medians) - 1) * 100 if len(medians) > 1 else None


def errors(turns):
    """{error: count} of all turns."""
    found = {}
    for turn in turns:
        for error, count in turn.get("errors", {}).items():
            found[error] = found.get(error, 0) + count
        if turn and not turn.get("requests"):
            found["turns_without_answer"] = found.get("turns_without_answer", 0) + 1
    return found
