# Connections by name: the name is looked up, and the first of its addresses that answers is taken.

import errno
import socket
import time

import mungo
from dnsnet import A, NameServer, kind_of, message, name_of, record
from mungo.core import dialer
from net import Client, bound, free, listening
from raising import raised, raised_errno
from waiting import kinds, kinds_of, open_files, recorder, turns, until

MIN_HEAP = "320k"


def a(owner, n):
    return record(owner, A, bytes((127, 0, 0, n)))


def six(owner):
    """::1"""
    return record(owner, 28, bytes(15) + b"\1")


def answer_with(v4=(), v6=()):
    """A name server's answer: these last bytes of 127.0.0.x, and these records of IPv6."""

    def answer(packet):
        name = name_of(packet)
        return [message(packet, [a(name, n) for n in v4] if kind_of(packet) == A else [make(name) for make in v6])]

    return answer


class Site:
    """A manager, and another one with its name server."""

    def __init__(self, answer, **limits):
        self.server_mgr = mungo.Manager(datagram=2000)
        self.server = NameServer(self.server_mgr, answer)
        self.mgr = mungo.Manager(dns=self.server.text, datagram=2000, **limits)

    def until(self, ready, ms=20000):
        start = time.ticks_ms()
        while not ready():
            assert time.ticks_diff(time.ticks_ms(), start) < ms, [c.rem for c in self.mgr.conns]
            self.server_mgr.poll(0)
            self.mgr.poll(1)

    def close(self):
        assert self.mgr.conns == [] and not self.mgr.stats["bugs"], self.mgr.stats
        assert self.mgr.close() and self.server_mgr.close()


def listeners(*hosts, backlog=5):
    """Listeners at these addresses, all with one port: (sockets, port)."""

    def use(port):
        socks = []
        try:
            for host in hosts:
                info = socket.getaddrinfo(host, port)[0]
                socks.append(socket.socket(info[0], socket.SOCK_STREAM))
                socks[-1].bind(info[-1])
                socks[-1].listen(backlog)
        except OSError:
            for sock in socks:
                sock.close()
            raise
        return socks

    return free(use)


def listener():
    (sock,), port = listeners("127.0.0.1")
    return sock, port


def stuff(host, port):
    """Have a listener with a backlog of 0 answer nobody any more: its queue is full. Returns sockets."""
    socks = []
    info = socket.getaddrinfo(host, port)[0]
    for _ in range(4):
        socks.append(socket.socket(info[0], socket.SOCK_STREAM))
        socks[-1].setblocking(False)
        assert raised_errno(socks[-1].connect, info[-1]) == errno.EINPROGRESS
    return socks


def test_a_name_is_looked_up_and_connected_to():
    site = Site(answer_with((1,)))
    sock, port = listener()
    handler, events = recorder()
    c = site.mgr.connect("tcp://www.example.org:%d" % port, handler)
    assert kinds(events) == kinds_of("OPEN") and c.rem is None and c.is_connecting
    site.until(lambda: len(events) == 3)
    assert events == [(mungo.EV_OPEN, None), (mungo.EV_RESOLVE, "127.0.0.1"), (mungo.EV_CONNECT, None)]
    assert c.rem == "127.0.0.1:%d" % port and not c.is_connecting
    peer = sock.accept()[0]
    assert c.send(b"hello") and peer.recv(9) == b"hello"
    peer.send(b"1234")
    site.until(lambda: len(events) == 4)
    assert events[3] == (mungo.EV_READ, 4) and c.recv.read() == b"1234"
    peer.close()
    site.until(lambda: not site.mgr.conns)
    assert kinds(events)[4:] == kinds_of("CLOSE")
    sock.close()
    site.close()


def test_what_is_sent_before_the_address_is_known_waits():
    site = Site(answer_with((1,)))
    sock, port = listener()
    events = []

    def handler(c, ev, data, _):
        events.append(ev)
        if ev == mungo.EV_OPEN:
            assert c.send(b"open ")
        elif ev == mungo.EV_RESOLVE:
            assert c.send("resolve ")
        elif ev == mungo.EV_WRITE:
            c.is_draining = True

    c = site.mgr.connect("tcp://www.example.org:%d" % port, handler)
    assert c.send(b"after ")
    site.until(lambda: not site.mgr.conns)
    assert events == kinds_of("OPEN", "RESOLVE", "CONNECT", "WRITE", "CLOSE")
    peer = sock.accept()[0]
    peer.settimeout(5)
    assert peer.read() == b"open after resolve "
    peer.close()
    sock.close()
    site.close()


