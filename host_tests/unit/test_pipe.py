# What DESIGN's "The pipe" and the docstrings of pipe.py promise: events, messages, limits and ends. See also test_pipe_flow.py.
# C2 is the loop's end, `end` the worker's.

import errno
import gc

import mungo
from mungo.threads.pipe import Fifo, Message
from raising import raised, raised_errno
from waiting import Crew, close, count_waiters, each_bell, is_waiting, pipe, reads, recorder, turns, until

MIN_HEAP = "160k"

EPIPE = 32


# --- events


@each_bell
def test_open_in_mkpipe_and_close_once(bell):
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell, queue=100)
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
    mgr = mungo.Manager(bell, queue=500)
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
    mgr = mungo.Manager(bell, queue=2)
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
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell)
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
def test_a_number_is_no_message(bell):
    # 5 is not five zeros, and 0 is not empty.
    mgr = mungo.Manager(bell)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    for wrong in (5, 0, True, 1.5, None, [65], (65,), [], {}):
        raised(TypeError, end.send, wrong)
        raised(TypeError, c2.send, wrong)
    turns(mgr, 1)
    assert reads(events) == [] and end.inbox is None
    close(mgr, end)


@each_bell
def test_recv_keeps_the_rest(bell):
    mgr = mungo.Manager(bell)
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


@each_bell
def test_messages_are_not_kept(bell):
    # Once it is delivered, the heap has its place again; also that of the last one.
    mgr = mungo.Manager(bell)
    c2, end = pipe(mgr)
    for size in (1, 20000):
        gc.collect()
        before = gc.mem_alloc()
        end.send(bytes(size))
        turns(mgr, 2)
        c2.send(bytes(size))
        end.recv(size)
        gc.collect()
        grown = gc.mem_alloc() - before
    assert grown < 10000, grown
    close(mgr, end)


# --- limits


def test_what_was_taken_out_does_not_hold_what_comes_after():
    # MicroPython's collector looks at old stack frames as well: one node that it finds there must not keep all later ones.
    queue = Fifo()
    nodes = [Message(b"%d" % i) for i in range(3)]
    for node in nodes:
        queue.push(node)
    for node in nodes:
        assert queue.pop() is node
        assert node.next is None
    assert queue.first is None and queue.last is None and (queue.count, queue.size) == (0, 0)


@each_bell
def test_queue_is_bounded_in_messages(bell):
    mgr = mungo.Manager(bell, queue=4)
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
    mgr = mungo.Manager(bell, queue_bytes=100)
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
    mgr = mungo.Manager(bell, max_pipes=3)
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
    mgr = mungo.Manager(bell, queue=2)
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
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell, queue=1)
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
    mgr = mungo.Manager(bell, queue=1)
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


@each_bell
def test_worker_outlives_its_client(bell):
    # It goes on for a while and learns at its next send; its pipe's number is nobody else's.
    mgr = mungo.Manager(bell)
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


def test_a_wrong_length_takes_nothing_off_the_queue():
    mgr = mungo.Manager()
    c2, end = pipe(mgr)
    c2.send("hello")
    for n in (0, -1, 1.5, "2", None):
        raised((ValueError, TypeError), end.recv, n)
    assert end.recv(2) == b"he" and end.recv(10) == b"llo"
    close(mgr, end)
