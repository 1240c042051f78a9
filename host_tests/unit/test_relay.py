# A worker's generator as a chunked answer.

import _thread
import errno
import socket
import time

import mungo
from mungo.app import relay
from net import Client, address, listening
from waiting import close, is_waiting, until

MIN_HEAP = "320k"

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Source:
    """A generator that counts its pieces, and notes that it was closed."""

    def __init__(self, n, size, bad_at=None):
        self.n = n
        self.size = size
        self.bad_at = bad_at
        self.made = 0
        self.closed = 0

    def before_piece(self):
        """A test may wait here."""

    def pieces(self):
        try:
            for i in range(self.n):
                if i == self.bad_at:
                    raise ValueError("piece %d" % i)
                self.made += 1
                self.before_piece()
                yield b"%c" % (65 + i % 26) * self.size
        finally:
            self.closed += 1


class Made:
    """A source whose pieces a function yields."""

    def __init__(self, pieces):
        self.pieces = pieces


def server(mgr, source, errors=None, told=None):
    """Serve the pieces of `source` from a pool of one; "/fast" is answered by the loop. `told` gets each EV_CLOSE and EV_WAKEUP."""
    pool = mgr.workers(n=1, queue=1)

    def fn(c, ev, hm, fn_data):
        if told is not None and ev in (mungo.EV_CLOSE, mungo.EV_WAKEUP):
            told.append(ev)
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
            yield bytearray()
            yield bytearray(b"!")
            yield memoryview(b"?")

    pool, port = server(mgr, Mixed())
    client = Client(mgr, port, GET)
    _, data = body(client.until_has(b"0\r\n\r\n"))
    assert data == b"caf\xc3\xa9!?", data
    client.close()
    close(mgr)


def test_a_number_is_no_piece():
    # In a worker, and in the loop; 5 is not five zeros, and 0 not nothing.
    for wrong in (21, 0, 1.5, None, [65]):
        mgr = mungo.Manager()

        def pieces():
            yield "celsius: "
            yield wrong  # noqa: B023
            yield "never"

        pool, port = server(mgr, Made(pieces))

        def in_loop(c, ev, hm, fn_data):
            if ev == mungo.EV_HTTP_MSG:
                if hm.match("/pieces"):
                    c.http_reply(200, {}, pieces())  # noqa: B023
                else:
                    c.http_reply(200, {}, None)
                    c.http_chunk("celsius: ")
                    c.http_chunk(wrong)  # noqa: B023

        _, loop_port = listening(lambda url: mgr.http_listen(url, in_loop))  # noqa: B023
        for n, (where, path) in enumerate(((port, b"/"), (loop_port, b"/pieces"), (loop_port, b"/chunk"))):
            client = Client(mgr, where, GET.replace(b"/", path, 1))
            got = client.until_ended()
            assert got.endswith(b"\r\n\r\n9\r\ncelsius: \r\n"), (wrong, path, got)
            until(lambda: mgr.stats["bugs"] == n + 1, mgr)  # noqa: B023
            client.close()
        assert pool.stats["failed"] == 1
        until(lambda: not mgr.accepted, mgr)  # noqa: B023
        close(mgr)


def test_each_piece_starts_the_deadline_anew():
    mgr = mungo.Manager()
    go = []

    def pieces():
        for n in range(3):
            until(lambda: len(go) > n)  # noqa: B023
            yield b"piece"

    pool, port = server(mgr, Made(pieces))
    client = Client(mgr, port, GET)
    until(lambda: pool.stats["busy"], mgr)
    job = pool.jobs[0]
    for n in range(2):
        due = job.due
        start = time.ticks_ms()
        until(lambda: time.ticks_diff(time.ticks_ms(), start) > 5)  # noqa: B023
        go.append(n)
        client.until(lambda c: c.got.count(b"piece") > n)  # noqa: B023
        assert time.ticks_diff(job.due, due) > 0, n
    go.append(2)
    body(client.until_has(b"\r\n0\r\n\r\n"))
    client.close()
    close(mgr)


def slow_reader(mgr, port):
    """A client whose system takes little at once, and a function that takes a piece of what has come."""
    sock = socket.socket()
    sock.setsockopt(1, 8, 2048)  # SO_RCVBUF
    sock.connect(address(port))
    sock.write(GET)
    sock.setblocking(False)
    buf = bytearray(1000)
    return sock, lambda: sock.readinto(buf) or 0


def test_a_slow_but_steady_reader_gets_all_of_it():
    # write_ms judges the client, not the worker's deadline.
    mgr = mungo.Manager(queue=1)
    mgr.workers(n=1, queue=1, job_ms=600)
    source = Source(5, 4000)
    listener, pool, port = slow_server(mgr, source)
    sock, take = slow_reader(mgr, port)
    got = 0
    while got < 5 * 4000:
        n = take()
        got += n
        if n and got < 5000 or not n:  # at first it takes a piece less often than job_ms
            start = time.ticks_ms()
            ms = 700 if n else 5
            until(lambda: time.ticks_diff(time.ticks_ms(), start) > ms, mgr)  # noqa: B023
    until(lambda: pool.stats["done"], mgr)
    assert not pool.stats["timeouts"] and source.closed == 1
    sock.close()
    close(mgr)


def slow_server(mgr, source):
    """`server` with sockets that take little at once: (listener, pool, port)."""
    pool = mgr.workers()

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            relay.stream(c, pool, source.pieces())

    listener, port = listening(lambda url: mgr.http_listen(url, fn))
    listener.sock.setsockopt(1, 7, 4096)  # SO_SNDBUF, which connections inherit
    return listener, pool, port


