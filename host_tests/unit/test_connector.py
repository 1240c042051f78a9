# Outgoing connections, and sockets that are wrapped.

import errno
import gc
import socket
import sys
import time

import mungo
from net import address, bound, listening, udp_peer
from raising import raised, raised_errno
from waiting import kinds, kinds_of, open_files, reads, recorder, turns, until

MIN_HEAP = "192k"


def manager(**limits):
    return mungo.Manager(datagram=2000, **limits)


def tcp_listener(backlog=5):
    sock, port = bound(socket.SOCK_STREAM)
    sock.listen(backlog)
    return port, sock


# --- outgoing TCP


def test_connect_and_close():
    mgr = manager()
    handler, events = recorder()
    port, listener = tcp_listener()
    c = mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    assert kinds(events) == kinds_of("OPEN", "RESOLVE")
    assert c.rem == "127.0.0.1:%d" % port
    until(lambda: len(events) == 3, mgr)
    assert kinds(events) == kinds_of("OPEN", "RESOLVE", "CONNECT")
    server = listener.accept()[0]
    assert c.send(b"hello")
    assert server.recv(10) == b"hello"
    server.send(b"1234")
    until(lambda: len(events) == 4, mgr)
    assert events[3] == (mungo.EV_READ, 4) and c.recv.read() == b"1234"
    server.close()
    until(lambda: not mgr.conns, mgr)
    assert kinds(events)[4:] == kinds_of("CLOSE")
    listener.close()
    assert mgr.close()


def test_connect_refused():
    mgr = manager()
    handler, events = recorder()
    port, sock = tcp_listener()
    sock.close()
    c = mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    assert kinds(events) == kinds_of("OPEN", "RESOLVE")
    c.send(b"this has no taker")
    until(lambda: not mgr.conns, mgr)
    assert kinds(events) == kinds_of("OPEN", "RESOLVE", "ERROR", "CLOSE")
    assert isinstance(events[2][1], str) and events[2][1]
    assert mgr.stats["failed"] == 1
    assert mgr.close()


class Refusing(Exception):
    pass


class Broken:
    """A socket that can't be set up. In the place of the module `socket` it is the next socket."""

    AF_INET = socket.AF_INET
    SOCK_DGRAM = socket.SOCK_DGRAM
    SOCK_STREAM = socket.SOCK_STREAM

    def __init__(self):
        self.closed = 0

    def getaddrinfo(self, host, port):
        return socket.getaddrinfo(host, port)

    def socket(self, *_):
        return self

    def setblocking(self, is_blocking):
        raise Refusing

    def close(self):
        self.closed += 1


def test_a_socket_that_can_not_be_set_up_is_closed():
    mgr = manager()
    one = Broken()
    module = sys.modules["mungo.core.connector"]
    module.socket = one
    try:
        for url in ("tcp://127.0.0.1:9", "udp://127.0.0.1:9"):
            raised(Refusing, mgr.connect, url, None)
    finally:
        module.socket = socket
    assert one.closed == 2
    listener, _ = listening(lambda url: mgr.listen(url, None), "tcp")
    raised(Refusing, listener.make_connection, one, None, None)
    assert one.closed == 3 and mgr.accepted == 0 and mgr.conns == [listener]
    assert mgr.close()


def test_a_socket_is_given_back_when_what_it_is_for_fails():
    # (The exceptions are kept, since CPython closes sockets that nobody refers to any more.)
    mgr = manager()
    taken, port = bound(socket.SOCK_STREAM)
    taken.listen(1)
    datagrams, udp_port = bound(socket.SOCK_DGRAM)
    gc.collect()
    files = open_files()
    kept = []
    for listen, url in (
        (mgr.listen, "tcp://127.0.0.1:%d" % port),
        (mgr.http_listen, "http://127.0.0.1:%d" % port),
        (mgr.listen, "udp://127.0.0.1:%d" % udp_port),
    ):
        kept.append(raised(OSError, listen, url, None))
        assert open_files() == files, url
    real = mgr.add

    def add(c):  # as for want of memory
        raise Refusing

    mgr.add = add
    free_port = bound(socket.SOCK_STREAM)
    free_port[0].close()
    for call, url in (
        (mgr.connect, "tcp://127.0.0.1:%d" % port),
        (mgr.connect, "udp://127.0.0.1:%d" % udp_port),
        (mgr.http_connect, "http://127.0.0.1:%d/" % port),
        (mgr.listen, "tcp://127.0.0.1:%d" % free_port[1]),
        (mgr.listen, "udp://127.0.0.1:%d" % free_port[1]),
    ):
        kept.append(raised(Refusing, call, url, None))
        assert open_files() == files and mgr.conns == [], url
    mgr.add = real
    wrapped = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    mgr.add = add
    kept.append(raised(Refusing, mgr.wrap, wrapped, None, None, True))
    kept.append(raised(Refusing, mgr.mkpipe, None, None, True))  # two of its own
    mgr.add = real
    assert open_files() == files + 1  # a socket that is wrapped stays its owner's
    wrapped.close()
    taken.close()
    datagrams.close()
    assert mgr.close() and len(kept) == 10


