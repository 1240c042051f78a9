# A worker's generator as a chunked answer.

import _thread
import errno

import mungo
from mungo.app import relay
from net import Client, listening
from waiting import close, until

MIN_HEAP = "256k"

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Source:
    """A generator that counts its pieces, and notes that it was closed."""

    def __init__(self, n, size, bad_at=None):
        self.n = n
        self.size = size
        self.bad_at = bad_at
        self.made = 0
        self.closed = 0

    def pieces(self):
        try:
            for i in range(self.n):
                if i == self.bad_at:
                    raise ValueError("piece %d" % i)
                self.made += 1
                yield b"%c" % (65 + i % 26) * self.size
        finally:
            self.closed += 1


def server(mgr, source, errors=None):
    """Serve the pieces of `source` from a pool of one; "/fast" is answered by the loop."""
    pool = mgr.workers(n=1, queue=1)

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            if hm.match("/fast"):
                c.http_reply(200, {}, "hi\n")
                return
            try:
                relay.stream(c, pool, source.pieces(), 200, {"X-A": "b"})
            except OSError as er:
                errors.append(er.errno)
                c.http_reply(503, {}, "busy")

    _, port = listening(lambda url: mgr.http_listen(url, fn))
    return pool, port


def body(got):
    """The body of a chunked answer that is whole."""
    head, _, rest = got.partition(b"\r\n\r\n")
    data = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        n = int(size.decode(), 16)
        if not n:
            assert rest == b"\r\n", rest
            return head, data
        data += rest[:n]
        assert rest[n : n + 2] == b"\r\n"
        rest = rest[n + 2 :]


def test_all_pieces_arrive_in_order_and_the_connection_goes_on():
    mgr = mungo.Manager()
    source = Source(40, 100)
    pool, port = server(mgr, source)
    client = Client(mgr, port, GET)
    for _ in range(2):
        client.got = b""
        head, data = body(client.until_has(b"\r\n0\r\n\r\n"))
        assert b"X-A: b" in head and b"chunked" in head, head
        assert data == b"".join([b"%c" % (65 + i % 26) * 100 for i in range(40)])
        client.send(GET)
    client.until(lambda c: source.closed == 3)
    client.close()
    close(mgr)


def test_empty_pieces_are_left_out_and_str_is_utf8():
    mgr = mungo.Manager()

    class Mixed:
        def pieces(self):
            yield ""
            yield "caf\xe9"
            yield b""
            yield bytearray(b"!")

    pool, port = server(mgr, Mixed())
    client = Client(mgr, port, GET)
    _, data = body(client.until_has(b"0\r\n\r\n"))
    assert data == b"caf\xc3\xa9!", data
    client.close()
    close(mgr)


