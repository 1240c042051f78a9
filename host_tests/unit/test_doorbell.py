# The bell: whoever posts to an empty queue rings; what a lost ring costs; strangers; and what is done under its lock.

import _thread
import errno
import random
import socket
import time

import micropython

import mungo
import mungo.core.bell_udp
import mungo.threads.udp_pipe
from raising import raised, raised_errno
from waiting import BELLS, Crew, close, each_bell, pipe, reads, recorder, turns, until

MIN_HEAP = "160k"

EPIPE = 32
_SLEEP = 100  # ms; what a turn waits at most in the tests of rings that are lost


class Tx:
    """Stands in front of the ringing end: counts, and fails as `errors` says, one entry for each ring (None: it rings)."""

    def __init__(self, mgr, errors=()):
        self.tx = mgr.bell.tx
        self.errors = list(errors)
        self.rings = 0
        mgr.bell.tx = self

    def send(self, data):
        self.rings += 1
        error = self.errors.pop(0) if self.errors else None
        if error == "silent":
            return 1
        if error:
            raise OSError(error)
        return self.tx.send(data)

    def close(self):
        self.tx.close()


# --- which bell


def test_default_and_forced():
    mgr = mungo.Manager()
    assert mgr.stats["bell"] == "udp"  # of the hosts' ports
    assert mgr.close()
    for bell in BELLS:
        mgr = mungo.Manager(bell)
        assert mgr.stats["bell"] == bell
        assert mgr.close()


def test_wrong_bell():
    for bell in ("UDP", "tcp", 7):
        error = raised(ValueError, mungo.Manager, bell)
        assert "udp" in str(error) and "ring" in str(error)


# Where 127.0.0.1 answers EHOSTUNREACH, as on RP2.
def test_falls_back_to_ring():
    real = mungo.core.bell_udp.udp_pair

    def refuse(timeout):
        raise OSError(errno.EHOSTUNREACH)

    mungo.core.bell_udp.udp_pair = mungo.threads.udp_pipe.udp_pair = refuse
    try:
        assert raised_errno(mungo.Manager, "udp") == errno.EHOSTUNREACH  # forced
        if "ring" in BELLS:
            mgr = mungo.Manager()
            assert mgr.stats["bell"] == "ring"
            handler, events = recorder()
            end = mgr.mkpipe(handler)
            end.send(b"x")
            turns(mgr, 1)
            assert reads(events) == [b"x"]
            error = raised(OSError, mgr.mkpipe, handler, None, True)  # udp=True
            assert error.errno == errno.EHOSTUNREACH and "without udp" in error.args[1]
            close(mgr, end)
    finally:
        mungo.core.bell_udp.udp_pair = mungo.threads.udp_pipe.udp_pair = real


# --- when it rings


@each_bell
def test_one_ring_for_many_messages(bell):
    mgr = mungo.Manager(bell)
    ends = [mgr.mkpipe(None) for _ in range(5)]
    tx = Tx(mgr)
    for _ in range(10):
        for end in ends:
            end.send(b"x")
    assert tx.rings == 1
    turns(mgr, 3)
    assert tx.rings == 1
    ends[3].send(b"x")
    assert tx.rings == 2
    turns(mgr, 3)
    assert mgr.bell.first is None
    close(mgr, *ends)


@each_bell
def test_no_ring_is_left(bell):
    mgr = mungo.Manager(bell)
    end = mgr.mkpipe(None)
    end.send(b"x")
    for _ in range(5):
        mgr.stop()  # rings each time
    mgr.running = True
    turns(mgr, 2)
    start = time.ticks_ms()
    mgr.poll(60)
    assert time.ticks_diff(time.ticks_ms(), start) >= 50
    close(mgr, end)


# --- rings that are lost


def lossy(bell, errors, seed):
    """Round trips with a bell that fails at random; returns the manager's stats and how long the slowest took."""
    random.seed(seed)
    mgr = mungo.Manager(bell, queue=4)

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            c.send(data)

    ends = [mgr.mkpipe(handler) for _ in range(2)]
    Tx(mgr, [random.choice(errors) for _ in range(30)])
    slowest = [0, 0]
    crew = Crew()

    def work(i, end):
        for n in range(25):
            start = time.ticks_ms()
            end.send(b"%d" % n)
            assert end.recv(10) == b"%d" % n
            slowest[i] = max(slowest[i], time.ticks_diff(time.ticks_ms(), start))
        end.close()

    for i in range(2):
        crew.start(work, i, ends[i])
    while mgr.conns:
        mgr.poll(_SLEEP)
    crew.join()
    stats = mgr.stats
    close(mgr)
    return stats, max(slowest)