def test_a_name_without_an_address_is_an_error():
    for answer, text in (
        (lambda packet: [message(packet, flags=0x8183)], "NXDOMAIN"),
        (lambda packet: [message(packet, flags=0x8182)], "SERVFAIL"),
        (answer_with(), "no address"),
    ):
        site = Site(answer)
        handler, events = recorder()
        for url in ("tcp://www.example.org:80", "udp://www.example.org:80"):
            site.mgr.connect(url, handler)
            assert kinds(events) == kinds_of("OPEN")
            site.until(lambda: not site.mgr.conns)  # noqa: B023
            assert kinds(events) == kinds_of("OPEN", "ERROR", "CLOSE") and text in events[1][1] and "www.example.org" in events[1][1]
            events.clear()
        assert site.mgr.stats["failed"] == 2
        site.close()


def test_connect_ms_is_for_the_name_too():
    for url in ("tcp://www.example.org:80", "udp://www.example.org:80"):
        site = Site(lambda packet: [], connect_ms=150)
        handler, events = recorder()
        start = time.ticks_ms()
        site.mgr.connect(url, handler)
        while site.mgr.conns:
            site.mgr.poll(-1)  # nothing else wakes it
        assert 145 <= time.ticks_diff(time.ticks_ms(), start)
        assert kinds(events) == kinds_of("OPEN", "ERROR", "CLOSE") and events[1][1][:7] == "timeout"
        assert site.mgr.stats["timeouts"] == 1
        site.close()


def test_a_connection_that_closes_while_its_name_is_looked_up():
    site = Site(lambda packet: [])
    files = open_files()
    for url in ("tcp://www.example.org:80", "udp://www.example.org:80"):
        for n in range(4):
            handler, events = recorder()
            c = site.mgr.connect(url, handler)
            turns(site.mgr, n)
            c.is_closing = True
            turns(site.mgr, 2)
            assert kinds(events) == kinds_of("OPEN", "CLOSE"), n
            assert site.mgr.conns == [] and open_files() == files
    for when in kinds_of("OPEN", "RESOLVE"):
        site.server.answer = answer_with((1,))
        events = []

        def handler(c, ev, data, _):
            events.append(ev)  # noqa: B023
            if ev == when:  # noqa: B023
                c.is_closing = True

        site.mgr.connect("tcp://a%d.example.org:80" % when, handler)
        site.until(lambda: not site.mgr.conns)
        assert events == (kinds_of("OPEN", "CLOSE") if when == mungo.EV_OPEN else kinds_of("OPEN", "RESOLVE", "CLOSE"))
        assert open_files() == files
    site.close()


def test_a_manager_that_closes_while_names_are_looked_up():
    site = Site(lambda packet: [])
    handler, events = recorder()
    site.mgr.connect("tcp://www.example.org:80", handler)
    turns(site.mgr, 2)
    site.mgr.connect("udp://www.example.org:80", handler)
    assert site.mgr.close()
    assert kinds(events) == kinds_of("OPEN", "OPEN", "CLOSE", "CLOSE")
    raised(OSError, site.mgr.connect, "tcp://www.example.org:80", handler)
    assert site.server_mgr.close()


def test_a_handler_that_raises():
    for when in kinds_of("OPEN", "RESOLVE", "CONNECT"):
        site = Site(answer_with((1,)))
        sock, port = listener()
        events = []

        def handler(c, ev, data, _):
            events.append(ev)  # noqa: B023
            if ev == when:  # noqa: B023
                raise ValueError("a bug on purpose")

        site.mgr.connect("tcp://www.example.org:%d" % port, handler)
        site.until(lambda: not site.mgr.conns)  # noqa: B023
        assert events[-2:] == kinds_of("ERROR", "CLOSE") and events.count(mungo.EV_CLOSE) == 1
        assert site.mgr.stats["bugs"] == 1
        site.mgr.stats["bugs"] = 0
        sock.close()
        site.close()


def test_udp_by_name():
    site = Site(answer_with((1,)))
    sock, port = bound(socket.SOCK_DGRAM)
    sock.settimeout(5)
    handler, events = recorder()
    c = site.mgr.connect("udp://www.example.org:%d" % port, handler)
    assert not c.send(b"too early")
    site.until(lambda: len(events) == 3)
    assert events == [(mungo.EV_OPEN, None), (mungo.EV_RESOLVE, "127.0.0.1"), (mungo.EV_CONNECT, None)]
    assert c.send(b"hello")
    data, sender = sock.recvfrom(9)
    assert data == b"hello"
    sock.sendto(b"1", sender)
    site.until(lambda: len(events) == 4)
    assert events[3] == (mungo.EV_READ, b"1")
    c.is_closing = True
    site.until(lambda: not site.mgr.conns)
    assert kinds(events)[4:] == kinds_of("CLOSE")
    sock.close()
    site.close()


