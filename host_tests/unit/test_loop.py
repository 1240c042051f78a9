# The loop's contract: what poll does and refuses, deadlines without traffic, limits and their counters, faults that stay where
# they are.

import errno
import time

import mungo
from net import Client, listening, turns

MIN_HEAP = "192k"


def recorder():
    events = []

    def fn(c, ev, data, fn_data):
        events.append((c.id, ev, data))

    return fn, events


def test_idle_poll_returns_running():
    mgr = mungo.Manager()
    assert mgr.poll(0) is True
    mgr.stop()
    assert mgr.poll(1000) is False
    mgr.close()


def test_poll_in_a_handler_raises():
    mgr = mungo.Manager()
    seen = []

    def fn(_):
        try:
            mgr.poll(0)
        except RuntimeError as er:
            seen.append(er)

    mgr.timer(0, fn)
    mgr.poll(0)
    assert len(seen) == 1
    mgr.poll(0)  # and afterwards all is well
    mgr.close()


def test_wrong_limits_say_what_is_allowed():
    for name, value in (("recv_limt", 5), ("queue", 0), ("queue", "4"), ("head_ms", 1 << 29), ("_x", 1)):
        try:
            mungo.Manager(**{name: value})
        except ValueError as er:
            assert name in str(er), er
            assert "send_limit" in str(er) or "%r" % (value,) in str(er), er
        else:
            raise AssertionError(name)
    mgr = mungo.Manager(queue=3)
    assert mgr.queue == 3
    mgr.close()


def test_ids_are_never_used_again():
    mgr = mungo.Manager()
    ids = set()
    for _ in range(40):
        end = mgr.mkpipe(None)
        c = mgr.conns[-1]
        assert c.id not in ids
        ids.add(c.id)
        end.close()
        turns(mgr, lambda: not mgr.conns)
    mgr.close()


def test_find_by_id_among_many():
    mgr = mungo.Manager(max_pipes=100)
    ends = [mgr.mkpipe(None) for _ in range(50)]
    conns = list(mgr.conns)
    for c in conns[::3]:
        c.is_closing = True
    mgr.poll(0)
    for i, c in enumerate(conns):
        assert (mgr.find(c.id) is c) == (i % 3 != 0)
    for end in ends:
        end.close()
    mgr.close()


class Watching:
    """The bell's lock. It notes the ids that other threads may find, whenever it is taken and given back."""

    def __init__(self, mgr):
        self.mgr = mgr
        self.lock = mgr.bell.lock
        self.seen = []  # [(before, after)]

    def ids(self):
        mgr = self.mgr
        return [id for id, c in zip(mgr._ids, mgr._found_by) if id is not None and c is not None and c.id == id]

    def __enter__(self):
        self.lock.acquire()
        self.before = self.ids()
        self.sizes = len(self.mgr._ids)

    def __exit__(self, *_):
        self.seen.append((self.before, self.ids(), len(self.mgr._ids) - self.sizes))
        self.lock.release()


def test_ids_come_and_go_under_the_lock_alone():
    # Threads look for them with it, by `wakeup`.
    mgr = mungo.Manager()
    lock = mgr.bell.lock = Watching(mgr)
    ends = []
    for n in range(20):
        before = lock.ids()
        size = len(mgr._ids)
        ends.append(mgr.mkpipe(None))
        after = lock.ids()
        assert set(after) == set(before) | {ends[-1].c.id}
        assert [1 for old, new, _ in lock.seen if set(new) - set(old) == {ends[-1].c.id} and set(old) == set(before)] == [1], n
        assert sum([grown for _, _, grown in lock.seen]) == len(mgr._ids) - size  # the tables grow in there as well
        lock.seen.clear()
    while ends:
        c = ends[0].c
        ends.pop(0).close()
        lock.seen.clear()
        before = lock.ids()
        turns(mgr, lambda: c not in mgr.conns)  # noqa: B023
        assert [1 for old, new, _ in lock.seen if set(old) - set(new) == {c.id} and set(old) == set(before)] == [1]
    mgr.bell.lock = lock.lock
    assert mgr.close()


