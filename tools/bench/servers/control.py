# What all contenders share: the collector's setting (GC_THRESHOLD, none: MicroPython's default); the bodies that they answer; and three
# paths by which the client measures the heap. These are asked for only between the measurements.

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
    """The body for a path: for "/collect" after a collection, the last one: from here on garbage stays. ("/heap": after two.)"""
    if path == "/collect":
        gc.collect()
        gc.disable()
    elif path == "/heap":
        gc.collect()
        gc.collect()
    return "%d %d" % (gc.mem_alloc(), gc.threshold())


def control(target):
    """The whole answer, for servers that write their own."""
    body = report(target.decode())
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body.encode())