@each_bell
def test_nothing_is_lost_with_a_ring(bell):
    # Whatever the bell does, a message waits no longer than the loop sleeps.
    stats, slowest = lossy(bell, (None, None, None, errno.ENOMEM, errno.EAGAIN, "silent"), 1)
    assert stats["rings_lost"] > 0
    assert slowest < 5 * _SLEEP, slowest


def test_the_loops_longest_sleep_is_a_second():
    mgr = mungo.Manager()
    start = time.ticks_ms()
    mgr.poll(-1)
    assert 990 <= time.ticks_diff(time.ticks_ms(), start) < 1500
    assert mgr.close()


@each_bell
def test_after_a_failure_the_next_message_rings(bell):
    for error, lost in ((errno.ENOMEM, 1), (errno.ENOBUFS, 1), (errno.EAGAIN, 0)):
        mgr = mungo.Manager(bell)
        handler, events = recorder()
        end = mgr.mkpipe(handler)
        tx = Tx(mgr, [error])
        end.send(b"1")  # does not raise
        assert mgr.stats["rings_lost"] == lost
        end.send(b"2")
        end.send(b"3")
        assert tx.rings == 2
        start = time.ticks_ms()
        turns(mgr, 1)
        assert reads(events) == [b"1", b"2", b"3"]
        assert time.ticks_diff(time.ticks_ms(), start) < 900
        close(mgr, end)


# Also if it is lost in silence, and if EAGAIN did not mean that it rings already: else every message after it would wait.
@each_bell
def test_lost_ring_costs_one_sleep(bell):
    for error in ("silent", errno.EAGAIN, errno.ENOMEM):
        mgr = mungo.Manager(bell)
        handler, events = recorder()
        end = mgr.mkpipe(handler)
        tx = Tx(mgr, [error])
        turns(mgr, 1)
        crew = Crew()

        def work():
            until(lambda: mgr.busy)  # noqa: B023
            time.sleep_ms(10)
            end.send(b"x")  # noqa: B023

        for longest, n in ((_SLEEP, 1), (-1, 2), (-1, 3)):
            crew.start(work)
            start = time.ticks_ms()
            while len(reads(events)) < n:
                mgr.poll(longest)
            assert time.ticks_diff(time.ticks_ms(), start) < 800
            crew.join()
            assert tx.rings == n
        close(mgr, end)


def test_stop_survives_a_lost_ring():
    mgr = mungo.Manager()
    Tx(mgr, [errno.ENOMEM])
    mgr.stop()
    assert mgr.poll(0) is False
    assert mgr.stats["rings_lost"] == 1
    assert mgr.close()


# --- strangers


class Spy:
    """The socket module, whose sockets tell the ports that they are bound to, and whose connect can be preceded by something."""

    def __init__(self, before_connect=None):
        self.ports = []
        self.before_connect = before_connect

    def __getattr__(self, name):
        return getattr(socket, name)

    def getaddrinfo(self, host, port):
        if port not in self.ports:
            self.ports.append(port)
        return socket.getaddrinfo(host, port)

    def socket(self, *args):
        sock = socket.socket(*args)
        return sock if self.before_connect is None else Wrapped(sock, self)


class Wrapped:
    def __init__(self, sock, spy):
        self.sock = sock
        self.spy = spy

    def __getattr__(self, name):
        return getattr(self.sock, name)

    def connect(self, there):
        self.spy.before_connect()
        self.sock.connect(there)


def stranger_sends(data, ports):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for port in ports:
        try:
            sock.sendto(data, socket.getaddrinfo("127.0.0.1", port)[0][-1])
        except OSError:  # the answer to the last one: nobody is there
            pass
    sock.close()


def test_strangers_cannot_ring():
    spy = Spy()
    mungo.core.bell_udp.socket = spy
    try:
        mgr = mungo.Manager("udp")
        handler, events = recorder()
        c2, end = pipe(mgr, handler)
        ports = spy.ports[-2:]
        bare = mgr.mkpipe(handler, udp=True)
        bare_ports = spy.ports[-2:]
    finally:
        mungo.core.bell_udp.socket = socket
    assert len(set(ports + bare_ports)) == 4
    turns(mgr, 2)
    del events[:]
    for data in (b"!", b"mungo", b"words in a worker's mouth", b""):
        stranger_sends(data, ports + bare_ports)
    start = time.ticks_ms()
    mgr.poll(60)
    assert time.ticks_diff(time.ticks_ms(), start) >= 50  # it slept on
    assert events == []
    bare.settimeout(0)
    assert raised_errno(bare.recv, 10) == errno.EAGAIN
    end.send(b"x")
    turns(mgr, 1)
    assert events == [(mungo.EV_READ, b"x")]
    bare.close()
    close(mgr, end)


