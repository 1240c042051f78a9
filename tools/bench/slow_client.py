"""Measure how long quick requests wait while some requests are slow.

    python -m tools.bench.slow_client --port 8000 --slow /slow --fast / --count 3

sends `count` requests for the slow path at once, and 200 requests for the fast path, one every 9 ms. Each has its own
connection. Prints one JSON object: "fast_ms", the latencies of the fast requests; "slow_s", the times of the answers to
the slow ones; "refused_s", the times of the answers 503; and "errors".
"""

import argparse
import json
import threading
import time

from .asking import Blocking
from .requesting import plain

FAST = 200
EVERY = 0.009


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--slow", default="/slow")
    parser.add_argument("--fast", default="/")
    parser.add_argument("--count", type=int, default=3)
    args = parser.parse_args()
    slow, fast = (plain(path, True) for path in (args.slow, args.fast))
    errors, latencies, finished, refused = [], [], [], []

    def ask(request, due, results):
        time.sleep(max(0.0, due - time.perf_counter()))
        begun = time.perf_counter()
        try:
            client = Blocking(args.port, True, timeout=200)
            if not client.ask(request):
                errors.append("empty body")
            results.append((begun, client.answered))
        except OSError as ex:
            if results is finished and "HTTP/1.1 503" in str(ex):
                refused.append((begun, time.perf_counter()))
            else:
                errors.append(repr(ex))

    ask(fast, 0.0, [])
    start = time.perf_counter() + 0.1
    threads = [threading.Thread(target=ask, args=(slow, start, finished)) for _ in range(args.count)]
    for i in range(FAST):
        due = start + EVERY / 2 + i * EVERY
        threads.append(threading.Thread(target=ask, args=(fast, due, latencies)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ranked = sorted((end - begun) * 1000 for begun, end in latencies)
    done = sorted(end - start for _, end in finished)
    gone = sorted(end - start for _, end in refused)
    print(json.dumps({"fast_ms": ranked, "slow_s": done, "refused_s": gone, "errors": errors}))


if __name__ == "__main__":
    main()
