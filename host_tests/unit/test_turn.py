# One turn of the loop at its edges: it sleeps though a program wants EV_POLL, a closing connection gets no more data, timers that a timer
# starts are for the next turn, a connection that is not read still ends with its peer, and a bug is counted though nobody reads stdout.

import socket
import sys
import time
from array import array

import mungo
from mungo.core.listener import AcceptedConnection
from net import Client, listening, turns
from raising import raised

MIN_HEAP = "192k"


def test_ev_poll_comes_once_a_turn_and_the_loop_sleeps_in_between():
    mgr = mungo.Manager()
    seen = []
    listener, _ = listening(lambda url: mgr.listen(url, lambda c, ev, data, _: seen.append(ev)), "tcp")
    mgr.poll_events.append(listener)
    start = time.ticks_ms()
    for _ in range(3):
        mgr.poll(40)
    assert time.ticks_diff(time.ticks_ms(), start) >= 100, "it spins"
    assert seen == [mungo.EV_OPEN] + [mungo.EV_POLL] * 3, seen
    mgr.close()


def test_connections_may_leave_ev_poll_inside_it():
    mgr = mungo.Manager()
    seen = []

    def fn(c, ev, data, _):
        if ev == mungo.EV_POLL:
            seen.append(c)
            mgr.poll_events[:] = []

    for _ in range(3):
        mgr.poll_events.append(listening(lambda url: mgr.listen(url, fn), "tcp")[0])
    mgr.poll(0)
    mgr.poll(0)
    assert seen == [mgr.conns[-1]] and mgr.stats["bugs"] == 0
    mgr.close()


def test_the_loop_sleeps_again_when_connections_have_closed():
    mgr = mungo.Manager()
    _, port = listening(lambda url: mgr.listen(url, None), "tcp")
    clients = [Client(mgr, port) for _ in range(3)]
    turns(mgr, lambda: len(mgr.conns) == 4)
    for client in clients:
        client.close()
    turns(mgr, lambda: len(mgr.conns) == 1)
    start = time.ticks_ms()
    for _ in range(3):
        mgr.poll(40)
    assert time.ticks_diff(time.ticks_ms(), start) >= 100, "it spins"
    mgr.close()


def test_a_connection_that_is_closing_gets_no_more_data():
    mgr = mungo.Manager(send_slice=1 << 20)
    events = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_ACCEPT:
            c.put(bytes(1 << 16))
            while c.out is None:
                c.put(bytes(1 << 16))  # more than the system takes at once
        elif ev == mungo.EV_WRITE:
            c.is_closing = True
            events.append(ev)
        elif ev in (mungo.EV_READ, mungo.EV_CLOSE):
            events.append(ev)

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port)
    turns(mgr, lambda: len(mgr.conns) == 2 and mgr.conns[-1].out is not None)
    c = mgr.conns[-1]
    # The socket says at once that there is room and that there is data, as it does when both come between two turns.
    client.sock.write(b"hello")
    c.out.pieces.clear()
    c.out.size = c.out.sent = 0
    c.event(5)
    turns(mgr, lambda: mungo.EV_CLOSE in events)
    assert events == [mungo.EV_WRITE, mungo.EV_CLOSE], events
    client.close()
    mgr.close()


