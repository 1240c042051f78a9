# mgr.wakeup(id, data): from any thread, never waits, True only if accepted.

import time

import mungo
from raising import raised
from waiting import Crew, close, each_bell, pipe, recorder, turns, until

MIN_HEAP = "160k"


def wakeups(events):
    return [data for ev, data in events if ev == mungo.EV_WAKEUP]


@each_bell
def test_delivered_once_in_order(bell):
    mgr = mungo.Manager(bell)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    sent = [b"%d" % i for i in range(150)]
    for data in sent:
        assert mgr.wakeup(c2.id, data) is True
    assert wakeups(events) == []  # never inside the call
    until(lambda: len(wakeups(events)) == 150, mgr)
    turns(mgr, 3)
    assert wakeups(events) == sent
    close(mgr, end)


@each_bell
def test_data(bell):
    mgr = mungo.Manager(bell)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    data = b"kept by reference, not copied"
    array = bytearray(b"array")
    assert mgr.wakeup(c2.id, data)
    assert mgr.wakeup(c2.id, array)
    assert mgr.wakeup(c2.id, memoryview(array)[1:])
    assert mgr.wakeup(c2.id)
    assert mgr.wakeup(c2.id, b"")
    assert mgr.wakeup(c2.id, "caf\xe9")
    array[:] = b"xxxxx"
    turns(mgr, 2)
    assert wakeups(events)[0] is data
    assert wakeups(events)[1:] == [b"array", b"rray", b"", b"", b"caf\xc3\xa9"]
    for wrong in (5, 0, True, 1.5, None, [65], (65,)):  # 5 is not five zeros
        raised(TypeError, mgr.wakeup, c2.id, wrong)
    turns(mgr, 2)
    assert len(wakeups(events)) == 6
    close(mgr, end)


@each_bell
def test_any_connection(bell):
    mgr = mungo.Manager(bell)
    handler, events = recorder()
    port = 20000 + time.ticks_us() % 10000
    while True:
        try:
            listener = mgr.listen("tcp://127.0.0.1:%d" % port, handler)
            break
        except OSError:
            port += 1
    client = mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    until(lambda: mungo.EV_ACCEPT in [ev for ev, _ in events], mgr)
    for c in mgr.conns:
        assert mgr.wakeup(c.id, b"%d" % c.id)
    turns(mgr, 2)
    assert wakeups(events) == [b"%d" % c.id for c in mgr.conns]
    assert len(mgr.conns) == 3 and listener in mgr.conns and client in mgr.conns
    close(mgr)


@each_bell
def test_false_for_an_id_that_is_gone_or_never_was(bell):
    mgr = mungo.Manager(bell)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    id = c2.id
    for wrong in (0, -1, -16, id + 1, id + 16, id + 32, 1 << 40):
        assert mgr.wakeup(wrong, b"x") is False, wrong
    end.close()
    turns(mgr, 2)
    assert mgr.wakeup(id, b"x") is False
    other, other_end = pipe(mgr, handler)
    assert other.id != id
    assert mgr.wakeup(id, b"x") is False
    turns(mgr, 2)
    assert wakeups(events) == []
    assert mgr.stats["undelivered"] == mgr.stats["queue_full"] == 0
    close(mgr, other_end)
    assert mgr.wakeup(other.id, b"x") is False


@each_bell
def test_ids_are_never_used_again(bell):
    mgr = mungo.Manager(bell)
    seen = set()
    ends = []
    for i in range(90):
        c2, end = pipe(mgr)
        assert c2.id not in seen
        seen.add(c2.id)
        ends.append(end)
        if i % 3:
            ends.pop(i % len(ends)).close()
        turns(mgr, i % 3)
        for c in mgr.conns:
            assert mgr.find(c.id) is c
    assert len([id for id in seen if mgr.find(id) is not None]) == len(mgr.conns)
    for end in ends:
        end.close()
    close(mgr)


@each_bell
def test_undelivered_if_closed_in_between(bell):
    mgr = mungo.Manager(bell)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    assert mgr.wakeup(c2.id, b"1")
    assert mgr.wakeup(c2.id, b"2")
    c2.is_closing = True
    assert not events[1:]
    turns(mgr, 3)
    assert wakeups(events) == []
    assert mgr.stats["undelivered"] == 2
    # Closed by the first of them.
    got = []

    def closes(c, ev, data, fn_data):
        got.append(ev)
        if ev == mungo.EV_WAKEUP:
            c.is_closing = True

    c3, other = pipe(mgr, closes)
    assert mgr.wakeup(c3.id, b"1")
    assert mgr.wakeup(c3.id, b"2")
    turns(mgr, 3)
    assert got == [mungo.EV_OPEN, mungo.EV_WAKEUP, mungo.EV_CLOSE]
    assert mgr.stats["undelivered"] == 3
    # And what the manager accepted before it was closed.
    c4, last = pipe(mgr, handler)
    assert mgr.wakeup(c4.id, b"1")
    close(mgr, end, other, last)
    assert mgr.stats["undelivered"] == 4
    assert wakeups(events) == []


