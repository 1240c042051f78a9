# What DESIGN's "The pipe" and the docstrings of pipe.py promise. C2 is the loop's end, `end` the worker's.

import errno
import socket
import time

import mungo
from crew import Crew, each_bell, raised, raised_errno, recorder, turns, until

MIN_HEAP = "160k"

EPIPE = 32


def pipe(mgr, handler=None):
    """A pipe's two ends."""
    ends = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_OPEN:
            ends.append(c)
        if handler is not None:
            handler(c, ev, data, fn_data)

    ends.append(mgr.mkpipe(fn))
    return ends


def manager(bell, **limits):
    return mungo.Manager(bell, **limits)


def close(mgr, *ends):
    for end in ends:
        end.close()
    assert mgr.close()
    assert (mgr.pipes, mgr.pipe_ends, mgr.conns) == (0, 0, [])


def is_waiting(end):
    return end.waiters is not None


def reads(events):
    return [data for ev, data in events if ev == mungo.EV_READ]


# --- events


@each_bell
def test_open_in_mkpipe_and_close_once(bell):
    mgr = manager(bell)
    handler, events = recorder()
    end = mgr.mkpipe(handler)
    assert events == [(mungo.EV_OPEN, None)]
    turns(mgr, 2)
    assert len(events) == 1
    end.close()
    assert len(events) == 1
    turns(mgr, 3)
    assert events[1:] == [(mungo.EV_CLOSE, None)]
    end.close()
    turns(mgr, 3)
    assert len(events) == 2
    close(mgr)
    assert len(events) == 2


@each_bell
def test_the_handlers_argument(bell):
    mgr = manager(bell)
    seen = []

    def handler(c, ev, data, fn_data):
        seen.append((c.mgr is mgr, ev, fn_data))
        c.fn_data = "next"

    end = mgr.mkpipe(handler, "first")
    end.close()
    turns(mgr, 2)
    assert seen == [(True, mungo.EV_OPEN, "first"), (True, mungo.EV_CLOSE, "next")]
    close(mgr)


@each_bell
def test_one_read_for_each_send_in_order(bell):
    mgr = manager(bell, queue=100)
    handler, events = recorder()
    end = mgr.mkpipe(handler)
    sent = [b"%d" % i for i in range(50)]
    for data in sent:
        assert end.send(data) == len(data)
    end.close()
    until(lambda: not mgr.conns, mgr)
    assert reads(events) == sent
    assert events[-1] == (mungo.EV_CLOSE, None)
    close(mgr)


@each_bell
def test_close_comes_after_the_last_message(bell):
    # Also when that takes several turns, and when the loop is late.
    mgr = manager(bell, queue=500)
    handler, events = recorder()
    end = mgr.mkpipe(handler)
    for _ in range(400):
        end.send(b"x")
    end.close()
    until(lambda: not mgr.conns, mgr)
    assert [ev for ev, _ in events] == [mungo.EV_OPEN] + 400 * [mungo.EV_READ] + [mungo.EV_CLOSE]
    close(mgr)


@each_bell
def test_no_event_inside_a_handler(bell):
    # CLOSE and ERROR come after the handler has returned, whatever it has done.
    mgr = manager(bell, queue=2)
    depth = [0]
    seen = []

    def handler(c, ev, data, fn_data):
        if ev != mungo.EV_OPEN:
            assert not depth[0], ev
        depth[0] += 1
        seen.append((c.id, ev))
        if ev == mungo.EV_READ:
            for c2 in pair:
                c2.is_full = True
                c2.is_full = False
                assert c2.send(b"1") and c2.send(b"2")
                assert not c2.send(b"3")
            for c2 in pair:
                c2.is_closing = True
            other, end = pipe(mgr, handler)  # OPEN in there is the one exception
            other.is_closing = True
            end.close()
        depth[0] -= 1

    one, end1 = pipe(mgr, handler)
    two, end2 = pipe(mgr, handler)
    pair = one, two
    end1.send(b"go")
    end2.send(b"too late")
    until(lambda: not mgr.conns, mgr)
    assert seen == [
        (one.id, mungo.EV_OPEN),
        (two.id, mungo.EV_OPEN),
        (one.id, mungo.EV_READ),
        (two.id + 1, mungo.EV_OPEN),
        (one.id, mungo.EV_CLOSE),
        (two.id, mungo.EV_CLOSE),
        (two.id + 1, mungo.EV_CLOSE),
    ], seen
    assert mgr.stats["undelivered"] == 1
    assert not mgr.stats["bugs"]
    close(mgr, end1, end2)