# --- several addresses


def test_ipv6_is_tried_first_and_wins():
    site = Site(answer_with((1,), (six,)))
    socks, port = listeners("::1", "127.0.0.1")
    handler, events = recorder()
    c = site.mgr.connect("tcp://both.example.org:%d" % port, handler)
    site.until(lambda: len(events) == 3)
    assert events[1] == (mungo.EV_RESOLVE, "0:0:0:0:0:0:0:1") and c.rem == "::1:%d" % port
    socks[1].setblocking(False)
    for _ in range(20):  # (it would have connected meanwhile)
        site.mgr.poll(20)
    try:
        socks[1].accept()
    except OSError as er:
        assert er.errno == errno.EAGAIN
    else:
        raise AssertionError("IPv4 was tried, though IPv6 is connected")
    c.is_closing = True
    site.until(lambda: not site.mgr.conns)
    for sock in socks:
        sock.close()
    site.close()


def test_the_next_address_follows_at_once_when_one_fails():
    sock, port = listener()  # nobody listens at ::1, 127.0.0.2 and 127.0.0.3
    site = Site(answer_with((2, 3, 1), (six,)))
    files = open_files()
    handler, events = recorder()
    c = site.mgr.connect("tcp://both.example.org:%d" % port, handler)
    site.until(lambda: len(events) == 3)
    assert kinds(events) == kinds_of("OPEN", "RESOLVE", "CONNECT") and c.rem == "127.0.0.1:%d" % port
    assert site.mgr.stats["failed"] == 0 and open_files() == files + 1
    c.is_closing = True
    site.until(lambda: not site.mgr.conns)
    sock.close()
    site.close()


def test_when_all_addresses_fail_that_is_the_error():
    site = Site(answer_with((1, 2), (six,)))
    files = open_files()
    sock, port = listener()
    sock.close()
    handler, events = recorder()
    site.mgr.connect("tcp://both.example.org:%d" % port, handler)
    site.until(lambda: not site.mgr.conns)
    assert kinds(events) == kinds_of("OPEN", "RESOLVE", "ERROR", "CLOSE") and str(errno.ECONNREFUSED) in events[2][1]
    assert site.mgr.stats["failed"] == 1 and open_files() == files
    site.close()


def test_an_address_that_does_not_answer_is_left_behind_after_250_ms():
    (full, good), port = listeners("::1", "127.0.0.1", backlog=0)
    socks = [full, good] + stuff("::1", port)
    site = Site(answer_with((1,), (six,)))
    files = open_files()
    handler, events = recorder()
    tries = []
    real = dialer.open_socket

    def open_socket(host, port, udp):
        tries.append((host, site.mgr.now))
        return real(host, port, udp)

    dialer.open_socket = open_socket
    c = site.mgr.connect("tcp://both.example.org:%d" % port, handler)
    site.until(lambda: len(events) == 3)
    dialer.open_socket = real
    assert kinds(events) == kinds_of("OPEN", "RESOLVE", "CONNECT") and c.rem == "127.0.0.1:%d" % port
    assert [host for host, _ in tries] == ["0:0:0:0:0:0:0:1", "127.0.0.1"]
    assert time.ticks_diff(tries[1][1], tries[0][1]) >= 250
    assert open_files() == files + 1  # the other one is closed
    peer = good.accept()[0]
    assert c.send(b"hello") and peer.recv(9) == b"hello"
    c.is_closing = True
    site.until(lambda: not site.mgr.conns)
    assert open_files() == files + 1
    for sock in socks + [peer]:
        sock.close()
    site.close()


def test_two_addresses_that_do_not_answer_are_a_timeout_and_leave_nothing_open():
    socks, port = listeners("127.0.0.1", "127.0.0.2", backlog=0)
    socks += stuff("127.0.0.1", port) + stuff("127.0.0.2", port)
    site = Site(answer_with((1, 2)), connect_ms=700)
    files = open_files()
    for act in ("wait", "close"):
        handler, events = recorder()
        c = site.mgr.connect("tcp://slow.example.org:%d" % port, handler)
        site.until(lambda: open_files() == files + 2)
        if act == "close":
            c.is_closing = True
        site.until(lambda: not site.mgr.conns)
        assert kinds(events) == (kinds_of("OPEN", "RESOLVE", "ERROR", "CLOSE") if act == "wait" else kinds_of("OPEN", "RESOLVE", "CLOSE"))
        assert act == "close" or events[2][1][:7] == "timeout"
        assert open_files() == files
    for sock in socks:
        sock.close()
    site.close()