def test_the_earliest_deadline_counts_whichever_was_set_first():
    for times in ((20000, 30), (30, 20000), (20000, 30, 10000), (30, 30)):
        mgr = mungo.Manager()
        expired = []
        ends = [mgr.mkpipe(None) for _ in times]
        for end, ms in zip(ends, times):
            mgr.deadline(end.c, ms)
        start = mgr.now
        while True:
            mgr.poll(-1)
            expired = [n for n in range(len(times)) if not ends[n].c.wait]
            if expired or time.ticks_diff(mgr.now, start) > 800:  # which it could sleep otherwise
                break
        assert expired == [n for n in range(len(times)) if times[n] == 30], (times, expired)
        for end in ends:
            end.close()
        assert mgr.close()


def test_conns_are_the_open_ones_in_their_order_whoever_goes():
    closed = []

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_CLOSE:
            closed.append(c)

    mgr = mungo.Manager(max_pipes=60)
    ends = [mgr.mkpipe(handler) for _ in range(53)]
    left = list(mgr.conns)
    at = 0
    while left:
        at = (at + 31) % len(left)  # from the front, the middle and the end
        c = left.pop(at)
        c.is_closing = True
        mgr.poll(0)
        assert closed.pop() is c and not closed
        assert [one.id for one in mgr.conns] == [one.id for one in left]
        with mgr.bell.lock:
            assert mgr.find(c.id) is None and all([mgr.find(one.id) is one for one in left])
    for end in ends:
        end.close()
    mgr.close()


def echo(c, ev, data, fn_data):
    if ev == mungo.EV_READ:
        c.send(c.recv.read())


def test_echo_and_event_order():
    mgr = mungo.Manager()
    order = []

    def fn(c, ev, data, fn_data):
        if not c.is_listening:
            order.append(ev)
            assert fn_data == "data"
        echo(c, ev, data, fn_data)

    listener, port = listening(lambda url: mgr.listen(url, fn, "data"), "tcp")
    assert listener.rem == "127.0.0.1:%d" % port
    client = Client(mgr, port, b"hello")
    assert client.until_has(b"hello") == b"hello"
    client.close()
    turns(mgr, lambda: len(mgr.conns) == 1)
    assert order == [mungo.EV_OPEN, mungo.EV_ACCEPT, mungo.EV_READ, mungo.EV_CLOSE], order
    mgr.close()


def test_recv_keeps_what_is_not_taken():
    mgr = mungo.Manager()
    sizes = []

    def fn(c, ev, n, fn_data):
        if ev == mungo.EV_READ:
            sizes.append((n, len(c.recv)))
            if len(c.recv) >= 6:
                c.send(c.recv.read(4))
                c.recv.clear()

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port)
    for piece in (b"ab", b"cd", b"ef"):
        client.send(piece)
        turns(mgr, lambda piece=piece: len(sizes) == "abcdef".find(piece.decode()) // 2 + 1)
    assert client.until_has(b"abcd") == b"abcd"
    assert sizes == [(2, 2), (2, 4), (2, 6)], sizes
    client.close()
    mgr.close()


def test_recv_limit_ends_that_connection_alone():
    mgr = mungo.Manager(recv_limit=1000)
    fn, events = recorder()
    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port, b"x" * 999)
    other = Client(mgr, port, b"y")
    turns(mgr, lambda: len(mgr.conns) == 3 and sum(len(c.recv) for c in mgr.conns) == 1000)
    client.send(b"x")
    client.until_ended()
    assert mgr.stats["recv_full"] == 1
    assert [data for _, ev, data in events if ev == mungo.EV_ERROR] == ["recv_limit"]
    assert len(mgr.conns) == 2
    client.close()
    other.close()
    mgr.close()


def test_recv_limit_is_for_connections_that_go_on_reading():
    mgr = mungo.Manager(recv_limit=1000)
    got = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            c.is_full = True
            got.append(len(c.recv))
        elif ev == mungo.EV_ERROR:
            got.append(data)

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port, b"x" * 1500)
    turns(mgr, lambda: got and (got[-1] == 1500 or len(got) > 1))
    while got[-1] != 1500:  # it came in parts, and the first one has paused it
        n = len(got)
        next(c for c in mgr.conns if c.is_full).is_full = False
        turns(mgr, lambda n=n: len(got) > n)
    for _ in range(10):
        mgr.poll(0)
    assert got[-1] == 1500 and mgr.stats["recv_full"] == 0
    c = next(c for c in mgr.conns if c.is_full)
    c.fn = lambda c, ev, data, fn_data: ev == mungo.EV_ERROR and got.append(data)  # it leaves all, and does not pause
    c.is_full = False
    client.send(b"x")
    client.until_ended()
    assert got[-1] == "recv_limit" and mgr.stats["recv_full"] == 1
    client.close()
    mgr.close()