def test_no_pipe_outlives_a_client_that_leaves_when_its_worker_has_ended():
    mgr = mungo.Manager(max_pipes=2)
    source = Source(14, 4000)
    mgr.workers(n=1)
    _, pool, port = slow_server(mgr, source)
    for k in range(1, 5):
        sock, take = slow_reader(mgr, port)
        # It has ended, and the client has not read all:
        until(lambda: source.closed == k and not pool.stats["busy"] and [c for c in mgr.conns if c.is_full], mgr)  # noqa: B023
        assert mgr.pipes == 1 and mgr.accepted == 1
        sock.close()
        until(lambda: not mgr.accepted, mgr)
        assert not mgr.pipes and len(mgr.conns) == 1
        assert (pool.stats["jobs"], pool.stats["dropped"]) == (k, k)
    assert not mgr.stats["bugs"] and mgr.stats["undelivered"], mgr.stats
    close(mgr)


def test_closing_during_a_stream_is_a_drop_and_no_bug():
    for whose in ("pool", "manager"):
        for where in ("in send", "between two pieces", "done"):
            mgr = mungo.Manager(queue=16 if where == "done" else 3)
            mgr.workers(n=1)
            gate = _thread.allocate_lock()

            class Gated(Source):
                def before_piece(self):
                    if self.made == 2 and where != "done":  # noqa: B023
                        with gate:  # noqa: B023
                            pass

            gate.acquire()
            source = Gated(20 if where == "in send" else 9, 6000)
            _, pool, port = slow_server(mgr, source)
            sock, take = slow_reader(mgr, port)
            until(lambda: mgr.pipes and source.made > 1, mgr)  # noqa: B023
            job = pool.jobs[0]
            if where == "in send":
                gate.release()
                until(lambda: is_waiting(job.end), mgr)  # noqa: B023
            elif where == "done":
                until(lambda: source.closed and not pool.stats["busy"] and [c for c in mgr.conns if c.is_full], mgr)  # noqa: B023
            assert mgr.pipes == 1
            owner = pool if whose == "pool" else mgr
            if where == "between two pieces":
                assert owner.close(0) is False
                gate.release()
            assert owner.close(10000) is True
            assert pool.stats["dropped"] == 1 and not mgr.stats["bugs"] and not mgr.pipes, (whose, where, pool.stats)
            assert source.closed == 1 and not pool.stats["failed"] + pool.stats["done"]
            if whose == "pool":
                until(lambda: not mgr.accepted, mgr)  # noqa: B023
            sock.close()
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


def of_a_reluctant_client(mgr, source, port):
    """What a client gets of the pieces of `source`, whose socket takes nothing until the worker has made all of them."""
    listener = next(c for c in mgr.conns if c.is_listening)
    accepted_class = listener.accepted_class

    class Reluctant(accepted_class):
        is_reluctant = True

        def write(self, data, at, n):
            return 0 if Reluctant.is_reluctant else accepted_class.write(self, data, at, n)

    listener.accepted_class = Reluctant
    client = Client(mgr, port, GET)
    client.until(lambda c: source.made == source.n)
    for _ in range(20):
        mgr.poll(0)
    listener.accepted_class = accepted_class
    Reluctant.is_reluctant = False
    got = client.until_has(b"\r\n0\r\n\r\n")
    client.close()
    return body(got)[1]


def test_pieces_wait_behind_a_head_that_the_socket_does_not_take():
    mgr = mungo.Manager(send_limit=100)
    source = Source(5, 200)
    _, port = server(mgr, source)
    assert of_a_reluctant_client(mgr, source, port) == b"".join([b"%c" % (65 + i) * 200 for i in range(5)])
    close(mgr)


def test_pieces_of_an_app_wait_behind_a_head_that_the_socket_does_not_take():
    mgr = mungo.Manager(send_limit=100)
    app = mungo.App()
    source = Source(5, 200)
    app.get("/", worker=True)(lambda req: source.pieces())
    _, port = listening(lambda url: app.attach(mgr, url))
    assert of_a_reluctant_client(mgr, source, port) == b"".join([b"%c" % (65 + i) * 200 for i in range(5)])
    close(mgr)


def test_a_client_that_leaves_ends_the_generator():
    mgr = mungo.Manager(queue=2)
    source = Source(1000000, 1000)
    told = []
    pool, port = server(mgr, source, told=told)
    client = Client(mgr, port, GET)
    until(lambda: source.made > 10, mgr)
    (c,) = [c for c in mgr.conns if c.is_accepted]
    assert mgr.wakeup(c.id, b"x")
    until(lambda: told, mgr)
    client.close()
    until(lambda: source.closed == 1 and pool.stats["late"], mgr)
    assert pool.stats["dropped"] == 1 and source.made < 1000000
    assert told == [mungo.EV_WAKEUP, mungo.EV_CLOSE]  # the program's handler learns of all that is not the stream's
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


def test_a_generator_that_raises_at_once_breaks_the_answer_off():
    mgr = mungo.Manager()
    source = Source(10, 10, bad_at=0)
    pool, port = server(mgr, source)
    client = Client(mgr, port, GET)
    client.until_ended()
    assert client.got.startswith(b"HTTP/1.1 200 ") and not client.got.endswith(b"0\r\n\r\n"), client.got
    assert mgr.stats["bugs"] == 1 and source.closed == 1
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