@each_bell
def test_handler_that_raises(bell):
    mgr = manager(bell)
    events = []
    when = [mungo.EV_READ]

    def handler(c, ev, data, fn_data):
        events.append(ev)
        if ev == when[0]:
            raise ValueError("a bug on purpose")

    end = mgr.mkpipe(handler)
    end.send(b"1")
    end.send(b"2")
    turns(mgr, 2)
    assert events == [mungo.EV_OPEN, mungo.EV_READ, mungo.EV_ERROR, mungo.EV_CLOSE]
    assert raised_errno(end.send, b"3") == EPIPE
    assert end.recv(1) == b""
    del events[:]
    when[0] = mungo.EV_OPEN
    other = mgr.mkpipe(handler)  # its client, whose bug it is not, gets an end that says EPIPE
    turns(mgr, 2)
    assert events == [mungo.EV_OPEN, mungo.EV_ERROR, mungo.EV_CLOSE]
    assert raised_errno(other.send, b"3") == EPIPE
    assert (mgr.stats["bugs"], mgr.stats["undelivered"]) == (2, 1)
    close(mgr, end, other)


# --- messages


@each_bell
def test_send_returns_the_length(bell):
    mgr = manager(bell)
    handler, events = recorder()
    end = mgr.mkpipe(handler)
    for data in (b"bytes", bytearray(b"array"), memoryview(b"view"), "text"):
        assert end.send(data) == len(data)
    assert end.send("\xe9") == 2
    turns(mgr, 1)
    assert reads(events) == [b"bytes", b"array", b"view", b"text", b"\xc3\xa9"]
    assert all(isinstance(data, bytes) for data in reads(events))
    close(mgr, end)


@each_bell
def test_bytes_by_reference_others_copied(bell):
    mgr = manager(bell)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    data = b"a message that is long enough to be an object of its own"
    array = bytearray(b"array")
    end.send(data)
    end.send(array)
    end.send(memoryview(array)[1:3])
    array[:] = b"xxxxx"
    turns(mgr, 1)
    assert reads(events)[0] is data
    assert reads(events)[1:] == [b"array", b"rr"]
    array[:] = b"array"
    assert c2.send(data) and c2.send(array) and c2.send(memoryview(array)[1:3]) and c2.send("text")
    array[:] = b"xxxxx"
    assert end.recv(1000) is data
    assert [end.recv(1000) for _ in range(3)] == [b"array", b"rr", b"text"]
    close(mgr, end)


@each_bell
def test_empty_messages_are_refused(bell):
    mgr = manager(bell)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    for data in (b"", "", bytearray(), memoryview(b"")):
        raised(ValueError, end.send, data)
        raised(ValueError, c2.send, data)
    for n in (0, -1):
        raised(ValueError, end.recv, n)
    turns(mgr, 1)
    assert reads(events) == []
    end.settimeout(0)
    assert raised_errno(end.recv, 1) == errno.EAGAIN
    close(mgr, end)


@each_bell
def test_recv_keeps_the_rest(bell):
    mgr = manager(bell)
    c2, end = pipe(mgr)
    c2.send(b"0123456789")
    c2.send(b"abc")
    c2.send(b"d")
    got = [end.recv(4), end.recv(4), end.recv(4), end.recv(1), end.recv(2), end.recv(5)]
    assert got == [b"0123", b"4567", b"89", b"a", b"bc", b"d"]  # never two messages at once
    c2.send(b"xyz")
    c2.is_closing = True
    turns(mgr, 1)
    assert [end.recv(2), end.recv(2), end.recv(2), end.recv(2)] == [b"xy", b"z", b"", b""]
    close(mgr, end)