def test_a_slow_client_slows_its_worker_and_nobody_else():
    mgr = mungo.Manager(send_limit=4096, queue=2, queue_bytes=200000)
    source = Source(10000, 2000)
    pool, port = server(mgr, source)
    slow = Client(mgr, port, GET)
    seen = []

    def stands():  # until it makes no more for a while
        seen.append(source.made)
        return len(seen) > 30 and seen[-30] == source.made > 0

    until(stands, mgr, 60000)
    made = source.made
    assert made < 6000, made  # what the kernel holds, the backlog, two in the queue, one in hand
    assert pool.stats["busy"] == 1 and mgr.stats["queue_full"] > 0
    fast = Client(mgr, port, b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n")
    fast.until_has(b"hi\n")
    total = [0]
    buf = bytearray(8192)

    def take():
        n = slow.sock.readinto(buf)
        while n:
            total[0] += n
            n = slow.sock.readinto(buf)
        return source.made == 10000 and total[0] >= 10000 * 2000

    until(take, mgr, 60000)
    fast.close()
    slow.close()
    close(mgr)


def test_a_client_that_leaves_ends_the_generator():
    mgr = mungo.Manager(queue=2)
    source = Source(1000000, 1000)
    pool, port = server(mgr, source)
    client = Client(mgr, port, GET)
    until(lambda: source.made > 10, mgr)
    client.close()
    until(lambda: source.closed == 1 and pool.stats["late"], mgr)
    assert pool.stats["dropped"] == 1 and source.made < 1000000
    assert mgr.stats["bugs"] == 0 and mgr.pipes == 0
    close(mgr)


def test_a_generator_that_raises_breaks_the_answer_off():
    mgr = mungo.Manager()
    source = Source(10, 10, bad_at=3)
    pool, port = server(mgr, source)
    client = Client(mgr, port, GET)
    client.until_ended()
    assert b"CCCCCCCCCC" in client.got and not client.got.endswith(b"0\r\n\r\n"), client.got
    assert mgr.stats["bugs"] == 1 and pool.stats["failed"] == 1 and source.closed == 1
    client.close()
    close(mgr)


def test_a_piece_that_takes_too_long_breaks_it_off():
    mgr = mungo.Manager()
    stuck = []

    class Slow:
        def pieces(self):
            yield b"one"
            while not stuck:
                pass
            yield b"two"

    pool = mgr.workers(n=1, queue=1, job_ms=100)

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            relay.stream(c, pool, Slow().pieces())

    _, port = listening(lambda url: mgr.http_listen(url, fn))
    client = Client(mgr, port, GET)
    client.until_ended()
    assert b"one" in client.got and b"0\r\n\r\n" not in client.got and pool.stats["timeouts"] == 1
    stuck.append(1)
    until(lambda: pool.stats["late"], mgr)
    client.close()
    close(mgr)


def test_head_has_no_body_and_needs_no_worker():
    mgr = mungo.Manager()
    source = Source(10, 10)
    pool, port = server(mgr, source)
    client = Client(mgr, port, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    client.until_has(b"\r\n\r\n")
    client.send(b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n")
    client.until_has(b"hi\n")
    assert b"AAAA" not in client.got and pool.stats["jobs"] == 0
    client.close()
    close(mgr)


def test_a_full_pool_is_told_before_anything_is_sent():
    mgr = mungo.Manager(queue=1)
    source = Source(1000000, 1000)
    errors = []
    pool, port = server(mgr, source, errors)
    clients = [Client(mgr, port, GET) for _ in range(3)]
    until(lambda: errors and source.made, mgr)
    assert errors == [errno.EAGAIN]

    def is_told():
        for c in clients:
            try:
                c.got = c.sock.recv(300)
            except OSError as er:
                assert er.errno == errno.EAGAIN
            if c.got.endswith(b"busy"):
                return True

    until(is_told, mgr)
    for client in clients:
        client.close()
    until(lambda: source.closed and not pool.stats["busy"], mgr)
    close(mgr)


def test_a_header_that_smuggles_stops_the_worker_too():
    mgr = mungo.Manager()
    source = Source(100000, 10)
    pool = mgr.workers(n=1)

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            relay.stream(c, pool, source.pieces(), 200, {"X": "a\r\nY: b"})

    _, port = listening(lambda url: mgr.http_listen(url, fn))
    client = Client(mgr, port, GET)
    client.until_has(b"HTTP/1.1 500 ")
    until(lambda: not pool.stats["busy"] and not pool.queued, mgr)
    assert mgr.stats["bugs"] == 1 and source.made < 100000
    client.close()
    close(mgr)


def test_an_answer_of_which_pieces_are_lost_does_not_end_like_a_whole_one():
    mgr = mungo.Manager()
    gate = _thread.allocate_lock()
    gate.acquire()

    class Gated(Source):
        def pieces(self):
            with gate:
                for i in range(3):
                    yield b"%d" % i

    pool, port = server(mgr, Gated(3, 1))
    client = Client(mgr, port, GET)
    until(lambda: pool.stats["busy"], mgr)
    gate.release()
    until(lambda: not pool.stats["busy"])  # all three wait for the loop
    assert mgr.close()
    while not client.ended:
        client.look()
    assert client.got.startswith(b"HTTP/1.1 200") and not client.got.endswith(b"0\r\n\r\n"), client.got
    client.close()
