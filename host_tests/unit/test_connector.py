# Datagrams, outgoing connections, sockets that are wrapped, and the bare pipe.

import errno
import socket
import time

import mungo
from net import address, bound, listening
from raising import raised, raised_errno
from waiting import reads, recorder, turns, until

MIN_HEAP = "160k"

EPIPE = 32
EMSGSIZE = 90


def manager(**limits):
    return mungo.Manager(datagram=2000, **limits)


def udp_listen(mgr, handler):
    """The listener, and its port."""
    return listening(lambda url: mgr.listen(url, handler), "udp")


def tcp_listener(backlog=5):
    sock, port = bound(socket.SOCK_STREAM)
    sock.listen(backlog)
    return port, sock


def peer(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(address(port))
    sock.settimeout(5)
    return sock


def kinds(events):
    return [ev for ev, _ in events]


def rows(*names):
    return [getattr(mungo, "EV_" + name) for name in names]


# --- UDP


def test_udp_echo_and_rem():
    mgr = manager()
    seen = []

    def handler(c, ev, data, fn_data):
        seen.append((ev, data, c.rem))
        if ev == mungo.EV_READ:
            assert c.send(b"re: " + data)

    c, port = udp_listen(mgr, handler)
    assert seen == [(mungo.EV_OPEN, None, None)]
    one, two = peer(port), peer(port)
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
    assert kinds(events) == rows("OPEN", "RESOLVE", "CONNECT")
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
    assert kinds(events)[5:] == rows("CLOSE")
    server.close()
    assert mgr.close()


def test_udp_send_that_fails():
    mgr = manager()
    handler, events = recorder()
    server, port = udp_listen(mgr, handler)
    raised(ValueError, server.send, b"to whom?")
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
    assert kinds(events) == rows("OPEN", "RESOLVE", "CONNECT")
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
    sender, other_sender = peer(port), peer(other_port)
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
    sender = peer(port)
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
    sender = peer(port)
    sender.send(b"")
    sender.send(b"x")
    until(lambda: reads(events), mgr)
    assert reads(events) == [b"x"]
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
    sender = peer(port)
    for data in (b"bad", b"good"):
        sender.send(data)
        until(lambda: data in got, mgr)  # noqa: B023
    turns(mgr, 1)
    assert mgr.stats["bugs"] == 1 and mgr.conns == [server]
    sender.close()
    assert mgr.close()


# --- outgoing TCP


def test_connect_and_close():
    mgr = manager()
    handler, events = recorder()
    port, listener = tcp_listener()
    c = mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    assert kinds(events) == rows("OPEN", "RESOLVE")
    assert c.rem == "127.0.0.1:%d" % port
    until(lambda: len(events) == 3, mgr)
    assert kinds(events) == rows("OPEN", "RESOLVE", "CONNECT")
    server = listener.accept()[0]
    assert c.send(b"hello")
    assert server.recv(10) == b"hello"
    server.send(b"1234")
    until(lambda: len(events) == 4, mgr)
    assert events[3] == (mungo.EV_READ, 4) and c.recv.read() == b"1234"
    server.close()
    until(lambda: not mgr.conns, mgr)
    assert kinds(events)[4:] == rows("CLOSE")
    listener.close()
    assert mgr.close()


def test_connect_refused():
    mgr = manager()
    handler, events = recorder()
    port, sock = tcp_listener()
    sock.close()
    c = mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    assert kinds(events) == rows("OPEN", "RESOLVE")
    c.send(b"this has no taker")
    until(lambda: not mgr.conns, mgr)
    assert kinds(events) == rows("OPEN", "RESOLVE", "ERROR", "CLOSE")
    assert isinstance(events[2][1], str) and events[2][1]
    assert mgr.stats["failed"] == 1
    assert mgr.close()


def test_connect_fails_at_once():
    mgr = manager()
    handler, events = recorder()
    mgr.connect("tcp://255.255.255.255:9", handler)
    assert kinds(events) == rows("OPEN", "RESOLVE")  # never inside the call
    until(lambda: not mgr.conns, mgr)
    assert kinds(events) == rows("OPEN", "RESOLVE", "ERROR", "CLOSE")
    assert mgr.close()


# A listener whose queue is full answers nothing: a connection that stays on its way.
def deaf_listener():
    port, listener = tcp_listener(0)
    clients = []
    for _ in range(4):
        sock = socket.socket()
        sock.setblocking(False)
        assert raised_errno(sock.connect, address(port)) == errno.EINPROGRESS
        clients.append(sock)
    return port, clients + [listener]


def test_connect_timeout():
    mgr = manager(connect_ms=150)
    handler, events = recorder()
    port, socks = deaf_listener()
    time.sleep_ms(200)  # longer than connect_ms after the manager's last turn: that must not count
    start = time.ticks_ms()
    mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    while mgr.conns and time.ticks_diff(time.ticks_ms(), start) < 5000:
        mgr.poll(-1)  # nothing else wakes it
    assert 145 <= time.ticks_diff(time.ticks_ms(), start) < 700
    assert kinds(events) == rows("OPEN", "RESOLVE", "ERROR", "CLOSE")
    assert "timeout" in events[2][1]
    assert mgr.stats["timeouts"] == 1
    for sock in socks:
        sock.close()
    assert mgr.close()


def test_close_while_connecting():
    mgr = manager()
    handler, events = recorder()
    port, socks = deaf_listener()
    c = mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    turns(mgr, 2)
    assert kinds(events) == rows("OPEN", "RESOLVE")
    c.is_closing = True
    turns(mgr, 1)
    assert kinds(events)[2:] == rows("CLOSE")
    mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    for sock in socks:
        sock.close()
    assert mgr.close()
    assert kinds(events)[3:] == rows("OPEN", "RESOLVE", "CLOSE")


def test_data_sent_before_it_is_connected():
    mgr = manager()
    events = []

    def handler(c, ev, data, fn_data):
        events.append(ev)
        if ev == mungo.EV_OPEN:
            assert c.send(b"open ")
        elif ev == mungo.EV_RESOLVE:
            assert c.send("resolve ")
        elif ev == mungo.EV_CONNECT:
            assert c.send(b"connect ")
        elif ev == mungo.EV_WRITE:
            c.send(b"write")
            c.is_draining = True

    port, listener = tcp_listener()
    c = mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    c.send(bytearray(b"after "))
    until(lambda: not mgr.conns, mgr)
    assert events == rows("OPEN", "RESOLVE", "CONNECT", "WRITE", "CLOSE")
    server = listener.accept()[0]
    server.settimeout(5)
    assert server.read() == b"open resolve after connect write"
    server.close()
    listener.close()
    assert mgr.close()


def greeting(act=None):
    """Events of a client whose server greets and closes before the client has looked."""
    mgr = manager()
    events = []

    def handler(c, ev, data, fn_data):
        events.append((ev, c.recv.read() if ev == mungo.EV_READ else None))
        if ev == mungo.EV_CONNECT and act is not None:
            act(c)

    port, listener = tcp_listener()
    mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    server = listener.accept()[0]
    server.send(b"hello")
    server.close()
    until(lambda: not mgr.conns, mgr)
    listener.close()
    assert mgr.close()
    assert not mgr.stats["bugs"]
    return events


def test_server_speaks_first():
    events = greeting()
    assert kinds(events) == rows("OPEN", "RESOLVE", "CONNECT", "READ", "CLOSE")
    assert events[3][1] == b"hello"


def test_closed_on_connect():
    def act(c):
        c.is_closing = True

    assert kinds(greeting(act)) == rows("OPEN", "RESOLVE", "CONNECT", "CLOSE")


def test_server_closes_at_once():
    mgr = manager()
    handler, events = recorder()
    port, listener = tcp_listener()
    mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    listener.accept()[0].close()
    until(lambda: not mgr.conns, mgr)
    assert kinds(events) == rows("OPEN", "RESOLVE", "CONNECT", "CLOSE")
    listener.close()
    assert mgr.close()


def test_handler_that_raises_on_connect():
    for when in rows("OPEN", "RESOLVE", "CONNECT"):
        mgr = manager()
        events = []

        def handler(c, ev, data, fn_data):
            events.append(ev)  # noqa: B023
            if ev == when:  # noqa: B023
                raise ValueError("a bug on purpose")

        port, listener = tcp_listener()
        mgr.connect("tcp://127.0.0.1:%d" % port, handler)
        until(lambda: not mgr.conns, mgr)  # noqa: B023
        assert events[-2:] == rows("ERROR", "CLOSE") and events.count(mungo.EV_CLOSE) == 1
        assert mgr.stats["bugs"] == 1
        listener.close()
        assert mgr.close()


def test_names_are_refused():
    mgr = manager()
    for url in (
        "tcp://example.com:80",
        "udp://a.b:80",
        "http://127.0.0.1:80",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:",
        "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:-1",
        "127.0.0.1:80",
        "tcp:127.0.0.1:80",
        "",
    ):
        raised(ValueError, mgr.connect, url, None)
    for url in ("udp://example.com:80", "udp://127.0.0.1", "udp:", "tcp://name:80"):
        raised(ValueError, mgr.listen, url, None)
    assert mgr.conns == []
    assert mgr.close()


# --- wrap


def test_wrap_tcp():
    mgr = manager()
    handler, events = recorder()
    port, listener = tcp_listener()
    client = socket.socket()
    client.connect(address(port))
    server = listener.accept()[0]
    c = mgr.wrap(server, handler, "data")
    assert kinds(events) == rows("OPEN") and c.fn_data == "data"
    client.send(b"hello")
    until(lambda: len(events) == 2, mgr)
    assert events[1] == (mungo.EV_READ, 5) and c.recv.read() == b"hello"
    assert c.send(b"and back")
    assert client.recv(99) == b"and back"
    client.close()
    until(lambda: not mgr.conns, mgr)
    assert kinds(events)[2:] == rows("CLOSE")
    assert raised_errno(server.send, b"x") == errno.EBADF  # it was the manager's
    listener.close()
    assert mgr.close()


def test_wrap_udp():
    mgr = manager()
    handler, events = recorder()
    sock, port = bound(socket.SOCK_DGRAM)
    other = peer(port)
    other.send(b"who")
    sock.connect(sock.recvfrom(9)[1])
    c = mgr.wrap(sock, handler, udp=True)
    assert kinds(events) == rows("OPEN")
    other.send(b"1")
    other.send(b"2")
    until(lambda: len(reads(events)) == 2, mgr)
    assert c.send(b"3") and other.recv(9) == b"3"
    other.close()
    assert mgr.close()
    assert kinds(events)[3:] == rows("CLOSE")


# --- mkpipe(udp=True): what barepipe.py tabulates


def test_bare_pipe():
    mgr = manager(max_pipes=1)
    handler, events = recorder()
    mgr.mkpipe(None).close()
    turns(mgr, 2)
    ends = mgr.mkpipe(handler, "data", udp=True)
    c2 = mgr.conns[-1]
    assert events == [(mungo.EV_OPEN, None)] and c2.fn_data == "data"
    assert ends.send(b"one") == 3
    ends.send(b"two")
    until(lambda: len(events) == 3, mgr)
    assert reads(events) == [b"one", b"two"]
    assert c2.send(b"to the worker")
    assert ends.recv(99) == b"to the worker"  # it blocks
    assert ends.send(bytes(1472)) == 1472
    assert raised_errno(ends.send, bytes(65508)) == EMSGSIZE
    until(lambda: len(events) == 4, mgr)
    # The worker's close is not heard of.
    ends.close()
    turns(mgr, 3)
    assert len(events) == 4 and c2 in mgr.conns
    c2.is_closing = True
    turns(mgr, 1)
    assert events[4:] == [(mungo.EV_CLOSE, None)]
    assert mgr.close()


def test_bare_pipe_loses_what_does_not_fit():
    mgr = manager()
    got = [0]

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            got[0] += 1

    end = mgr.mkpipe(handler, udp=True)
    for _ in range(3000):
        end.send(b"x" * 100)
    turns(mgr, 200)
    assert 0 < got[0] < 3000, got
    end.close()
    assert mgr.close()


def test_bare_pipe_whose_client_leaves():
    mgr = manager()
    end = mgr.mkpipe(None, udp=True)
    mgr.conns[-1].is_closing = True
    turns(mgr, 1)

    def send():
        for _ in range(3):
            end.send(b"x")

    assert raised_errno(send) == errno.ECONNREFUSED
    end.close()
    assert mgr.close()