# --- limits


@each_bell
def test_queue_is_bounded_in_messages(bell):
    mgr = manager(bell, queue=4)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    end.settimeout(0)
    for _ in range(4):
        end.send(b"x")
        assert c2.send(b"x")
    assert raised_errno(end.send, b"x") == errno.EAGAIN
    assert not c2.send(b"x")
    assert mgr.stats["queue_full"] == 2  # each once
    turns(mgr, 1)
    assert len(reads(events)) == 4
    end.send(b"x")
    assert end.recv(1) == b"x"
    assert c2.send(b"x")
    close(mgr, end)


@each_bell
def test_queue_is_bounded_in_bytes(bell):
    mgr = manager(bell, queue_bytes=100)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    end.settimeout(0)
    end.send(bytes(60))
    assert c2.send(bytes(60))
    assert raised_errno(end.send, bytes(41)) == errno.EAGAIN
    assert not c2.send(bytes(41))
    end.send(bytes(40))
    assert c2.send(bytes(40))
    assert raised_errno(end.send, b"x") == errno.EAGAIN
    assert not c2.send(b"x")
    turns(mgr, 1)
    # A message over the limit: whole, when its queue is empty.
    end.send(bytes(5000))
    assert raised_errno(end.send, b"x") == errno.EAGAIN
    assert [len(end.recv(99)), len(end.recv(99))] == [60, 40]
    assert c2.send(bytes(5000))
    assert not c2.send(b"x")
    turns(mgr, 1)
    assert [len(data) for data in reads(events)] == [60, 40, 5000]
    assert len(end.recv(4000)) == 4000
    assert not c2.send(b"x")  # a message that is half received is there in full
    assert len(end.recv(4000)) == 1000
    assert c2.send(b"x")
    close(mgr, end)


@each_bell
def test_max_pipes(bell):
    mgr = manager(bell, max_pipes=3)
    handler, events = recorder()
    ends = [mgr.mkpipe(handler) for _ in range(3)]
    assert raised_errno(mgr.mkpipe, handler) == errno.ENOMEM
    assert len(events) == 3
    ends.pop().close()
    turns(mgr, 2)
    ends.append(mgr.mkpipe(handler))
    assert raised_errno(mgr.mkpipe, handler) == errno.ENOMEM
    close(mgr, *ends)


@each_bell
def test_worker_waits_while_the_queue_is_full(bell):
    mgr = manager(bell, queue=2)
    handler, events = recorder()
    end = mgr.mkpipe(handler)
    crew = Crew()

    def work():
        for i in range(50):
            assert end.send(b"%d" % i) == len(b"%d" % i)
        end.close()

    crew.start(work)
    until(lambda: is_waiting(end))
    assert crew.running() and len(events) == 1
    assert mgr.stats["queue_full"] == 1
    crew.join(mgr)
    until(lambda: not mgr.conns, mgr)
    assert reads(events) == [b"%d" % i for i in range(50)]
    close(mgr)


# --- the ends


@each_bell
def test_client_leaves(bell):
    # C2 closed in the loop: b"" after what was sent, EPIPE; and what the worker had sent has no taker.
    mgr = manager(bell)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    c2.send(b"1")
    c2.send(b"2")
    end.send(b"late")
    c2.is_closing = True
    assert not c2.send(b"3")
    turns(mgr, 2)
    assert events == [(mungo.EV_OPEN, None), (mungo.EV_CLOSE, None)]
    assert mgr.stats["undelivered"] == 1
    assert not c2.send(b"4")
    assert raised_errno(end.send, b"x") == EPIPE
    assert [end.recv(9) for _ in range(4)] == [b"1", b"2", b"", b""]
    turns(mgr, 2)
    assert len(events) == 2
    assert mgr.pipes == 0 and mgr.pipe_ends == 1
    close(mgr, end)