def test_a_bug_ends_its_connection_and_the_loop_goes_on():
    mgr = mungo.Manager()
    ends = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_READ and c.recv.read() == b"bug":
            raise KeyError("a bug, on purpose")
        if ev in (mungo.EV_ERROR, mungo.EV_CLOSE):
            ends.append((ev, data))

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    bad = Client(mgr, port, b"bug")
    good = Client(mgr, port, b"x")
    bad.until_ended()
    assert mgr.stats["bugs"] == 1
    assert [ev for ev, _ in ends] == [mungo.EV_ERROR, mungo.EV_CLOSE], ends
    assert len(mgr.conns) == 2
    good.close()
    bad.close()
    turns(mgr, lambda: len(mgr.conns) == 1)
    assert mgr.rx.end == 0 or mgr.conns[0].recv is not mgr.rx
    mgr.close()


def test_a_bug_on_open_spares_the_listener():
    mgr = mungo.Manager()

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_OPEN and not c.is_listening:
            raise ValueError("a bug, on purpose")

    listener, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    for n in range(1, 4):
        client = Client(mgr, port)
        client.until_ended()
        client.close()
        assert mgr.stats["bugs"] == n
    assert mgr.conns == [listener]
    mgr.close()


def test_close_and_error_come_after_the_handler():
    mgr = mungo.Manager()
    log = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            log.append("in")
            c.is_closing = True
            c.is_closing = True
            assert c.is_closing
            assert c.send(b"too late") is False
            log.append("out")
        elif ev == mungo.EV_CLOSE and not c.is_listening:
            log.append("close")

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port, b"x")
    assert client.until_ended() == b""
    assert log == ["in", "out", "close"], log
    client.close()
    mgr.close()


def test_flags_can_not_be_taken_back():
    mgr = mungo.Manager()
    mgr.mkpipe(None)
    c = mgr.conns[-1]
    for flag in ("is_closing", "is_draining"):
        try:
            setattr(c, flag, False)
        except ValueError:
            pass
        else:
            raise AssertionError(flag)
    mgr.close(0)


def test_draining_sends_everything_first():
    mgr = mungo.Manager(write_ms=20000, send_limit=1 << 23, shared_bytes=1 << 23)
    n = 4000  # pieces

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            c.recv.clear()
            piece = bytes(1000)
            for _ in range(n):
                assert c.send(piece)
            c.is_draining = True
            assert c.send(b"x") is False

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port, b"x")
    got = [0]
    buf = bytearray(65536)
    start = time.ticks_ms()
    while True:
        try:
            k = client.sock.readinto(buf)
        except OSError as er:
            raise AssertionError(er)
        if k == 0:
            break
        got[0] += k or 0
        mgr.poll(5)
        assert time.ticks_diff(time.ticks_ms(), start) < 20000
    assert got[0] == 1000 * n, got
    client.close()
    mgr.close()


def test_send_limit_and_ev_write():
    mgr = mungo.Manager(send_limit=20000)
    log = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            c.recv.clear()
            piece = bytes(1000)
            n = 0
            while c.send(piece):
                n += 1
                assert n < 100000
            log.append(n)
        elif ev == mungo.EV_WRITE:
            log.append("write")

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port, b"x")
    turns(mgr, lambda: log)
    sent = log[0] * 1000
    assert mgr.stats["send_full"] == 1
    c = mgr.conns[-1]
    assert c.out.size <= 20000, c.out.size
    total = 0
    buf = bytearray(4096)
    start = time.ticks_ms()
    while "write" not in log:
        total += client.sock.readinto(buf) or 0
        mgr.poll(5)
        assert time.ticks_diff(time.ticks_ms(), start) < 20000
    while total < sent:
        total += client.sock.readinto(buf) or 0
        assert time.ticks_diff(time.ticks_ms(), start) < 20000
    assert total == sent
    assert c.out is None and log.count("write") == 1
    client.close()
    mgr.close()


