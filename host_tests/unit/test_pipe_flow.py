# What DESIGN's "The pipe" promises of the flow: backpressure, timeouts, several threads, wake-ups and fairness.
# C2 is the loop's end, `end` the worker's.

import errno
import socket
import time

import mungo
from net import address, tcp_listen
from raising import raised, raised_errno
from waiting import Crew, close, count_waiters, each_bell, is_waiting, pipe, reads, recorder, turns, until

MIN_HEAP = "160k"


# --- backpressure


@each_bell
def test_is_full_stops_that_pipe_alone(bell):
    mgr = mungo.Manager(bell, queue=4)
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
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell, queue=3)
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
    mgr = mungo.Manager(bell, queue_bytes=100)
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
    mgr = mungo.Manager(bell, queue=3)
    total = 300
    sent = [0]

    def handler(c, ev, data, fn_data):
        if ev in (mungo.EV_READ, mungo.EV_WRITE):
            while sent[0] < total and c.send(b"%d" % sent[0]):
                sent[0] += 1
            if sent[0] == total:
                c.is_draining = True

    end = mgr.mkpipe(handler)
    got = [0]

    def work():
        end.send(b"go")
        while True:
            data = end.recv(100)
            if not data:
                break
            assert data == b"%d" % got[0]
            got[0] += 1
        end.close()

    crew = Crew()
    crew.start(work)
    crew.join(mgr)
    assert got[0] == total
    close(mgr)


# A client that reads slowly slows its worker: its socket takes no more -> c1.send is False -> c2.is_full -> the pipe's queue fills
# -> the worker's send waits. And back: the socket has room -> EV_WRITE of C1 -> c2.is_full = False -> the worker is woken.
@each_bell
def test_slow_client_slows_its_worker(bell):
    mgr = mungo.Manager(bell, queue=4, send_limit=5000)
    piece = bytes(range(250)) * 10
    total = 2400  # pieces: more than the kernel takes
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

    port = tcp_listen(mgr, to_client)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, 8, 8192)  # SO_RCVBUF, else the kernel takes megabytes
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


# --- timeouts


@each_bell
def test_timeout_zero(bell):
    mgr = mungo.Manager(bell, queue=1)
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
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell, queue=1)
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
    while None in results and time.ticks_diff(time.ticks_ms(), start) < 5000:
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
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell, queue=2)
    got = [0, 0, 0, 0]

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            name, i = data.split()
            assert int(i) == got[int(name)]
            got[int(name)] += 1

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
    assert got == [60, 60, 60, 60]
    assert not mgr.stats["bugs"]
    close(mgr, end)


@each_bell
def test_several_threads_receive(bell):
    mgr = mungo.Manager(bell, queue=1000)
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
    mgr = mungo.Manager(bell)
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
    mgr = mungo.Manager(bell, queue=2000, datagram=1500)
    flood, flooded = counter()
    handler, events = recorder()
    end = mgr.mkpipe(flood)
    other = mgr.mkpipe(handler)
    udp = open_udp(mgr, handler)
    for _ in range(300):
        end.send(b"x")
    other.send(b"pipe")
    mgr.timer(0, lambda arg: events.append(("timer", arg)), "t")
    udp.send(b"socket")
    del events[:]
    mgr.poll(0)
    assert sorted(reads(events)) in ([b"pipe"], [b"pipe", b"socket"])
    turned = until(lambda: len(events) == 3, mgr) + 1
    assert turned <= 2, turned  # the datagram may take its time
    assert flooded[0] <= 2 * 64
    assert sorted(str(data) for _, data in events) == sorted(str(data) for data in ("t", b"pipe", b"socket"))
    turned += until(lambda: flooded[0] == 300, mgr)
    assert 300 // 64 <= turned <= 300 // 16, turned
    udp.close()
    close(mgr, end, other)


def counter():
    """A handler, and how many messages it was called with."""
    count = [0]

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            count[0] += 1

    return handler, count


def open_udp(mgr, handler):
    """A socket whose datagrams go to a connection of the manager's."""
    from mungo.core.bell_udp import udp_pair

    one, two = udp_pair(None)
    mgr.wrap(one, handler, udp=True)
    return two


@each_bell
def test_flood_from_threads_starves_nobody(bell):
    mgr = mungo.Manager(bell, datagram=1500)
    flood, flooded = counter()
    echo, echoed = counter()
    ticks = [0]
    stop = []
    crew = Crew()

    def work(end):
        while not stop:
            end.send(b"x")
        end.close()

    def tick(arg):
        ticks[0] += 1

    udp = open_udp(mgr, echo)
    for _ in range(3):
        crew.start(work, mgr.mkpipe(flood))
    mgr.timer(1, tick, repeat=True)
    for i in range(20):
        udp.send(b"%d" % i)
        turned = until(lambda: echoed[0] > i, mgr)  # noqa: B023
        assert turned <= 3, turned
    until(lambda: ticks[0] >= 5 and flooded[0] >= 1000, mgr)
    stop.append(1)
    crew.join(mgr)
    udp.close()
    close(mgr)


@each_bell
def test_idle_poll_after_a_burst_sleeps(bell):
    # No ring is left behind that would keep the loop turning.
    mgr = mungo.Manager(bell, queue=1000)
    handler, count = counter()
    end = mgr.mkpipe(handler)
    crew = Crew()

    def work():
        for _ in range(500):
            end.send(b"x")

    crew.start(work)
    crew.join(mgr)
    until(lambda: count[0] == 500, mgr)
    start = time.ticks_ms()
    turned = 0
    while time.ticks_diff(time.ticks_ms(), start) < 150:
        mgr.poll(30)
        turned += 1
    assert turned < 20, turned
    close(mgr, end)