@each_bell
def test_after_its_own_close(bell):
    mgr = manager(bell)
    c2, end = pipe(mgr)
    c2.send(b"1")
    end.close()
    assert raised_errno(end.send, b"x") == errno.EBADF
    assert end.recv(1) == b""
    assert not c2.send(b"2")
    turns(mgr, 2)
    assert raised_errno(end.send, b"x") == errno.EBADF
    assert end.recv(1) == b""
    assert not c2.send(b"3")
    close(mgr)


@each_bell
def test_waiting_workers_learn_that_their_client_left(bell):
    mgr = manager(bell, queue=1)
    c2, sender = pipe(mgr)
    c3, receiver = pipe(mgr)
    c2.is_full = True
    crew = Crew()

    def send():
        sender.send(b"1")
        assert raised_errno(sender.send, b"2") == EPIPE
        sender.close()

    def receive():
        assert receiver.recv(9) == b""
        receiver.close()

    crew.start(send)
    crew.start(receive)
    until(lambda: is_waiting(sender) and is_waiting(receiver), mgr)
    c2.is_closing = c3.is_closing = True
    turns(mgr, 1)
    crew.join()
    close(mgr)


@each_bell
def test_waiting_threads_learn_of_their_own_close(bell):
    mgr = manager(bell, queue=1)
    c2, end = pipe(mgr)
    c2.is_full = True
    end.send(b"x")
    crew = Crew()
    crew.start(lambda: raised_errno(end.send, b"y") == errno.EBADF or 1 / 0)
    until(lambda: is_waiting(end))
    crew.start(lambda: end.recv(1) == b"" or 1 / 0)
    crew.start(lambda: end.recv(1) == b"" or 1 / 0)
    until(lambda: count_waiters(mgr, end) == 3, mgr)
    end.close()
    crew.join()
    c2.is_full = False
    turns(mgr, 2)
    close(mgr)


def count_waiters(mgr, end):
    n = 0
    with mgr.bell.lock:
        waiter = end.waiters
        while waiter is not None:
            n += 1
            waiter = waiter[1]
    return n


@each_bell
def test_worker_outlives_its_client(bell):
    # It goes on for a while and learns at its next send; its pipe's number is nobody else's.
    mgr = manager(bell)
    stranger, events = recorder()
    c2, end = pipe(mgr)
    crew = Crew()
    go = []

    def work():
        until(lambda: go)
        assert raised_errno(end.send, b"result") == EPIPE
        end.close()

    crew.start(work)
    c2.is_closing = True
    turns(mgr, 2)
    other, other_end = pipe(mgr, stranger)
    assert other.id != c2.id
    go.append(1)
    crew.join(mgr)
    turns(mgr, 2)
    assert events == [(mungo.EV_OPEN, None)]
    close(mgr, other_end)


# --- backpressure


@each_bell
def test_is_full_stops_that_pipe_alone(bell):
    mgr = manager(bell, queue=4)
    slow, slow_events = recorder()
    fast, fast_events = recorder()
    c2, end = pipe(mgr, slow)
    other = mgr.mkpipe(fast)
    crew = Crew()

    def work(end, n):
        for i in range(n):
            end.send(b"%d" % i)
        end.close()

    c2.is_full = True
    crew.start(work, end, 20)
    until(lambda: is_waiting(end), mgr)
    turns(mgr, 5)
    assert len(slow_events) == 1  # although the worker has rung for each
    crew.start(work, other, 20)
    until(lambda: len(fast_events) == 22, mgr)
    turns(mgr, 5)
    assert is_waiting(end) and len(slow_events) == 1
    c2.is_full = False
    crew.join(mgr)
    until(lambda: len(slow_events) == 22, mgr)
    assert reads(slow_events) == reads(fast_events) == [b"%d" % i for i in range(20)]
    close(mgr)