def test_write_deadline_cuts_a_reader_that_never_reads():
    mgr = mungo.Manager(write_ms=150)
    fn, events = recorder()

    def flood(c, ev, data, fn_data):
        fn(c, ev, data, fn_data)
        if ev == mungo.EV_READ:
            c.recv.clear()
            piece = bytes(2000)
            while c.send(piece):
                pass

    _, port = listening(lambda url: mgr.listen(url, flood), "tcp")
    client = Client(mgr, port, b"x")
    start = time.ticks_ms()
    while not any(ev == mungo.EV_CLOSE for _, ev, _ in events):
        mgr.poll(1000)
        assert time.ticks_diff(time.ticks_ms(), start) < 10000
    assert [ev for _, ev, _ in events[-2:]] == [mungo.EV_ERROR, mungo.EV_CLOSE]
    assert mgr.stats["timeouts"] == 1
    client.close()
    mgr.close()


def test_a_deadline_set_between_two_polls_counts_from_then():
    mgr = mungo.Manager(write_ms=300)
    fn, events = recorder()
    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port, b"x")
    turns(mgr, lambda: len(mgr.conns) == 2)
    time.sleep_ms(400)  # the program is busy with something else
    c = mgr.conns[-1]
    while c.send(bytes(10000)):
        pass
    mgr.poll(0)
    assert not any(ev == mungo.EV_ERROR for _, ev, _ in events)
    assert c.wait == 300
    client.close()
    mgr.close()


def test_eof_lets_the_answer_of_the_same_turn_out():
    mgr = mungo.Manager()

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            c.http_reply(200, {}, "hi\n")

    _, port = listening(lambda url: mgr.http_listen(url, fn))
    client = Client(mgr, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    client.until_has(b"hi\n")
    client.close()
    turns(mgr, lambda: len(mgr.conns) == 1)
    mgr.close()


def test_no_handler_reads_on_once_the_connection_lingers():
    mgr = mungo.Manager(rx_bytes=16)
    reads = []

    def fn(c, ev, n, fn_data):
        if ev == mungo.EV_READ:
            reads.append(n)
            c.linger()

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port, b"x" * 160)  # ten reads' worth
    turns(mgr, lambda: reads)
    assert reads == [16], reads
    client.close()
    turns(mgr, lambda: len(mgr.conns) == 1)
    assert reads == [16], reads
    mgr.close()


def test_is_full_stops_reading_and_clearing_goes_on():
    mgr = mungo.Manager()
    reads = []

    def fn(c, ev, n, fn_data):
        if ev == mungo.EV_READ:
            reads.append(c.recv.read())
            c.is_full = True

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port, b"one")
    turns(mgr, lambda: reads)
    client.send(b"two")
    for _ in range(20):
        mgr.poll(1)
    assert reads == [b"one"]
    c = mgr.conns[-1]
    assert c.is_full
    c.is_full = False
    turns(mgr, lambda: len(reads) == 2)
    assert reads == [b"one", b"two"]
    client.close()
    mgr.close()


def test_a_flood_does_not_starve_others():
    mgr = mungo.Manager(rx_bytes=1024)  # so that the kernel has far more than a turn takes
    seen = {}

    def fn(c, ev, n, fn_data):
        if ev == mungo.EV_READ:
            seen[c.id] = seen.get(c.id, 0) + len(c.recv)
            c.recv.clear()

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    flood = Client(mgr, port)
    calm = Client(mgr, port)
    turns(mgr, lambda: len(mgr.conns) == 3)
    calls = []
    mgr.timer(0, calls.append, 1)
    sent = 0
    while True:  # as much as the kernel takes
        n = flood.sock.write(bytes(4096))
        if not n:
            break
        sent += n
    calm.send(b"x")
    mgr.poll(0)
    ids = [c.id for c in mgr.conns[1:]]
    assert len(seen) == 2, seen  # both were served in one turn
    assert sent > 16 * mgr.rx_bytes
    assert seen[ids[0]] == 8 * mgr.rx_bytes, seen
    assert calls == [1]
    flood.close()
    calm.close()
    mgr.close()


def test_several_are_accepted_in_one_turn():
    mgr = mungo.Manager()
    _, port = listening(lambda url: mgr.listen(url, None), "tcp")
    clients = [Client(mgr, port) for _ in range(10)]
    mgr.poll(100)
    assert mgr.stats["accepted"] == 10
    for client in clients:
        client.close()
    mgr.close()


class NoSockets:
    """A listening socket whose accept finds no socket `times` times. The poll goes on with the real one."""

    def __init__(self, listener, times, code=24):
        self.sock = sock = listener.sock
        self.times = times
        self.code = code
        watch = listener.mgr.watch
        listener.mgr.watch = lambda s, c, mask: watch(sock if s is self else s, c, mask)
        listener.sock = self

    def accept(self):
        if self.times:
            self.times -= 1
            raise OSError(self.code)
        return self.sock.accept()

    def close(self):
        self.sock.close()