def test_a_protocol_s_handler_that_closes_lets_the_program_see_no_data():
    mgr = mungo.Manager()
    events = []

    def fn(c, ev, data, fn_data):
        events.append(ev)
        if ev == mungo.EV_HTTP_MSG:
            c.is_closing = True

    _, port = listening(lambda url: mgr.http_listen(url, fn))
    client = Client(mgr, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    turns(mgr, lambda: mungo.EV_CLOSE in events)
    assert mungo.EV_READ not in events, events
    client.close()
    mgr.close()


def test_timers_that_a_timer_starts_are_for_the_next_turn():
    mgr = mungo.Manager()
    fired = []

    def again(n):
        fired.append(n)
        if n < 5:
            mgr.timer(0, again, n + 1)

    late = [mgr.timer(100000, fired.append, None) for _ in range(5)]
    mgr.timer(0, again, 0)
    for n in range(1, 7):
        mgr.poll(100)
        assert fired == list(range(n)), fired
    for timer in late:
        timer.cancel()
    mgr.close()


def paused(**limits):
    """A manager, its connection that the program has paused, the client, and the events so far."""
    mgr = mungo.Manager(**limits)
    events = []

    def fn(c, ev, data, fn_data):
        events.append(ev)
        if ev == mungo.EV_READ:
            c.is_full = True

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port, b"x")
    turns(mgr, lambda: mungo.EV_READ in events)
    return mgr, mgr.conns[-1], client, events