@each_bell
def test_is_full_keeps_what_is_sent_meanwhile(bell):
    mgr = manager(bell)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    end.send(b"0")
    turns(mgr, 1)
    c2.is_full = True
    for data in (b"1", b"2", b"3"):
        end.send(data)
        turns(mgr, 2)
        assert reads(events) == [b"0"], events
    end.close()
    turns(mgr, 2)
    assert len(events) == 2  # not yet closed either
    c2.is_full = False
    turns(mgr, 1)
    assert reads(events) == [b"0", b"1", b"2", b"3"]
    turns(mgr, 1)
    assert events[-1] == (mungo.EV_CLOSE, None)
    close(mgr)


@each_bell
def test_is_full_inside_the_handler(bell):
    # One message at a time, each when the program asks for it.
    mgr = manager(bell)
    got = []

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            got.append(data)
            c.is_full = True

    c2, end = pipe(mgr, handler)
    for i in range(5):
        end.send(b"%d" % i)
    for i in range(1, 6):
        turns(mgr, 3)
        assert len(got) == i
        c2.is_full = False
    close(mgr, end)


@each_bell
def test_write_when_there_is_room(bell):
    mgr = manager(bell, queue=3)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    assert c2.send(b"1") and c2.send(b"2") and c2.send(b"3")
    assert end.recv(9) == b"1"
    turns(mgr, 2)
    assert len(events) == 1  # nobody has asked
    assert c2.send(b"4")
    assert not c2.send(b"5")
    assert not c2.send(b"5")
    end.send(b"x")
    turns(mgr, 2)
    assert events[1:] == [(mungo.EV_READ, b"x")]  # no room yet
    assert [end.recv(9), end.recv(9)] == [b"2", b"3"]
    turns(mgr, 3)
    assert events[2:] == [(mungo.EV_WRITE, None)]
    end.send(b"y")
    turns(mgr, 2)
    assert events[3:] == [(mungo.EV_READ, b"y")]
    assert c2.send(b"5")
    assert [end.recv(9), end.recv(9)] == [b"4", b"5"]
    close(mgr, end)


@each_bell
def test_write_when_there_is_room_in_bytes(bell):
    mgr = manager(bell, queue_bytes=100)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    assert c2.send(bytes(100))
    assert not c2.send(b"1")
    for _ in range(3):
        end.send(b"x")
        turns(mgr, 1)
    assert mungo.EV_WRITE not in [ev for ev, _ in events], events
    assert len(end.recv(99)) == 99
    turns(mgr, 1)
    assert mungo.EV_WRITE not in [ev for ev, _ in events], events
    assert len(end.recv(99)) == 1
    turns(mgr, 1)
    assert events[-1] == (mungo.EV_WRITE, None)
    close(mgr, end)


@each_bell
def test_loop_sends_as_fast_as_the_worker_receives(bell):
    mgr = manager(bell, queue=3)
    total = 300
    sent = [0]

    def handler(c, ev, data, fn_data):
        if ev in (mungo.EV_READ, mungo.EV_WRITE):
            while sent[0] < total and c.send(b"%d" % sent[0]):
                sent[0] += 1
            if sent[0] == total:
                c.is_draining = True

    end = mgr.mkpipe(handler)
    got = []

    def work():
        end.send(b"go")
        while True:
            data = end.recv(100)
            if not data:
                break
            got.append(data)
        end.close()

    crew = Crew()
    crew.start(work)
    crew.join(mgr)
    assert got == [b"%d" % i for i in range(total)]
    close(mgr)