def test_connect_fails_at_once():
    mgr = manager()
    handler, events = recorder()
    mgr.connect("tcp://255.255.255.255:9", handler)
    assert kinds(events) == kinds_of("OPEN", "RESOLVE")  # never inside the call
    until(lambda: not mgr.conns, mgr)
    assert kinds(events) == kinds_of("OPEN", "RESOLVE", "ERROR", "CLOSE")
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
    assert kinds(events) == kinds_of("OPEN", "RESOLVE", "ERROR", "CLOSE")
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
    assert kinds(events) == kinds_of("OPEN", "RESOLVE")
    c.is_closing = True
    turns(mgr, 1)
    assert kinds(events)[2:] == kinds_of("CLOSE")
    mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    for sock in socks:
        sock.close()
    assert mgr.close()
    assert kinds(events)[3:] == kinds_of("OPEN", "RESOLVE", "CLOSE")


def test_linger_while_connecting():
    mgr = manager(linger_ms=20)
    handler, events = recorder()
    port, listener = tcp_listener()
    c = mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    c.linger()
    until(lambda: kinds(events)[-1:] == kinds_of("CLOSE"), mgr)
    assert mgr.stats["bugs"] == 0
    listener.close()
    mgr.close()


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
    assert events == kinds_of("OPEN", "RESOLVE", "CONNECT", "WRITE", "CLOSE")
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
    assert kinds(events) == kinds_of("OPEN", "RESOLVE", "CONNECT", "READ", "CLOSE")
    assert events[3][1] == b"hello"


def test_closed_on_connect():
    def act(c):
        c.is_closing = True

    assert kinds(greeting(act)) == kinds_of("OPEN", "RESOLVE", "CONNECT", "CLOSE")


def test_server_closes_at_once():
    mgr = manager()
    handler, events = recorder()
    port, listener = tcp_listener()
    mgr.connect("tcp://127.0.0.1:%d" % port, handler)
    listener.accept()[0].close()
    until(lambda: not mgr.conns, mgr)
    assert kinds(events) == kinds_of("OPEN", "RESOLVE", "CONNECT", "CLOSE")
    listener.close()
    assert mgr.close()


def test_handler_that_raises_on_connect():
    for when in kinds_of("OPEN", "RESOLVE", "CONNECT"):
        mgr = manager()
        events = []

        def handler(c, ev, data, fn_data):
            events.append(ev)  # noqa: B023
            if ev == when:  # noqa: B023
                raise ValueError("a bug on purpose")

        port, listener = tcp_listener()
        mgr.connect("tcp://127.0.0.1:%d" % port, handler)
        until(lambda: not mgr.conns, mgr)  # noqa: B023
        assert events[-2:] == kinds_of("ERROR", "CLOSE") and events.count(mungo.EV_CLOSE) == 1
        assert mgr.stats["bugs"] == 1
        listener.close()
        assert mgr.close()


def test_urls_that_cannot_be_are_refused():
    mgr = manager()
    for url in (
        "tcp://[a:b]:80",
        "tcp://[::1]x:80",
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
    assert kinds(events) == kinds_of("OPEN") and c.fn_data == "data"
    client.send(b"hello")
    until(lambda: len(events) == 2, mgr)
    assert events[1] == (mungo.EV_READ, 5) and c.recv.read() == b"hello"
    assert c.send(b"and back")
    assert client.recv(99) == b"and back"
    client.close()
    until(lambda: not mgr.conns, mgr)
    assert kinds(events)[2:] == kinds_of("CLOSE")
    assert raised_errno(server.send, b"x") == errno.EBADF  # it was the manager's
    listener.close()
    assert mgr.close()


def test_wrap_udp():
    mgr = manager()
    handler, events = recorder()
    sock, port = bound(socket.SOCK_DGRAM)
    other = udp_peer(port)
    other.send(b"who")
    sock.connect(sock.recvfrom(9)[1])
    c = mgr.wrap(sock, handler, udp=True)
    assert kinds(events) == kinds_of("OPEN")
    other.send(b"1")
    other.send(b"2")
    until(lambda: len(reads(events)) == 2, mgr)
    assert c.send(b"3") and other.recv(9) == b"3"
    other.close()
    assert mgr.close()
    assert kinds(events)[3:] == kinds_of("CLOSE")