def test_out_of_sockets_goes_on_and_resumes():
    mgr = mungo.Manager()
    listener, port = listening(lambda url: mgr.listen(url, echo), "tcp")
    old = Client(mgr, port, b"1")
    old.until_has(b"1")
    NoSockets(listener, 3)
    new = Client(mgr, port, b"2")
    looks = mgr.stats["starved"]
    n = turns(mgr, lambda: mgr.stats["starved"] > looks)
    before = mgr.stats["starved"]
    for _ in range(50):  # it does not spin on the listener, which would count on
        mgr.poll(0)
    assert mgr.stats["starved"] == before == 1, (n, before)
    old.send(b"3")
    old.until_has(b"13")  # the others are served meanwhile
    assert new.until_has(b"2") == b"2"  # tried again after 100 ms, three times
    assert mgr.stats["starved"] == 3
    old.close()
    new.close()
    mgr.close()


def test_out_of_sockets_resumes_when_one_is_given_back():
    mgr = mungo.Manager()
    listener, port = listening(lambda url: mgr.listen(url, echo), "tcp")
    old = Client(mgr, port, b"1")
    old.until_has(b"1")
    NoSockets(listener, 1)
    new = Client(mgr, port, b"2")
    turns(mgr, lambda: mgr.stats["starved"])
    assert listener.wait  # a second try is under way in 100 ms, but
    old.close()
    turns(mgr, lambda: not mgr.paused_listeners)
    assert new.until_has(b"2") == b"2"
    new.close()
    mgr.close()


def test_a_connection_that_goes_on_and_closes_in_one_turn_hears_nothing_more():
    mgr = mungo.Manager()
    events = []

    def fn(c, ev, data, fn_data):
        events.append(ev)
        if ev == mungo.EV_READ:
            c.is_full = True
            c.is_full = False  # what is left in recv would be told once more
            c.is_closing = True

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port, b"1")
    client.until_ended()
    for _ in range(3):
        mgr.poll(0)
    assert events[-4:] == [mungo.EV_OPEN, mungo.EV_ACCEPT, mungo.EV_READ, mungo.EV_CLOSE], events
    client.close()
    mgr.close()