@each_bell
def test_bounded(bell):
    mgr = mungo.Manager(bell, wakeups=4, queue_bytes=100)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    for _ in range(4):
        assert mgr.wakeup(c2.id, b"x")
    assert mgr.wakeup(c2.id, b"x") is False
    assert mgr.stats["queue_full"] == 1
    turns(mgr, 1)
    assert mgr.wakeup(c2.id, bytes(60))
    assert mgr.wakeup(c2.id, bytes(41)) is False
    assert mgr.wakeup(c2.id, bytes(40))
    turns(mgr, 1)
    assert mgr.wakeup(c2.id, bytes(1000))  # one message always fits
    assert mgr.wakeup(c2.id, b"x") is False
    turns(mgr, 2)
    assert [len(data) for data in wakeups(events)] == [1, 1, 1, 1, 60, 40, 1000]
    assert mgr.stats["queue_full"] == 3
    close(mgr, end)


@each_bell
def test_from_a_handler(bell):
    # The loop itself may call it: it neither waits nor delivers inside the call, and does not go on for ever in one turn.
    mgr = mungo.Manager(bell, wakeups=2)
    depth = [0]
    results = []

    def handler(c, ev, data, fn_data):
        assert not depth[0]
        depth[0] = 1
        if ev == mungo.EV_WAKEUP:
            results.append(mgr.wakeup(c.id, b"again"))
        depth[0] = 0

    c2, end = pipe(mgr, handler)
    mgr.wakeup(c2.id, b"first")
    turns(mgr, 1)
    assert 1 <= len(results) <= 64 and all(results)
    n = len(results)
    turns(mgr, 1)
    assert n < len(results) <= n + 64
    assert not mgr.stats["bugs"]
    close(mgr, end)


@each_bell
def test_wakes_a_sleeping_loop(bell):
    mgr = mungo.Manager(bell)
    handler, events = recorder()
    c2, end = pipe(mgr, handler)
    slowest = [0]
    crew = Crew()

    def work():
        for i in range(40):
            time.sleep_ms(2)
            start = time.ticks_ms()
            assert mgr.wakeup(c2.id, b"%d" % i)
            until(lambda: len(events) == i + 2)  # noqa: B023
            slowest[0] = max(slowest[0], time.ticks_diff(time.ticks_ms(), start))
        end.close()

    crew.start(work)
    while mgr.conns:
        mgr.poll(-1)
    crew.join()
    assert wakeups(events) == [b"%d" % i for i in range(40)]
    assert slowest[0] < 900
    close(mgr)


@each_bell
def test_from_several_threads(bell):
    # Exactly once each for which it returned True, in its thread's order; never waits, so it is refused now and then.
    mgr = mungo.Manager(bell, wakeups=8)
    got = [[-1, 0], [-1, 0], [-1, 0], [-1, 0]]

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_WAKEUP:
            name, i = data.split()
            last = got[int(name)]
            assert int(i) > last[0]
            last[0] = int(i)
            last[1] += 1

    c2, end = pipe(mgr, handler)
    accepted = [0, 0, 0, 0]
    crew = Crew()

    def work(name):
        for i in range(300):
            accepted[name] += mgr.wakeup(c2.id, b"%d %d" % (name, i))

    for name in range(4):
        crew.start(work, name)
    crew.join(mgr)
    turns(mgr, 3)
    assert [n for _, n in got] == accepted
    assert sum(accepted) + mgr.stats["queue_full"] == 1200
    assert not mgr.stats["bugs"]
    close(mgr, end)


# Without a GIL an object's dict that grows is dangerous to read. Programs set attributes of their connections, and so does the
# library; a thread that looks for an id must not read them.
@each_bell
def test_connections_may_grow_meanwhile(bell):
    mgr = mungo.Manager(bell, wakeups=8)
    c2, end = pipe(mgr)
    stop = []
    crew = Crew()
    names = ["attribute%d" % i for i in range(12)]

    def work():
        while not stop:
            mgr.wakeup(c2.id, b"x") or time.sleep_ms(1)

    for _ in range(3):
        crew.start(work)
    start = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), start) < 500 and crew.running() == 3:
        for _ in range(16):
            other, other_end = pipe(mgr)
            other_end.close()
            if not (other.id - c2.id) % 16:  # it stands before c2 where ids are looked up
                for name in names:
                    setattr(other, name, name)
        turns(mgr, 1)
    stop.append(1)
    crew.join(mgr)
    close(mgr, end)