def test_urls_that_cannot_be_are_refused():
    site = Site(lambda packet: [])
    for url in (
        "tcp://example.com",
        "tcp://example.com:",
        "tcp://example.com:99999",
        "tcp://exa mple.com:80",
        "tcp://example..com:80",
        "tcp://user@example.com:80",
        "tcp://1.2.3:80",
        "tcp://some:name:80",
        "tcp://[a:b]:80",
        "tcp://[example.com]:80",
        "udp://a_b!.c:80",
        "xyz://example.com:80",
    ):
        raised(ValueError, site.mgr.connect, url, None)
    for url in ("tcp://example.com:80", "udp://example.com:80"):
        raised(ValueError, site.mgr.listen, url, None)
    raised(ValueError, site.mgr.http_listen, "http://example.com:80", None)
    assert site.server.asked == []
    site.close()


def test_the_families_alternate():
    for addresses, expected in (
        (("1", "2", "a:"), ["a:", "1", "2"]),
        (("a:", "b:", "c:", "1"), ["a:", "1", "b:", "c:"]),
        (("1",), ["1"]),
        ((), []),
    ):
        assert dialer.by_turns(addresses) == expected


def test_twenty_names_without_an_answer_delay_nobody():
    site = Site(lambda packet: [])

    def fast(c, ev, hm, _):
        if ev == mungo.EV_HTTP_MSG:
            c.http_reply(200, {}, "hi\n")

    port = listening(lambda url: site.mgr.http_listen(url, fast))[1]
    client = Client(site.mgr, port)
    handler, events = recorder()
    for n in range(20):
        site.mgr.connect("tcp://n%d.example.org:80" % n, handler)
    turns(site.mgr, 1)
    for n in range(1, 51):
        client.send(b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n")
        client.until(lambda c: c.got.count(b"hi\n") == n)  # noqa: B023
    assert events == [(mungo.EV_OPEN, None)] * 20  # none of them has ended meanwhile
    client.close()
    for c in list(site.mgr.conns):
        c.is_closing = True
    turns(site.mgr, 2)
    site.close()


def test_no_name_is_left_to_the_system():
    asked = []

    class Watched:
        """The module socket, for the files that use getaddrinfo."""

        def __getattr__(self, name):
            return getattr(socket, name)

        def getaddrinfo(self, host, port, *more):
            asked.append(host)
            return socket.getaddrinfo(host, port, *more)

    names = ("core.connector", "core.dialer", "core.udp", "dns.resolver")
    modules = [__import__("mungo." + name, None, None, ("socket",)) for name in names]
    site = Site(answer_with((1,), (six,)))
    sock, port = listener()
    watched = Watched()
    for module in modules:
        module.socket = watched
    handler, events = recorder()
    for url in ("tcp://a.example.org:%d", "udp://b.example.org:%d", "tcp://localhost:%d", "tcp://127.0.0.1:%d", "tcp://[::1]:%d"):
        site.mgr.connect(url % port, handler)
    site.mgr.resolve("c.example.org", lambda addresses, error: events.append((None, addresses)))
    site.until(lambda: len([ev for ev, _ in events if ev in (mungo.EV_CONNECT, mungo.EV_ERROR, None)]) == 6)
    for module in modules:
        module.socket = socket
    assert len(asked) > 6 and not [host for host in asked if host.strip("0123456789.") and ":" not in host], asked
    for c in list(site.mgr.conns):
        c.is_closing = True
    turns(site.mgr, 2)
    sock.close()
    site.close()


def test_no_memory_and_no_descriptor_are_errors_of_the_question():
    for kind in (MemoryError, lambda: OSError(24)):
        site = Site(answer_with((1,)))
        real = socket.socket
        files = open_files()
        resolver = __import__("mungo.dns.resolver", None, None, ("socket",))

        class Short:
            AF_INET = socket.AF_INET
            SOCK_DGRAM = socket.SOCK_DGRAM
            getaddrinfo = socket.getaddrinfo

            def socket(*_):
                raise kind()  # noqa: B023

        resolver.socket = Short
        handler, events = recorder()
        done = []
        site.mgr.connect("tcp://www.example.org:80", handler)
        site.mgr.resolve("b.example.org", lambda addresses, error: done.append((addresses, error)))  # noqa: B023
        until(lambda: not site.mgr.conns, site.mgr)  # noqa: B023
        resolver.socket = socket
        assert kinds(events) == kinds_of("OPEN", "ERROR", "CLOSE") and events[1][1]
        assert len(done) == 1 and done[0][0] == () and done[0][1]
        assert open_files() == files and real is socket.socket
        site.close()