# A client that reads slowly slows its worker: its socket takes no more -> c1.send is False -> c2.is_full -> the pipe's queue fills
# -> the worker's send waits. And back: the socket has room -> EV_WRITE of C1 -> c2.is_full = False -> the worker is woken.
@each_bell
def test_slow_client_slows_its_worker(bell):
    mgr = manager(bell, queue=4, send_limit=5000)
    piece = bytes(range(250)) * 10
    total = 4000  # pieces: far more than the kernel takes
    c1 = []
    kept = []  # what c1 would not take

    def to_client(c, ev, data, fn_data):
        if ev == mungo.EV_ACCEPT:
            c1.append(c)
        elif ev == mungo.EV_WRITE:
            if kept:
                assert c.send(kept.pop())
            c2.is_full = False

    def from_worker(c, ev, data, fn_data):
        if ev == mungo.EV_READ and not c1[0].send(data):
            assert not kept
            kept.append(data)
            c.is_full = True

    port = listen(mgr, to_client)
    client = socket.socket()
    client.connect(address(port))
    until(lambda: c1, mgr)
    c2, end = pipe(mgr, from_worker)
    sent = [0]

    def work():
        for _ in range(total):
            end.send(piece)
            sent[0] += 1
        end.close()

    crew = Crew()
    crew.start(work)
    until(lambda: c2.is_full and is_waiting(end), mgr)
    turns(mgr, 10)
    assert c2.is_full and is_waiting(end)
    assert sent[0] < total
    got = 0
    client.setblocking(False)
    buf = bytearray(8000)
    pattern = bytes(range(250)) * 33
    while got < total * len(piece):
        mgr.poll(1)
        n = client.readinto(buf)
        if n:
            assert memoryview(buf)[:n] == memoryview(pattern)[got % 250 : got % 250 + n]
            got += n
    crew.join(mgr)
    assert got == total * len(piece)
    client.close()
    until(lambda: len(mgr.conns) == 1, mgr)
    close(mgr)


def address(port):
    return socket.getaddrinfo("127.0.0.1", port)[0][-1]


def listen(mgr, handler):
    first = 20000 + time.ticks_us() % 10000
    for port in range(first, first + 100):
        try:
            mgr.listen("tcp://127.0.0.1:%d" % port, handler)
            return port
        except OSError as error:
            assert error.errno == errno.EADDRINUSE
    raise AssertionError("no free port")


# --- timeouts


@each_bell
def test_timeout_zero(bell):
    mgr = manager(bell, queue=1)
    c2, end = pipe(mgr)
    end.settimeout(0)
    assert raised_errno(end.recv, 1) == errno.EAGAIN
    end.send(b"x")
    assert raised_errno(end.send, b"x") == errno.EAGAIN
    c2.send(b"y")
    assert end.recv(1) == b"y"
    assert not is_waiting(end)
    close(mgr, end)


@each_bell
def test_settimeout_refuses(bell):
    mgr = manager(bell)
    c2, end = pipe(mgr)
    for seconds in (-1, -0.001, 500001, 1e30):
        raised(ValueError, end.settimeout, seconds)
    for seconds in (None, 0, 0.5, 3, 500000, None):
        end.settimeout(seconds)
    close(mgr, end)


def timed(function, *args):
    start = time.ticks_ms()
    number = raised_errno(function, *args)
    return number, time.ticks_diff(time.ticks_ms(), start)


@each_bell
def test_timeouts_while_the_loop_sleeps(bell):
    mgr = manager(bell, queue=1)
    c2, sender = pipe(mgr)
    c3, receiver = pipe(mgr)
    c2.is_full = True
    sender.send(b"x")
    results = [None, None]
    crew = Crew()

    def work(i, end, call, arg):
        end.settimeout(0.25)
        results[i] = timed(call, arg)
        end.settimeout(None)
        mgr.bell.ring()  # else it would sleep on

    turns(mgr, 2)
    crew.start(work, 0, sender, sender.send, b"y")
    crew.start(work, 1, receiver, receiver.recv, 1)
    turned = 0
    start = time.ticks_ms()
    while crew.running() and time.ticks_diff(time.ticks_ms(), start) < 5000:
        mgr.poll(-1)  # nothing else wakes it
        turned += 1
    crew.join()
    for number, ms in results:
        assert number == errno.ETIMEDOUT
        assert 245 <= ms < 700, ms  # the loop's longest sleep would be a second
    assert turned < 20, turned
    c2.is_full = False
    c3.send(b"z")  # both pipes work as before
    assert receiver.recv(1) == b"z"
    turns(mgr, 1)
    sender.send(b"y")
    close(mgr, sender, receiver)


