# What a turn, a request and other steps cost does not grow with what lies idle: by Python's calls and lines on CPython, by bytes of the
# heap on MicroPython. Counts, the same each time.

import gc
import sys

import mungo
from net import Client, listening

LANES = ("cpython", "upy")
MIN_HEAP = "8m"
FEW, MANY = 10, 1000
IS_CPYTHON = sys.implementation.name == "cpython"
SLACK = 0 if IS_CPYTHON else 64  # bytes


def cost(step):
    """What a step costs: calls, lines and loops' rounds, or bytes."""
    step()  # what is loaded when it is first used
    step()
    if not IS_CPYTHON:
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        step()
        after = gc.mem_alloc()
        gc.enable()
        return after - before
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        if "/lib/mungo/" not in frame.f_code.co_filename:
            return None
        count += 1
        return trace

    sys.settrace(trace)
    try:
        step()
    finally:
        sys.settrace(None)
    return count


def manager(count):
    return mungo.Manager(max_conns=count + 10, max_timers=count + 10, max_pipes=count + 10, idle_ms=500000)


def hello(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        c.http_reply(200, {}, "hi\n")


def steps(mgr, port):
    """A turn with nothing to do, and one with a request."""
    client = Client(mgr, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    client.until_has(b"hi\n")
    buf = bytearray(200)

    def request():
        client.sock.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        mgr.poll(1000)
        assert client.sock.readinto(buf) and buf[9:12] == b"200"

    return client, {"turn": lambda: mgr.poll(0), "request": request}


def measure(count, fill, more=None):
    """{step: cost} beside `count` of what fill(mgr, port) makes, one each time."""
    mgr = manager(count)
    _, port = listening(lambda url: mgr.http_listen(url, hello))
    kept = [fill(mgr, port) for _ in range(count)]
    client, them = steps(mgr, port)
    if more:
        them.update(more(mgr, kept))
    found = {name: cost(step) for name, step in them.items()}
    client.close()
    for one in kept:
        if hasattr(one, "close"):
            one.close()
    mgr.close()
    return found


def same(fill, more=None):
    few, many = (measure(count, fill, more) for count in (FEW, MANY))
    for name in few:
        assert few[name] > 0 or not IS_CPYTHON, "nothing was counted: " + name
        assert many[name] - few[name] <= SLACK, (name, few, many)
    return few, many


def test_idle_connections():
    def fill(mgr, port):
        client = Client(mgr, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.until_has(b"hi\n")
        return client

    same(fill)


def test_pipes():
    def more(mgr, ends):
        def message():
            ends[len(ends) // 2].send(b"a")
            mgr.poll(1000)

        return {"message": message}

    same(lambda mgr, port: mgr.mkpipe(None), more)


def timer(mgr, port=0):
    return mgr.timer(1000000, len, "")


def test_timers():
    same(timer)


def test_a_timer_finds_its_place_by_halves():
    costs = []
    for count in (FEW, MANY):
        mgr = manager(count)
        for _ in range(count):
            timer(mgr)

        def start(mgr=mgr):
            mgr.timer(0, len, "")  # due before all of them
            mgr.poll(0)

        costs.append(cost(start))
        mgr.close()
    few, many = costs
    assert many < 2 * few or not IS_CPYTHON, costs  # not a hundred times


def routed(count):
    """{the kind of route: what a request for the last one of it costs}"""
    app = mungo.App()
    for n in range(count):
        app.get("/fixed%04d" % n)(lambda req: "hi\n")
        app.get("/named%04d/<int:id>" % n)(lambda req, id: "hi\n")
    mgr = manager(count)
    _, port = listening(lambda url: app.attach(mgr, url))
    client = Client(mgr, port)
    mgr.poll(100)
    found = {}
    for target, status in (("/fixed%04d" % (count - 1), b"200"), ("/named%04d/7" % (count - 1), b"200"), ("/nowhere", b"404")):
        found[target[:6]] = cost(lambda asked=(target, status): ask(mgr, client, *asked))
    client.close()
    mgr.close()
    return found


def ask(mgr, client, target, status):
    client.sock.write(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode())
    mgr.poll(1000)
    data = client.sock.read(300)
    assert data and data[9:12] == status, data


def test_routes():
    few, many = routed(FEW), routed(MANY)
    for name in few:
        assert abs(many[name] - few[name]) <= SLACK, (name, few, many)
