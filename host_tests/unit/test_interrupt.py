# Ctrl-C and sys.exit() in a handler: what is no Exception goes on to who has called poll. If that one polls on, nothing is left half done:
# the handler's connection has ended as after a bug, all others have got what was theirs in that turn, and the loop goes on.

import time

import mungo
from net import Client, listening, tcp_listen, udp_peer
from raising import raised
from waiting import Crew, pipe, until

LANES = ("cpython", "upy", "upy-192k")

GET = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"


class Odd(BaseException):
    pass


class Once:
    """Raises what it was made with, once."""

    def __init__(self, kind):
        self.kind = kind

    def __call__(self, *args):
        kind = self.kind
        self.kind = None
        if kind is not None:
            raise kind()


def interrupted(mgr, kind, ms=5000):
    """Poll until that raises an exception of this kind."""
    start = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), start) < ms:
        try:
            mgr.poll(50)
        except kind:
            return
    raise AssertionError("not within %d ms: %r" % (ms, kind))


def test_its_client_gets_500_and_others_are_served():
    for kind in (KeyboardInterrupt, SystemExit, GeneratorExit, Odd):
        once = Once(kind)

        def fn(c, ev, hm, fn_data, once=once):
            if ev == mungo.EV_HTTP_MSG:
                once()
                c.http_reply(200, None, "hi\n")

        with mungo.Manager() as mgr:
            port = listening(lambda url, mgr=mgr, fn=fn: mgr.http_listen(url, fn))[1]
            client = Client(mgr, port, GET % b"/")
            interrupted(mgr, kind)
            assert b" 500 " in client.until_ended()
            other = Client(mgr, port, GET % b"/")
            assert other.until_has(b"hi\n").startswith(b"HTTP/1.1 200 ")
            assert mgr.stats["bugs"] == 0 and mgr.poll(0)
            client.close()
            other.close()


def test_no_connection_reads_what_came_for_another():
    # The interrupted handler had the buffer that all connections read into.
    once = Once(KeyboardInterrupt)
    seen = {}

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            once()
            seen[c.id] = seen.get(c.id, b"") + c.recv.read()
        elif ev == mungo.EV_CLOSE and not c.is_listening:
            seen[c.id] = "closed"

    with mungo.Manager() as mgr:
        port = tcp_listen(mgr, fn)
        client = Client(mgr, port, b"first")
        interrupted(mgr, KeyboardInterrupt)
        other = Client(mgr, port, b"second")
        until(lambda: len(seen) == 2, mgr)
        assert sorted(map(str, seen.values())) == ["b'second'", "closed"], seen
        client.close()
        other.close()


def test_the_rest_of_the_turn_is_not_lost():
    # Each of these would otherwise wait for the next thing of its kind, maybe for ever.
    mgr = mungo.Manager()
    once = Once(KeyboardInterrupt)
    seen = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_WAKEUP:
            seen.append(data)
            once()

    tcp_listen(mgr, fn)
    id = mgr.conns[0].id
    for i in range(4):
        assert mgr.wakeup(id, "%d" % i)
    interrupted(mgr, KeyboardInterrupt)
    until(lambda: len(seen) >= 1, mgr)
    # (That of a listener goes on; a datagram's socket as well.)
    until(lambda: len(seen) == 4, mgr)
    assert b"".join(seen) == b"0123"

    once.kind = SystemExit
    results = []
    pool = mgr.workers(n=1)

    def on_done(result, er):
        results.append(result)
        once()

    for i in range(4):
        pool.submit(int, i, on_done=on_done)
    interrupted(mgr, SystemExit)
    until(lambda: len(results) == 4, mgr)
    assert pool.stats["done"] == pool.stats["jobs"] == 4 and results == [0, 1, 2, 3]
    assert mgr.close()


def test_a_pipes_worker_is_told():
    mgr = mungo.Manager()
    once = Once(KeyboardInterrupt)
    events = []

    def fn(c, ev, data, fn_data):
        events.append(ev)
        if ev == mungo.EV_READ:
            once()

    end = pipe(mgr, fn)[1]
    crew = Crew()
    ends = []

    def work():
        try:
            while True:
                end.send("x" * 100)  # more than has room
        except OSError as er:
            ends.append(er.errno)
        end.close()

    crew.start(work)
    interrupted(mgr, KeyboardInterrupt)
    crew.join(mgr)
    until(lambda: not mgr.pipes, mgr)
    assert ends == [32] and events[-1] == mungo.EV_CLOSE
    assert mgr.close()


def test_each_open_has_its_close():
    # The handlers of EV_CLOSE, and what on_close was given, are interrupted: each once.
    mgr = mungo.Manager()
    once = Once(KeyboardInterrupt)
    other = Once(SystemExit)
    counts = [0, 0]

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_ACCEPT:
            counts[0] += 1
            c.on_close(other, None)
        elif ev == mungo.EV_CLOSE and not c.is_listening:
            counts[1] += 1
            once()

    port = tcp_listen(mgr, fn)
    clients = [Client(mgr, port) for _ in range(3)]
    until(lambda: mgr.accepted == 3, mgr)
    for c in mgr.conns[1:]:
        c.is_closing = True
    raised((KeyboardInterrupt, SystemExit), mgr.poll, 0)
    raised((KeyboardInterrupt, SystemExit), mgr.poll, 0)  # the other one
    assert counts == [3, 3] and mgr.accepted == 0 and mgr.poll(0)
    for client in clients:
        client.close()
    assert mgr.close()


def test_timers_and_deadlines_go_on():
    mgr = mungo.Manager(idle_ms=200)
    once = Once(KeyboardInterrupt)
    fired = []
    mgr.timer(1, once)
    mgr.timer(1, fired.append, "once")
    mgr.timer(1, fired.append, "again", True)
    interrupted(mgr, KeyboardInterrupt)
    until(lambda: len(fired) > 3, mgr)
    assert fired.count("once") == 1
    port = listening(lambda url: mgr.http_listen(url, None))[1]
    client = Client(mgr, port)
    until(lambda: mgr.accepted, mgr)
    once.kind = SystemExit
    mgr.workers(n=1).submit(time.sleep_ms, 20, timeout_ms=10, on_done=lambda result, er: once())
    interrupted(mgr, SystemExit)
    client.until_ended()
    client.close()
    assert mgr.close()


def test_datagrams_go_on():
    mgr = mungo.Manager()
    once = Once(KeyboardInterrupt)
    seen = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            seen.append(data)
            once()

    port = listening(lambda url: mgr.listen(url, fn), "udp")[1]
    peer = udp_peer(port)
    for data in (b"1", b"2", b"3"):
        peer.send(data)
    interrupted(mgr, KeyboardInterrupt)
    until(lambda: len(seen) == 3, mgr)
    peer.close()
    mgr.close()


def test_close_closes_all_and_raises_it_then():
    mgr = mungo.Manager()
    once = Once(KeyboardInterrupt)
    counts = [0]

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_CLOSE:
            counts[0] += 1
            once()

    for _ in range(3):
        tcp_listen(mgr, fn)
    raised(KeyboardInterrupt, mgr.close)
    assert counts == [3] and not mgr.conns and mgr.closed and mgr.close()