@each_bell
def test_each_waiter_has_its_own_timeout(bell):
    mgr = manager(bell)
    c2, end = pipe(mgr)
    ended = []
    crew = Crew()

    def work(name, seconds):
        end.settimeout(seconds)
        try:
            name = (name, end.recv(1))
        except OSError as error:
            assert error.errno == errno.ETIMEDOUT
        with mgr.bell.lock:
            ended.append(name)

    for i, (name, seconds) in enumerate((("late", 0.3), ("never", None), ("early", 0.1))):
        crew.start(work, name, seconds)
        until(lambda: count_waiters(mgr, end) == i + 1)  # noqa: B023
    start = time.ticks_ms()
    until(lambda: ended, mgr)
    assert ended == ["early"]
    until(lambda: len(ended) == 2, mgr)
    assert ended == ["early", "late"]
    assert 250 <= time.ticks_diff(time.ticks_ms(), start) < 900
    turns(mgr, 3)
    until(lambda: count_waiters(mgr, end) == 1, mgr)
    c2.send(b"x")
    crew.join(mgr)
    assert ended == ["early", "late", ("never", b"x")]
    close(mgr, end)


@each_bell
def test_timeout_is_not_lost_behind_a_busy_handler(bell):
    # The loop is busy when the wait begins, and its own clock stands still meanwhile.
    mgr = manager(bell)
    c2, end = pipe(mgr)
    result = []
    crew = Crew()

    def work():
        end.settimeout(0.15)
        result.append(timed(end.recv, 1))
        mgr.bell.ring()

    def busy(arg):
        crew.start(work)
        until(lambda: is_waiting(end))
        time.sleep_ms(50)

    mgr.timer(0, busy)
    start = time.ticks_ms()
    while not result and time.ticks_diff(time.ticks_ms(), start) < 5000:
        mgr.poll(-1)
    number, ms = result[0]
    assert number == errno.ETIMEDOUT and 145 <= ms < 600, result
    crew.join()
    close(mgr, end)


@each_bell
def test_message_beats_the_timeout(bell):
    mgr = manager(bell)
    c2, end = pipe(mgr)
    end.settimeout(5)
    got = []
    crew = Crew()
    crew.start(lambda: got.append(end.recv(9)))
    until(lambda: is_waiting(end), mgr)
    turns(mgr, 3)
    c2.send(b"x")
    crew.join(mgr, 2000)
    assert got == [b"x"]
    # The deadline that nobody waits for any more makes no turns.
    turned = 0
    start = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), start) < 200:
        mgr.poll(50)
        turned += 1
    assert turned <= 6, turned
    close(mgr, end)


# --- several threads at one end


@each_bell
def test_several_threads_send(bell):
    mgr = manager(bell, queue=2)
    handler, events = recorder()
    end = mgr.mkpipe(handler)
    crew = Crew()

    def work(name):
        for i in range(60):
            end.send(b"%d %d" % (name, i))

    for name in range(4):
        crew.start(work, name)
    until(lambda: count_waiters(mgr, end) > 1)
    crew.join(mgr)
    turns(mgr, 3)
    got = [tuple(int(word) for word in data.split()) for data in reads(events)]
    assert len(got) == 240
    for name in range(4):
        assert [i for who, i in got if who == name] == list(range(60))
    close(mgr, end)


@each_bell
def test_several_threads_receive(bell):
    mgr = manager(bell, queue=1000)
    c2, end = pipe(mgr)
    got = [[], [], [], []]
    crew = Crew()

    def work(mine):
        while True:
            data = end.recv(100)
            if not data:
                break
            mine.append(int(data))

    for mine in got:
        crew.start(work, mine)
    until(lambda: count_waiters(mgr, end) == 4)
    for i in range(200):
        assert c2.send(b"%d" % i)
    until(lambda: end.inbox.count == 0)
    c2.is_closing = True
    crew.join(mgr)
    for mine in got:
        assert mine == sorted(mine)
    assert sorted(got[0] + got[1] + got[2] + got[3]) == list(range(200))
    close(mgr, end)


