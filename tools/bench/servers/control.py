# What all contenders share: the collector's setting (GC_THRESHOLD, none: MicroPython's default), and two paths by which
# the client measures garbage. They are asked for only between the measurements.

import gc
import os

threshold = os.getenv("GC_THRESHOLD")
if threshold:
    gc.threshold(int(threshold))

CONTROL = (b"/mem", b"/collect")


def report(path):
    """The body for a path: for "/collect" after a collection, the last one: from here on garbage stays."""
    if path == "/collect":
        gc.collect()
        gc.disable()
    return "%d %d" % (gc.mem_alloc(), gc.threshold())


def control(target):
    """The whole answer, for servers that write their own."""
    body = report(target.decode())
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body.encode())
