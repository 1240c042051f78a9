# mgr.close and mgr.stop: the order of a shutdown, and that nothing is left of it.

import _thread
import errno
import gc
import socket
import time

import mungo
from net import address, tcp_listen
from raising import raised, raised_errno
from waiting import Crew, close, each_bell, is_waiting, open_files, pipe, recorder, turns, until

MIN_HEAP = "160k"

EPIPE = 32


@each_bell
def test_waiting_workers_are_woken(bell):
    mgr = mungo.Manager(bell, queue=1)
    c2, sender = pipe(mgr)
    c3, receiver = pipe(mgr)
    c4, patient = pipe(mgr)
    c2.is_full = True
    c3.send(b"last words")
    crew = Crew()

    def send():
        sender.send(b"1")
        assert raised_errno(sender.send, b"2") == EPIPE
        sender.close()

    def receive():
        assert receiver.recv(99) == b"last words"
        assert receiver.recv(99) == b""
        receiver.close()

    def receive_with_timeout():
        patient.settimeout(30)
        assert patient.recv(99) == b""
        assert raised_errno(patient.send, b"x") == EPIPE
        patient.close()

    crew.start(send)
    crew.start(receive)
    crew.start(receive_with_timeout)
    until(lambda: is_waiting(sender) and is_waiting(receiver) and is_waiting(patient), mgr)
    start = time.ticks_ms()
    assert mgr.close(5000)
    assert time.ticks_diff(time.ticks_ms(), start) < 2000  # as soon as they have closed
    crew.join()
    assert mgr.pipe_ends == 0
    assert mgr.stats["undelivered"] == 1


@each_bell
def test_close_for_all_newest_first(bell):
    mgr = mungo.Manager(bell)
    log = []

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_CLOSE:
            log.append(c.id)
        elif ev == mungo.EV_OPEN:
            opened.append(c.id)

    opened = []
    port = tcp_listen(mgr, handler)
    end1 = mgr.mkpipe(handler)
    client = mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    until(lambda: len(opened) == 4, mgr)
    end2 = mgr.mkpipe(handler)
    client.is_full = True
    mgr.conns[1].is_closing = True  # it was about to be closed anyway
    end1.close()
    end2.close()
    assert mgr.close()
    assert log == opened[::-1] and len(log) == 5
    assert mgr.conns == []


@each_bell
def test_nothing_happens_any_more(bell):
    mgr = mungo.Manager(bell)
    handler, events = recorder()
    fired = []
    mgr.timer(0, fired.append, 1)
    mgr.timer(1, fired.append, 2, repeat=True)
    c2, end = pipe(mgr, handler)
    end.send(b"too late")
    end.close()
    time.sleep_ms(3)
    assert mgr.close()
    assert fired == []
    assert events == [(mungo.EV_OPEN, None), (mungo.EV_CLOSE, None)]
    assert mgr.stats["undelivered"] == 1
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for call in (
        lambda: mgr.listen("tcp://127.0.0.1:0", handler),
        lambda: mgr.listen("udp://127.0.0.1:0", handler),
        lambda: mgr.http_listen("http://127.0.0.1:0", handler),
        lambda: mgr.connect("tcp://127.0.0.1:9", handler),
        lambda: mgr.connect("udp://127.0.0.1:9", handler),
        lambda: mgr.wrap(one, handler, udp=True),
        lambda: mgr.mkpipe(handler),
        lambda: mgr.mkpipe(handler, udp=True),
        lambda: mgr.timer(1, fired.append),
        mgr.workers,
        mgr.poll,
    ):
        raised(OSError, call)
    one.close()
    assert mgr.wakeup(c2.id, b"x") is False
    assert not c2.send(b"x")
    assert mgr.running is False
    assert len(events) == 2 and fired == [] and mgr.conns == []


# A client that connects again whenever it is closed would keep a shutdown going for ever.
@each_bell
def test_handlers_that_go_on(bell):
    mgr = mungo.Manager(bell)
    errors = []

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_CLOSE:
            for call in (
                lambda: mgr.connect("tcp://127.0.0.1:9", handler),
                lambda: mgr.connect("udp://127.0.0.1:9", handler),
                lambda: mgr.mkpipe(handler),
                lambda: mgr.timer(0, handler),
            ):
                errors.append(raised_errno(call))
            raised(RuntimeError, mgr.poll)
            raised(RuntimeError, mgr.close)

    end = mgr.mkpipe(handler)
    mgr.listen("udp://127.0.0.1:%d" % (20000 + time.ticks_us() % 10000), handler)
    end.close()
    assert mgr.close()
    assert errors == 8 * [errno.EBADF]
    assert mgr.stats["bugs"] == 0