def test_strangers_before_the_sockets_are_connected():
    for word in (b"!", b"mungo", b"0"):
        spy = Spy(lambda: stranger_sends(word, spy.ports[-2:]))  # noqa: B023
        mungo.core.bell_udp.socket = spy
        try:
            one, two = mungo.core.bell_udp.udp_pair(None)
        finally:
            mungo.core.bell_udp.socket = socket
        for sock in (one, two):
            sock.settimeout(0)
            assert raised_errno(sock.recv, 10) == errno.EAGAIN
        one.send(b"1")
        two.settimeout(1)
        assert two.recv(10) == b"1"
        one.close()
        two.close()


def test_ports_that_are_taken():
    taken = []

    class Ticks:
        ticks_us = staticmethod(lambda: 0)

    mungo.core.bell_udp.time = Ticks
    try:
        pairs = [mungo.core.bell_udp.udp_pair(None) for _ in range(4)]  # all start at the same port
        taken.append(pairs[0][0].send(b"x"))
        assert pairs[0][1].recv(9) == b"x"
    finally:
        mungo.core.bell_udp.time = time
    for pair in pairs:
        for sock in pair:
            sock.close()


class NoPorts:
    """In the place of `socket`: `bind` raises this. `made`: how many sockets there were."""

    AF_INET = socket.AF_INET
    SOCK_DGRAM = socket.SOCK_DGRAM

    def __init__(self, number):
        self.number = number
        self.made = self.closed = 0

    def getaddrinfo(self, host, port):
        return socket.getaddrinfo(host, port)

    def socket(self, *_):
        self.made += 1
        assert self.made < 1000, "it does not end"
        return self

    def bind(self, _):
        raise OSError(self.number)

    def close(self):
        self.closed += 1


def test_the_search_for_ports_ends():
    for number, tries in ((errno.EHOSTUNREACH, 1), (errno.EADDRINUSE, 201)):
        mungo.core.bell_udp.socket = ports = NoPorts(number)
        try:
            assert raised_errno(mungo.core.bell_udp.udp_pair, None) == number
        finally:
            mungo.core.bell_udp.socket = socket
        assert ports.made == ports.closed == tries


# --- what is done under the lock


class Guard:
    """The bell's lock, under which a memory allocation raises, and which knows who holds it."""

    def __init__(self):
        self.lock = _thread.allocate_lock()
        self.owner = None

    def __enter__(self):
        me = _thread.get_ident()
        assert self.owner != me, "it is not reentrant"
        self.lock.acquire()
        self.owner = me
        micropython.heap_lock()

    def __exit__(self, kind, error, trace):  # not *args: that would allocate
        micropython.heap_unlock()
        self.owner = None
        self.lock.release()

    def check(self):
        assert self.owner != _thread.get_ident(), "called under the lock"


class CheckedTx(Tx):
    def send(self, data):
        self.guard.check()
        return super().send(data)


@each_bell
def test_nothing_allocates_or_calls_back_under_the_lock(bell):
    mgr = mungo.Manager(bell, queue=2, queue_bytes=100, wakeups=3)
    guard = mgr.bell.lock = Guard()
    tx = CheckedTx(mgr)
    tx.guard = guard
    seen = set()

    def handler(c, ev, data, fn_data):
        guard.check()
        seen.add(ev)
        if ev == mungo.EV_READ:
            while c.send(bytes(30)):
                pass

    c2, end = pipe(mgr, handler)
    c3, other = pipe(mgr, handler)
    crew = Crew()

    def work(end):
        end.settimeout(5)
        for i in range(20):
            end.send(bytes(i + 1))
            mgr.wakeup(c2.id, b"x")
            end.recv(20)
            end.recv(20)
        end.settimeout(0.02)
        try:
            while True:
                end.recv(99)
        except OSError as error:
            assert error.errno == errno.ETIMEDOUT
        end.settimeout(None)
        try:
            while True:
                end.send(b"x")
        except OSError as error:
            assert error.errno == EPIPE
        end.close()

    crew.start(work, end)
    crew.start(work, other)
    mgr.timer(100, lambda arg: setattr(c2, "is_full", True))
    mgr.timer(200, lambda arg: setattr(c2, "is_closing", True))
    mgr.timer(250, lambda arg: setattr(c3, "is_closing", True))
    crew.join(mgr)
    turns(mgr, 3)
    assert not mgr.stats["bugs"]
    assert {mungo.EV_OPEN, mungo.EV_READ, mungo.EV_WRITE, mungo.EV_WAKEUP, mungo.EV_CLOSE} <= seen
    close(mgr)