def test_without_memory_for_the_rest_of_an_answer_nothing_else_is_sent():
    from mungo.core.send_buffer import SendBuffer

    mgr = mungo.Manager()
    real = SendBuffer.add
    piece = b"x" * 4000

    def short(self, data, at):
        raise MemoryError

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            SendBuffer.add = short
            try:
                while c.http_reply(200, {}, piece) and c.out is None:
                    hm.phase = 2  # as if there were one more request
            finally:
                SendBuffer.add = real

    _, port = listening(lambda url: mgr.http_listen(url, fn))
    client = Client(mgr, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    last = data = b"?"
    while data:
        mgr.poll(0)
        try:
            last, data = data, client.sock.recv(4096)
        except OSError as er:
            assert er.errno in (errno.EAGAIN, errno.ECONNRESET)
            if er.errno == errno.ECONNRESET:
                break
    assert b" 500 " not in last, last[-200:]
    client.close()
    mgr.close()


def test_a_listener_without_sockets_or_memory_comes_back_and_is_noted_once():
    mgr = mungo.Manager()
    listener, port = listening(lambda url: mgr.listen(url, echo), "tcp")
    NoSockets(listener, 3)
    real = mgr.watch
    failed = []

    def watch(sock, c, mask):
        if mask and c is listener and mgr.stats["starved"] == 3 and len(failed) < 2:
            failed.append(mask)
            raise MemoryError
        real(sock, c, mask)

    mgr.watch = watch
    client = Client(mgr, port, b"1")
    client.until(lambda c: mgr.stats["starved"] == 3)
    assert len(mgr.paused_listeners) == 1
    assert client.until_has(b"1") == b"1" and len(failed) == 2
    client.close()
    mgr.close()


def hello(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG and not hm.match("/wait"):
        c.http_reply(200, {}, "hi\n")


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"


def test_without_a_socket_the_idlest_connection_makes_room():
    mgr = mungo.Manager(busy_ms=7)  # connections are idle as soon as they have their answer
    listener, port = listening(lambda url: mgr.http_listen(url, hello))
    busy = Client(mgr, port, WAIT)
    busy.until(lambda c: any(c.is_resp for c in mgr.conns if c is not listener))
    idle = [Client(mgr, port, GET) for _ in range(2)]
    for client in idle:
        client.until_has(b"hi\n")
    NoSockets(listener, 1)
    new = Client(mgr, port, GET)
    assert b"hi\n" in new.until_has(b"hi\n")
    assert mgr.stats["starved"] == mgr.stats["evicted"] == 1
    assert len(mgr.conns) == 4  # the listener, who waits for an answer, one idle connection, and the new one
    for client in [busy, new] + idle:
        client.close()
    mgr.close()


def test_who_is_told_of_a_bug_is_not_evicted():
    def fail(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            raise ValueError("planned")

    mgr = mungo.Manager(max_conns=1, linger_ms=10000)
    mgr.report = lambda er: None
    _, port = listening(lambda url: mgr.http_listen(url, fail))
    first = Client(mgr, port, GET)
    first.until_has(b"HTTP/1.1 500 ")  # it lingers, so that the answer is not lost to a reset
    second = Client(mgr, port, GET)
    second.until_has(b"HTTP/1.1 503 ")
    assert mgr.stats["evicted"] == 0 and mgr.stats["refused"] == 1
    first.close()
    second.close()
    mgr.close()


def test_a_full_manager_closes_the_idlest():
    mgr = mungo.Manager(max_conns=2)
    _, port = listening(lambda url: mgr.http_listen(url, hello))
    first = Client(mgr, port, GET)
    first.until_has(b"hi\n")
    time.sleep_ms(5)
    second = Client(mgr, port, GET)
    second.until_has(b"hi\n")
    third = Client(mgr, port, GET)
    third.until_has(b"hi\n")
    assert mgr.stats["evicted"] == 1 and mgr.accepted == 2
    assert first.until_ended().endswith(b"hi\n")
    second.send(GET)
    second.until(lambda c: c.got.count(b"hi\n") == 2)
    for client in (first, second, third):
        client.close()
    mgr.close()


def test_a_manager_full_of_work_turns_away_with_503():
    mgr = mungo.Manager(max_conns=2, linger_ms=200)
    _, port = listening(lambda url: mgr.http_listen(url, hello))
    busy = [Client(mgr, port, WAIT) for _ in range(2)]
    turns(mgr, lambda: mgr.accepted == 2 and all(c.is_listening or c.is_resp for c in mgr.conns))
    refused = [Client(mgr, port, GET) for _ in range(3)]
    for client in refused:
        answer = client.until_has(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503 "), answer
        assert b"Retry-After: " in answer
        assert len(mgr.conns) <= 4  # one socket to spare, never more
        client.until_ended()
        client.close()
    assert mgr.stats["refused"] == 3
    busy[0].close()
    turns(mgr, lambda: mgr.accepted == 1)
    late = Client(mgr, port, GET)
    late.until_has(b"hi\n")
    late.close()
    busy[1].close()
    mgr.close()


def test_polled_connections_get_ev_poll_each_turn():
    mgr = mungo.Manager()
    fn, events = recorder()
    end = mgr.mkpipe(fn)
    c = mgr.conns[-1]
    mgr.poll(0)
    assert not any(ev == mungo.EV_POLL for _, ev, _ in events)
    mgr.poll_events.append(c)
    for _ in range(3):
        mgr.poll(10)
    polls = [data for _, ev, data in events if ev == mungo.EV_POLL]
    assert len(polls) == 3 and polls[-1] == mgr.now
    c.is_closing = True
    mgr.poll(0)
    mgr.poll(0)
    assert mgr.poll_events == []
    end.close()
    mgr.close()


def test_idle_connection_holds_no_buffer():
    mgr = mungo.Manager()
    _, port = listening(lambda url: mgr.listen(url, echo), "tcp")
    client = Client(mgr, port, b"x" * 300)
    client.until_has(b"x" * 300)
    c = mgr.conns[-1]
    assert len(c.recv.data) == 0 and c.out is None
    client.close()
    mgr.close()


def test_with_closes():
    with mungo.Manager() as mgr:
        listener, port = listening(lambda url: mgr.listen(url, None), "tcp")
    assert mgr.closed
    try:
        mgr.poll(0)
    except OSError:
        pass
    else:
        raise AssertionError("poll of a closed manager")
    try:
        with mungo.Manager() as mgr:
            raise KeyError("goes through")
    except KeyError:
        assert mgr.closed
    else:
        raise AssertionError("swallowed")
