# Shared by all contenders: the setting of the collector (GC_THRESHOLD; without it, MicroPython's default), the bodies of the answers, and
# three paths for the client to measure the heap. The client requests these only before and after a measurement.

import gc
import os

threshold = os.getenv("GC_THRESHOLD")
if threshold:
    gc.threshold(int(threshold))

CONTROL = (b"/mem", b"/collect", b"/heap")

FACTS = {"name": "greenhouse", "celsius": 21.5, "on": True, "list": [1, 2, 3, 4, 5, 6, 7, 8]}  # as JSON, made for each answer
TEXT10K = b"0123456789abcdef" * 640
TEXT100K = b"0123456789abcdef" * 6400


def report(path):
    """The answer to a path: the heap in use, and the threshold. "/collect" collects and turns the collector off, "/heap" collects twice."""
    if path == "/collect":
        gc.collect()
        gc.disable()
    elif path == "/heap":
        gc.collect()
        gc.collect()
    return "%d %d" % (gc.mem_alloc(), gc.threshold())


def control(target):
    """The whole HTTP answer, for servers without a framework."""
    body = report(target.decode())
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body.encode())
