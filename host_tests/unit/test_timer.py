# Timers: once and repeating, in order, over the wrap of ticks_ms, without drift and without catching up.

import time

import mungo
from mungo.core.timer import Timer

MIN_HEAP = "84k"


class Clock:
    """Takes the place of ticks_ms in the modules that look at the time."""

    def __init__(self, now):

        self.now = now
        self.modules = (__import__("mungo.core.timer", None, None, ("x",)), __import__("mungo.core.loop", None, None, ("x",)))
        self.old = [m.ticks_ms for m in self.modules]
        for m in self.modules:
            m.ticks_ms = lambda: self.now

    def restore(self):
        for m, old in zip(self.modules, self.old):
            m.ticks_ms = old

    def pass_ms(self, mgr, ms):
        self.now = time.ticks_add(self.now, ms)
        mgr.poll(0)


def with_clock(start):
    def wrap(test):
        def run():
            mgr = mungo.Manager()
            clock = Clock(start)
            try:
                test(mgr, clock)
            finally:
                clock.restore()
                mgr.close()

        return run

    return wrap


# The last millisecond before ticks_ms wraps on this runtime.
LAST = time.ticks_add(0, -1)


@with_clock(1000)
def test_once(mgr, clock):
    calls = []
    mgr.timer(50, calls.append, "a")
    clock.pass_ms(mgr, 49)
    assert calls == []
    clock.pass_ms(mgr, 1)
    assert calls == ["a"]
    clock.pass_ms(mgr, 500)
    assert calls == ["a"]


@with_clock(1000)
def test_order_is_by_time_then_by_age(mgr, clock):
    calls = []
    mgr.timer(30, calls.append, "late")
    mgr.timer(10, calls.append, "first")
    mgr.timer(10, calls.append, "second")
    clock.pass_ms(mgr, 100)
    assert calls == ["first", "second", "late"]


@with_clock(LAST)
def test_over_the_wrap(mgr, clock):
    calls = []
    mgr.timer(5, calls.append, "once")
    mgr.timer(3, calls.append, "each", repeat=True)
    for expected in (0, 0, 1, 1, 2, 3):
        clock.pass_ms(mgr, 1)
        assert len(calls) == expected, (clock.now, calls)
    assert calls == ["each", "once", "each"]


@with_clock(1000)
def test_repeat_keeps_its_phase(mgr, clock):
    calls = []
    mgr.timer(10, lambda _: calls.append(time.ticks_diff(clock.now, 1000)), repeat=True)
    clock.pass_ms(mgr, 13)  # three late
    clock.pass_ms(mgr, 7)  # and yet the second comes at 20
    assert calls == [13, 20], calls


@with_clock(1000)
def test_missed_periods_are_left_out(mgr, clock):
    calls = []
    mgr.timer(10, calls.append, 1, repeat=True)
    clock.pass_ms(mgr, 57)
    assert len(calls) == 1
    clock.pass_ms(mgr, 2)
    assert len(calls) == 1
    clock.pass_ms(mgr, 1)
    assert len(calls) == 2


@with_clock(1000)
def test_what_a_timer_adds_waits_for_the_next_turn(mgr, clock):
    calls = []

    def again(n):
        calls.append(n)
        mgr.timer(0, again, n + 1)

    mgr.timer(0, again, 0)
    mgr.poll(0)
    assert calls == [0]
    mgr.poll(0)
    assert calls == [0, 1]


@with_clock(1000)
def test_cancel(mgr, clock):
    calls = []
    one = mgr.timer(10, calls.append, "one")
    each = mgr.timer(10, calls.append, "each", repeat=True)
    one.cancel()
    clock.pass_ms(mgr, 10)
    each.cancel()
    each.cancel()
    clock.pass_ms(mgr, 100)
    assert calls == ["each"], calls


@with_clock(1000)
def test_a_repeating_timer_can_cancel_itself(mgr, clock):
    calls = []

    def fn(_):
        calls.append(1)
        timer.cancel()

    timer = mgr.timer(10, fn, repeat=True)
    clock.pass_ms(mgr, 10)
    clock.pass_ms(mgr, 100)
    assert calls == [1]


@with_clock(1000)
def test_a_bug_is_reported_and_the_others_go_on(mgr, clock):
    calls = []
    mgr.timer(10, lambda _: 1 // 0, repeat=True)
    mgr.timer(10, calls.append, 1)
    clock.pass_ms(mgr, 10)
    assert calls == [1]
    assert mgr.stats["bugs"] == 1
    clock.pass_ms(mgr, 10)
    assert mgr.stats["bugs"] == 2


def test_limits():
    mgr = mungo.Manager(max_timers=2)
    for bad in (-1, 1 << 29, 1.5, "1"):
        try:
            mgr.timer(bad, print)
        except ValueError as er:
            assert repr(bad) in str(er), er
        else:
            raise AssertionError(bad)
    try:
        mgr.timer(0, print, repeat=True)
    except ValueError:
        pass
    else:
        raise AssertionError("a period of 0")
    mgr.timer((1 << 29) - 1, print)
    mgr.timer(1, print)
    try:
        mgr.timer(1, print)
    except OSError as er:
        assert "max_timers" in str(er)
    else:
        raise AssertionError("a third timer")
    mgr.close()


def test_poll_sleeps_until_the_timer_and_no_longer():
    mgr = mungo.Manager()
    calls = []
    assert isinstance(mgr.timer(40, calls.append, 1), Timer)
    turns = 0
    while not calls:
        mgr.poll(1000)
        turns += 1
    assert turns <= 3, turns  # the bell may have one old ring; it never spins
    mgr.close()


# --- the longest time beside what is late, where ticks_ms has 30 bits, as on a board

_HALF = 1 << 29


def board_ticks_add(ticks, ms):
    assert -_HALF <= ms < _HALF
    return (ticks + ms) & (2 * _HALF - 1)


def board_ticks_diff(end, start):
    return ((end - start + _HALF) & (2 * _HALF - 1)) - _HALF


def on_a_board(test):
    def run():
        clock = Clock(2 * _HALF - 50)
        old = [(m.ticks_add, m.ticks_diff) for m in clock.modules]
        for m in clock.modules:
            m.ticks_add, m.ticks_diff = board_ticks_add, board_ticks_diff
        mgr = mungo.Manager()
        try:
            test(mgr, clock)
        finally:
            for m, names in zip(clock.modules, old):
                m.ticks_add, m.ticks_diff = names
            clock.restore()
            mgr.close()

    return run


@on_a_board
def test_a_timer_in_six_days_does_not_hold_up_those_that_are_late(mgr, clock):
    calls = []

    def first(arg):
        calls.append(1)
        mgr.timer(_HALF - 1, calls.append, "in six days")

    mgr.timer(10, first)
    mgr.timer(20, calls.append, 2)
    clock.now = board_ticks_add(clock.now, 100)
    mgr.poll(0)
    assert calls == [1, 2], calls


class Due:
    """What `deadline` wants of a connection."""

    since = wait = 0


@on_a_board
def test_nor_does_a_deadline(mgr, clock):
    mgr.poll(0)
    mgr.deadline(Due(), 50)
    clock.now = board_ticks_add(clock.now, 100)
    due = mgr._due
    mgr.deadline(Due(), _HALF - 1)
    assert mgr._due == due
    mgr.deadline(Due(), 0)
    assert mgr._due == due