@each_bell
def test_workers_that_stay(bell):
    # The bell stays open, since they may ring it; a later close goes on waiting.
    files = open_files()
    mgr = mungo.Manager(bell)
    end = mgr.mkpipe(None)
    start = time.ticks_ms()
    assert mgr.close(0) is False
    assert mgr.close(60) is False
    assert 55 <= time.ticks_diff(time.ticks_ms(), start) < 1000
    if bell == "udp":
        assert open_files() == files + 2
    assert raised_errno(end.send, b"x") == EPIPE
    assert end.recv(1) == b""
    end.close()
    assert mgr.stats["rings_lost"] == 0
    assert mgr.close() is True
    assert open_files() == files
    assert mgr.close() is True


@each_bell
def test_close_waits_for_a_worker(bell):
    mgr = mungo.Manager(bell)
    c2, end = pipe(mgr)
    crew = Crew()

    def work():
        assert end.recv(1) == b""
        time.sleep_ms(50)  # it tidies up
        end.close()

    crew.start(work)
    until(lambda: is_waiting(end), mgr)
    assert mgr.close(5000) is True
    assert mgr.pipe_ends == 0
    crew.join()


@each_bell
def test_close_inside_a_handler(bell):
    mgr = mungo.Manager(bell)
    seen = []

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            raised(RuntimeError, mgr.close)
            raised(RuntimeError, mgr.poll)
            seen.append(ev)

    end = mgr.mkpipe(handler)
    mgr.timer(0, lambda arg: seen.append(raised(RuntimeError, mgr.close)))
    end.send(b"x")
    turns(mgr, 2)
    assert len(seen) == 2 and mgr.running and not mgr.stats["bugs"]
    close(mgr, end)
    assert mgr.close() and mgr.close()


@each_bell
def test_stop_from_a_thread(bell):
    mgr = mungo.Manager(bell)
    crew = Crew()

    def work():
        until(lambda: mgr.busy)
        time.sleep_ms(20)  # it sleeps by now
        mgr.stop()

    crew.start(work)
    start = time.ticks_ms()
    turned = 1
    while mgr.poll(-1):
        turned += 1
    assert turned <= 2
    assert time.ticks_diff(time.ticks_ms(), start) < 900
    crew.join()
    assert mgr.poll(-1) is False
    assert mgr.close()


@each_bell
def test_stop_in_a_handler(bell):
    mgr = mungo.Manager(bell)
    handler, events = recorder()
    mgr.timer(0, lambda arg: mgr.stop())
    end = mgr.mkpipe(handler)
    end.send(b"x")
    assert mgr.poll(1000) is False
    assert events[1:] == [(mungo.EV_READ, b"x")]  # the turn is finished
    close(mgr, end)


# As a script that is run again and again in one interpreter: the port is free each time, even with clients connected, and no
# descriptor is left.
@each_bell
def test_again_and_again(bell):
    port = 0
    files = []
    for n in range(4):
        mgr = mungo.Manager(bell)
        handler, events = recorder()
        if not port:
            port = tcp_listen(mgr, handler)
        else:
            mgr.listen("tcp://127.0.0.1:%d" % port, handler)
        client = socket.socket()
        client.connect(address(port))
        outgoing = mgr.connect("tcp://127.0.0.1:%d" % port, handler)
        until(lambda: len(mgr.conns) == 4, mgr)  # noqa: B023
        outgoing.send(b"x" * 100)
        crew = Crew()

        def work(end):
            end.send(b"1")
            while end.recv(10):
                pass
            end.close()

        for _ in range(3):
            crew.start(work, mgr.mkpipe(handler))
        until(lambda: mgr.stats["queue_full"] == 0 and [d for ev, d in events].count(b"1") == 3, mgr)  # noqa: B023
        if n % 2:
            client.close()
            turns(mgr, 2)
        assert mgr.close(5000)
        crew.join()
        client.close()
        opened = [ev for ev, _ in events].count(mungo.EV_OPEN)
        assert opened == [ev for ev, _ in events].count(mungo.EV_CLOSE) == 7
        mgr = client = outgoing = None
        gc.collect()
        files.append(open_files())
    assert files == [files[0]] * 4, files


class SlowSender:
    """The ringing end of a bell, in which a thread stays until the test lets it go on."""

    def __init__(self, tx):
        self.tx = tx
        self.gate = _thread.allocate_lock()
        self.gate.acquire()
        self.inside = self.after = 0

    def send(self, data):
        self.inside += 1
        with self.gate:
            self.after += 1
            return self.tx.send(data)

    def close(self):
        assert self.after == self.inside, "closed under a sender"
        self.tx.close()


def test_the_bell_is_not_closed_under_a_thread_that_rings():
    mgr = mungo.Manager()
    mgr.bell.tx = slow = SlowSender(mgr.bell.tx)
    _thread.start_new_thread(mgr.stop, ())
    until(lambda: slow.inside)
    assert not mgr.close(50)
    slow.gate.release()
    assert mgr.close() and slow.after == 1
    mgr.stop()  # and rings it no more
    assert slow.inside == 1
    assert mgr.close()