# --- the loop's side


@each_bell
def test_message_wakes_a_sleeping_loop(bell):
    # Each of these rounds finds the loop asleep. One lost wake-up would cost a second: the loop's longest sleep.
    mgr = manager(bell)
    rounds = 60

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            c.send(data)

    end = mgr.mkpipe(handler)
    slowest = [0]
    crew = Crew()

    def work():
        for i in range(rounds):
            time.sleep_ms(2)  # the loop goes to sleep
            start = time.ticks_ms()
            end.send(b"%d" % i)
            assert end.recv(10) == b"%d" % i
            slowest[0] = max(slowest[0], time.ticks_diff(time.ticks_ms(), start))
        end.close()

    crew.start(work)
    turned = 0
    while mgr.conns:
        mgr.poll(-1)
        turned += 1
    crew.join()
    assert turned <= 2 * rounds + 4, turned
    assert slowest[0] < 900, slowest
    close(mgr)


@each_bell
def test_one_flooding_pipe_starves_nobody(bell):
    mgr = manager(bell, queue=2000)
    flood, flooded = recorder()
    handler, events = recorder()
    end = mgr.mkpipe(flood)
    other = mgr.mkpipe(handler)
    udp = open_udp(mgr, handler)
    for _ in range(1000):
        end.send(b"x")
    other.send(b"pipe")
    mgr.timer(0, lambda arg: events.append(("timer", arg)), "t")
    udp.send(b"socket")
    del events[:]
    turned = until(lambda: len(events) == 3, mgr)
    assert turned <= 2, turned  # the datagram may take its time
    assert len(flooded) <= 2 * 64 + 3
    assert sorted(str(data) for _, data in events) == sorted(str(data) for data in ("t", b"pipe", b"socket"))
    turned += until(lambda: len(flooded) == 1001, mgr)
    assert 1000 // 64 <= turned <= 1000 // 16, turned
    udp.close()
    close(mgr, end, other)


def open_udp(mgr, handler):
    """A socket whose datagrams go to a connection of the manager's."""
    from mungo.loopback import udp_pair

    one, two = udp_pair()
    mgr.wrap(one, handler, udp=True)
    return two


@each_bell
def test_flood_from_threads_starves_nobody(bell):
    mgr = manager(bell)
    stop = []
    crew = Crew()
    flooded = [0]
    ticks = [0]

    def flood(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            flooded[0] += 1

    def work():
        end = ends.pop()
        while not stop:
            end.send(b"x")
        end.close()

    def tick(arg):
        ticks[0] += 1

    ends = [mgr.mkpipe(flood) for _ in range(3)]
    echo, echoed = recorder()
    udp = open_udp(mgr, echo)
    for n in range(3, 0, -1):
        crew.start(work)
        until(lambda: len(ends) == n - 1)  # noqa: B023
    mgr.timer(1, tick, repeat=True)
    for i in range(20):
        udp.send(b"%d" % i)
        turned = until(lambda: len(echoed) == i + 2, mgr)  # noqa: B023
        assert turned <= 3, turned
    until(lambda: ticks[0] >= 5 and flooded[0] >= 1000, mgr)
    stop.append(1)
    crew.join(mgr)
    udp.close()
    close(mgr)


@each_bell
def test_idle_poll_after_a_burst_sleeps(bell):
    # No ring is left behind that would keep the loop turning.
    mgr = manager(bell, queue=1000)
    handler, events = recorder()
    end = mgr.mkpipe(handler)
    crew = Crew()

    def work():
        for _ in range(500):
            end.send(b"x")

    crew.start(work)
    crew.join(mgr)
    until(lambda: len(events) == 501, mgr)
    start = time.ticks_ms()
    turned = 0
    while time.ticks_diff(time.ticks_ms(), start) < 150:
        mgr.poll(30)
        turned += 1
    assert turned < 20, turned
    close(mgr, end)