def test_a_paused_connection_ends_when_its_peer_breaks_off():
    mgr, c, client, events = paused()
    mgr.poll(20)
    assert events[-1] == mungo.EV_READ and c.is_full  # it sleeps, and nothing has happened
    client.sock.setsockopt(socket.SOL_SOCKET, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER with 0 s: close is a reset
    client.sock.close()
    turns(mgr, lambda: mungo.EV_CLOSE in events)
    assert events[-2:] == [mungo.EV_ERROR, mungo.EV_CLOSE] and mgr.accepted == 0
    mgr.close()


def test_a_paused_connection_does_not_wake_the_loop():
    mgr, c, client, events = paused()
    client.sock.write(b"more, which is not read")
    start = time.ticks_ms()
    for _ in range(3):
        mgr.poll(40)
    assert time.ticks_diff(time.ticks_ms(), start) >= 100, "it spins"
    c.is_full = False
    turns(mgr, lambda: events.count(mungo.EV_READ) > 1)
    client.close()
    mgr.close()


def test_a_bug_is_counted_though_nobody_reads_stdout():
    mgr = mungo.Manager()
    module = __import__("mungo.core.reports", None, None, ("sys",))

    class Deaf:
        def print_exception(self, er):
            raise OSError(32)  # EPIPE

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            raise ValueError("planned")

    module.sys = Deaf()
    try:
        _, port = listening(lambda url: mgr.http_listen(url, fn))
        client = Client(mgr, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.until_has(b"HTTP/1.1 500 ")
    finally:
        module.sys = sys
    assert mgr.stats["bugs"] == 1 and mgr.stats["unprinted"] == 1
    client.close()
    mgr.close()


def test_what_is_sent_is_all_of_it_or_an_error():
    # The len of an array is not its number of bytes: half of it was sent, and send said True.
    mgr = mungo.Manager()
    conns = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_ACCEPT:
            conns.append(c)

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port)
    turns(mgr, lambda: conns)
    c = conns[0]
    parts = (array("H", (1, 2, 3)), memoryview(b"abcdef")[2:4], memoryview(array("I", (5, 6)))[1:], bytearray(b"zz"), "\xe9", b"")
    for part in parts:
        whole = part.encode() if isinstance(part, str) else bytes(memoryview(part))
        client.got = b""
        assert c.send(part)
        client.until(lambda client, whole=whole: len(client.got) >= len(whole))
        assert client.got == whole
    c.hold(Later())  # from here on all has to wait
    for part in parts:
        size = c.out.size if c.out else 0
        assert c.send(part)
        assert c.out.size - size == len(part.encode() if isinstance(part, str) else bytes(memoryview(part))), part
    size = c.out.size
    for bad in (5, None, 1.5, [1, 2], {}):
        raised(TypeError, c.send, bad)
    assert c.out.size == size and not c.is_closing
    client.close()
    mgr.close()


class Later:
    """The phase of a connection that may not send yet."""

    mask = 0


def test_a_broadcast_over_all_connections_ends_none_of_them():
    mgr = mungo.Manager()
    events = []

    def fn(c, ev, data, fn_data):
        events.append(ev)

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    listening(lambda url: mgr.listen(url, fn), "udp")
    client = Client(mgr, port)
    turns(mgr, lambda: len(mgr.conns) == 3)
    assert [c.send("news\n") for c in mgr.conns] == [False, False, True]
    assert client.until_has(b"news\n") == b"news\n"
    assert mungo.EV_ERROR not in events and mungo.EV_CLOSE not in events
    client.close()
    mgr.close()


# --- a poll that says there is room when there is none


class Reluctant(AcceptedConnection):
    """A connection whose socket takes nothing, though poll says that it would."""

    is_reluctant = True
    writes = 0

    def write(self, data, at, n):
        self.writes += 1
        return 0 if self.is_reluctant else AcceptedConnection.write(self, data, at, n)


def reluctant(**limits):
    """A manager, a client, the Reluctant connection to it, with 3 bytes that wait, and the events."""
    mgr = mungo.Manager(**limits)
    events = []
    conns = []

    def fn(c, ev, data, _):
        events.append(ev)
        if ev == mungo.EV_ACCEPT:
            conns.append(c)

    listener, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    listener.accepted_class = Reluctant
    client = Client(mgr, port)
    turns(mgr, lambda: conns)
    conns[0].send(b"abc")
    return mgr, client, conns[0], events


def test_a_socket_that_takes_nothing_is_not_asked_again_at_once():
    mgr, client, c, events = reluctant()
    start = time.ticks_ms()
    n = 0
    while time.ticks_diff(time.ticks_ms(), start) < 400:
        mgr.poll(1000)
        n += 1
    assert 3 <= c.writes <= 10, c.writes  # 1 by send, 2 at once, then after 20, 40, 60, 80 and each 100 ms
    assert n <= 25, n
    c.is_reluctant = False
    assert client.until_has(b"abc") == b"abc"
    assert c.out is None and events[-1] == mungo.EV_WRITE, events
    client.close()
    mgr.close()


def test_and_it_still_ends_after_write_ms():
    mgr, client, c, events = reluctant(write_ms=300)
    start = time.ticks_ms()
    while mgr.conns[-1] is c:
        mgr.poll(1000)
    assert time.ticks_diff(time.ticks_ms(), start) >= 290
    assert events[-2:] == [mungo.EV_ERROR, mungo.EV_CLOSE] and mgr.stats["timeouts"] == 1, events
    client.close()
    mgr.close()


def test_a_connection_that_is_paused_in_the_turn_in_which_it_is_readable_goes_on():
    mgr = mungo.Manager()
    conns = []
    got = []

    def fn(c, ev, data, _):
        if ev == mungo.EV_ACCEPT:
            conns.append(c)
        elif ev == mungo.EV_READ:
            for other in conns:
                if other is not c:
                    other.is_full = not got
            got.append(c.recv.read())
        elif ev == mungo.EV_CLOSE:
            got.append(None)

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    clients = [Client(mgr, port) for _ in range(2)]
    turns(mgr, lambda: len(conns) == 2)
    for i in range(2):
        clients[i].send(b"%d" % i)
    time.sleep_ms(20)  # both are readable in one turn
    for _ in range(3):
        mgr.poll(0)
    assert len(got) == 1 and None not in got, got
    for c in conns:
        c.is_full = False
    turns(mgr, lambda: len(got) == 2)
    assert sorted(got) == [b"0", b"1"]
    for client in clients:
        client.close()
    mgr.close()


def test_all_who_asked_learn_of_the_end_in_their_order():
    mgr = mungo.Manager()
    order = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            for name in "abc":
                c.on_close(order.append, name)
            c.is_closing = True
        elif ev == mungo.EV_CLOSE and not c.is_listening:
            order.append("EV_CLOSE")

    _, port = listening(lambda url: mgr.listen(url, fn), "tcp")
    client = Client(mgr, port)
    client.send(b"x")
    client.until_ended()
    assert order == ["a", "b", "c", "EV_CLOSE"]
    client.close()
    mgr.close()
