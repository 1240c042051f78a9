# Datagrams: sockets that listen and sockets that are connected.

import errno
import socket
import time

import mungo
from net import bound, listening, udp_peer
from raising import raised, raised_errno
from waiting import kinds, kinds_of, open_files, reads, recorder, turns, until

MIN_HEAP = "192k"


def manager(**limits):
    return mungo.Manager(datagram=2000, **limits)


def udp_listen(mgr, handler):
    """The listener, and its port."""
    return listening(lambda url: mgr.listen(url, handler), "udp")


def test_udp_echo_and_rem():
    mgr = manager()
    seen = []

    def handler(c, ev, data, fn_data):
        seen.append((ev, data, c.rem))
        if ev == mungo.EV_READ:
            assert c.send(b"re: " + data)

    c, port = udp_listen(mgr, handler)
    assert seen == [(mungo.EV_OPEN, None, None)]
    one, two = udp_peer(port), udp_peer(port)
    for sock, data in ((one, b"1"), (two, b"22"), (one, b"333")):
        sock.send(data)
        until(lambda: seen[-1][1] == data, mgr)  # noqa: B023
        assert sock.recv(10) == b"re: " + data
    rems = [rem for _, _, rem in seen[1:]]
    assert rems[0] == rems[2] != rems[1]
    assert all(rem.startswith("127.0.0.1:") for rem in rems)
    one.close()
    two.close()
    assert mgr.close()
    assert seen[-1][0] == mungo.EV_CLOSE


def test_udp_connect():
    mgr = manager()
    handler, events = recorder()
    server, port = bound(socket.SOCK_DGRAM)
    c = mgr.connect("udp://127.0.0.1:%d" % port, handler)
    assert kinds(events) == kinds_of("OPEN", "RESOLVE", "CONNECT")
    assert c.rem == "127.0.0.1:%d" % port
    for data in (b"bytes", bytearray(b"array"), memoryview(b"view"), "text"):
        assert c.send(data)
    server.settimeout(5)
    got = [server.recvfrom(99) for _ in range(4)]
    assert [data for data, _ in got] == [b"bytes", b"array", b"view", b"text"]
    server.sendto(b"1", got[0][1])
    server.sendto(b"2", got[0][1])
    until(lambda: len(events) == 5, mgr)
    assert reads(events) == [b"1", b"2"]  # a datagram each
    c.is_closing = True
    assert not c.send(b"late")
    turns(mgr, 1)
    assert kinds(events)[5:] == kinds_of("CLOSE")
    server.close()
    assert mgr.close()


def test_udp_send_that_fails():
    mgr = manager()
    handler, events = recorder()
    server, port = udp_listen(mgr, handler)
    assert server.send(b"to whom?") is False and not mgr.stats["undelivered"]
    c = mgr.connect("udp://127.0.0.1:%d" % port, handler)
    for data in (b"", "", bytearray()):
        raised(ValueError, c.send, data)
    assert c.send(bytes(65508)) is False  # too long
    assert mgr.stats["undelivered"] == 1
    assert c.send(b"x")
    until(lambda: reads(events), mgr)
    assert reads(events) == [b"x"]
    assert len(mgr.conns) == 2
    assert mgr.close()


def test_udp_nobody_is_there():
    # The answer to a datagram is that nobody listens: the next may be lost, the connection goes on.
    mgr = manager()
    handler, events = recorder()
    sock, port = bound(socket.SOCK_DGRAM)
    sock.close()
    c = mgr.connect("udp://127.0.0.1:%d" % port, handler)
    for _ in range(4):
        c.send(b"x")
        turns(mgr, 2)
    assert kinds(events) == kinds_of("OPEN", "RESOLVE", "CONNECT")
    server = mgr.listen("udp://127.0.0.1:%d" % port, handler)
    until(lambda: c.send(b"hello") and b"hello" in reads(events), mgr)
    assert server in mgr.conns and c in mgr.conns
    assert mgr.close()


def test_udp_port_is_taken():
    mgr = manager()
    server, port = udp_listen(mgr, None)
    assert raised_errno(mgr.listen, "udp://127.0.0.1:%d" % port, None) == errno.EADDRINUSE
    assert mgr.conns == [server]
    assert mgr.close()


def test_udp_budget():
    # One socket's datagrams don't keep the others waiting; none is lost by that.
    mgr = manager()
    handler, events = recorder()
    other, others = recorder()
    _, port = udp_listen(mgr, handler)
    _, other_port = udp_listen(mgr, other)
    sender, other_sender = udp_peer(port), udp_peer(other_port)
    for i in range(50):
        sender.send(b"%d" % i)
    other_sender.send(b"other")
    turned = until(lambda: reads(others), mgr)
    assert turned == 1
    assert len(reads(events)) <= 16
    turned += until(lambda: len(reads(events)) == 50, mgr)
    assert turned == 4, turned
    assert reads(events) == [b"%d" % i for i in range(50)]
    sender.close()
    other_sender.close()
    assert mgr.close()


def test_udp_is_full():
    mgr = manager()
    handler, events = recorder()
    c, port = udp_listen(mgr, handler)
    sender = udp_peer(port)
    c.is_full = True
    sender.send(b"1")
    sender.send(b"2")
    start = time.ticks_ms()
    mgr.poll(50)
    assert time.ticks_diff(time.ticks_ms(), start) >= 45  # it does not spin
    assert reads(events) == []
    c.is_full = False
    until(lambda: len(reads(events)) == 2, mgr)
    sender.close()
    assert mgr.close()


def test_udp_empty_datagram():
    mgr = manager()
    handler, events = recorder()
    _, port = udp_listen(mgr, handler)
    sender = udp_peer(port)
    sender.send(b"")
    sender.send(b"x")
    until(lambda: reads(events), mgr)
    assert reads(events) == [b"x"]
    sender.close()
    assert mgr.close()


def test_a_socket_that_is_made_anew_takes_the_place_of_the_old_one():
    mgr = manager()
    handler, events = recorder()
    server, port = udp_listen(mgr, handler)
    sender = udp_peer(port)
    files = open_files()
    old = server.sock  # (kept: CPython closes what nobody refers to)
    server.reopen()
    assert open_files() == files and server.sock is not old and mgr.stats["reopened"] == 1
    sender.send(b"x")
    until(lambda: reads(events) == [b"x"], mgr)
    sender.close()
    assert mgr.close()


def test_udp_handler_that_raises():
    # A datagram on which the handler fails ends a connection, but not the listener: it serves others too.
    mgr = manager()
    got = []

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            got.append(data)
            if data == b"bad":
                raise ValueError("a bug on purpose")

    server, port = udp_listen(mgr, handler)
    sender = udp_peer(port)
    for data in (b"bad", b"good"):
        sender.send(data)
        until(lambda: data in got, mgr)  # noqa: B023
    turns(mgr, 1)
    assert mgr.stats["bugs"] == 1 and mgr.conns == [server]
    sender.close()
    assert mgr.close()
