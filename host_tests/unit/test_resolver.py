# Looking up names: a name server that answers as the tests say, in the same manager.

import errno
import os
import socket
import sys
import time

import mungo
import mungo.dns.nearby
import mungo.dns.resolver
import mungo.port.names
from dnsnet import AAAA, A, NameServer, a, aaaa, cname, kind_of, message, name_of, soa
from mungo.port.names import name_servers, read_words
from net import bound, udp_peer
from raising import raised, raised_errno
from waiting import open_files, turns, until

MIN_HEAP = "224k"

SIX = "fd00:0:0:0:0:0:0:7"


class Site:
    """A manager that asks the name server `answer`, and what has come of its lookups."""

    def __init__(self, answer, more=(), **limits):
        self.server_mgr = mungo.Manager(datagram=2000)
        self.server = NameServer(self.server_mgr, answer)
        self.mgr = mungo.Manager(dns=[self.server.text] + list(more), datagram=2000, **limits)
        self.done = []

    def resolve(self, *names):
        """Begin to look up these names."""
        return [self.mgr.resolve(name, self.hear(name)) for name in names]

    def hear(self, name):
        def fn(addresses, error):
            self.done.append((name, addresses, error))

        return fn

    def look(self):
        self.server_mgr.poll(0)
        self.mgr.poll(1)

    def until(self, ready, ms=20000):
        start = time.ticks_ms()
        while not ready():
            assert time.ticks_diff(time.ticks_ms(), start) < ms, (self.done, self.server.names())
            self.look()

    def ask(self, *names):
        """Look up these names, one after the other, and return (addresses, error) of the last."""
        for name in names:
            n = len(self.done)
            self.resolve(name)
            assert len(self.done) == n  # never inside the call
            self.until(lambda: len(self.done) > n)  # noqa: B023
            assert len(self.done) == n + 1
        return self.done[-1][1:]

    def close(self):
        assert self.mgr.conns == [] and not self.mgr.stats["bugs"], self.mgr.stats
        assert self.mgr.close() and self.server_mgr.close()


def with_tcp(site, answer, on_tcp, fn_data=None):
    """A name server that takes connections, too; in the place of the site's."""
    while True:
        server = NameServer(site.server_mgr, answer)
        try:
            site.server_mgr.listen("tcp://" + server.text, on_tcp, fn_data)
            break
        except OSError:  # something else uses this port
            server.c.is_closing = True
    site.mgr.dns = ["udp://" + server.text]
    return server


def both(packet):
    """An answer with both families."""
    return [message(packet, [a(name_of(packet), "10.1.2.3") if kind_of(packet) == A else aaaa(name_of(packet), 7)])]


def only_a(packet):
    """An answer with an IPv4 address; there is no IPv6."""
    return [message(packet, [a(name_of(packet), "10.1.2.3")] if kind_of(packet) == A else ())]


def test_a_name_has_both_families():
    site = Site(both)
    addresses, error = site.ask("www.example.org")
    assert sorted(addresses) == ["10.1.2.3", SIX] and error is None
    assert sorted(site.server.names()) == [("www.example.org", A), ("www.example.org", AAAA)]
    site.close()


def test_names_are_compared_without_case_and_without_the_last_dot():
    site = Site(only_a)
    assert site.ask("WWW.Example.org.") == (("10.1.2.3",), None)
    assert site.server.names()[0][0] == "www.example.org"
    assert site.ask("www.example.ORG") == (("10.1.2.3",), None)
    assert len(site.server.asked) == 2  # the second is from the cache
    site.close()


def test_there_is_a_socket_only_while_a_question_is_open():
    site = Site(only_a)
    files = open_files()
    site.resolve("a.org", "b.org", "c.org")
    assert open_files() == files
    site.mgr.poll(0)
    assert open_files() == files + 1 and len(site.mgr.conns) == 1
    site.until(lambda: len(site.done) == 3)
    assert open_files() == files and site.mgr.conns == []
    assert site.ask("10.0.0.7", "a.org", "localhost") and open_files() == files
    site.close()


def test_ids_and_ports_cannot_be_foreseen():
    site = Site(only_a)
    site.ask(*["n%d.org" % n for n in range(12)])
    ids = {packet[:2] for packet in site.server.asked}
    ports = {sender for sender in site.server.senders}
    assert len(site.server.asked) == 24 and len(ids) > 20 and len(ports) > 10
    site.close()


def test_an_address_is_its_own_and_localhost_is_known():
    site = Site(only_a)
    for name in ("10.0.0.7", "fd00::7", "::1", "255.255.255.255"):
        assert site.ask(name) == ((name,), None)
    addresses, error = site.ask("localhost")
    assert "127.0.0.1" in addresses and error is None
    assert site.server.asked == []
    site.close()


def test_what_is_no_host_name_is_refused():
    site = Site(only_a)
    for name in (
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "a.b..",
        "a b",
        "a\r\nb",
        "a/b",
        "a:b",
        "a@b",
        "[::1]",
        "fd00::g",
        "münchen.de",
        "*.org",
        "1.2.3",
        "1.2.3.256",
        "1.2.3.4.5",
        "org.1",
        "x" * 64,
        "x" * 64 + ".org",
        ".".join(["x" * 63] * 4),
        "a.\0",
    ):
        assert repr(name) in str(raised(ValueError, site.mgr.resolve, name, None)), name
    assert site.mgr.conns == []
    for name in ("a", "xn--mnchen-3ya.de", "a-b_c.d1", "4.com", "x" * 63, ".".join(["x" * 63] * 3 + ["x" * 61])):
        assert site.ask(name) == (("10.1.2.3",), None), name
    site.close()


def test_servers_are_addresses():
    for dns in ("", "name", "1.2.3", ("10.0.0.1", "name"), "10.0.0.1:99999", "[::1", "10.0.0.1:", "udp://10.0.0.1", [""]):
        raised(ValueError, mungo.Manager, dns=dns)
    for dns, urls in (
        ("10.0.0.1", ["udp://10.0.0.1:53"]),
        (("10.0.0.1", "10.0.0.2:5353"), ["udp://10.0.0.1:53", "udp://10.0.0.2:5353"]),
        (["fd00::1", "[fd00::2]:5353", "[::1]"], ["udp://[fd00::1]:53", "udp://[fd00::2]:5353", "udp://[::1]:53"]),
    ):
        with mungo.Manager(dns=dns) as mgr:
            assert mgr.dns == urls


def test_without_a_server_the_error_says_so():
    mgr = mungo.Manager(dns=())
    done = []
    mgr.resolve("a.org", lambda addresses, error: done.append((addresses, error)))
    until(lambda: done, mgr)
    assert done[0][0] == () and "no name server" in done[0][1] and "dns=" in done[0][1] and "a.org" in done[0][1]
    assert mgr.close()


# --- names that end in .local


class Nearby:
    """Devices nearby that answer as `answer` says: a socket in the place of the multicast group."""

    def __init__(self, answer):
        self.site = Site(only_a)
        self.devices = NameServer(self.site.server_mgr, answer)
        self.real = mungo.dns.nearby.GROUP
        mungo.dns.nearby.GROUP = "udp://" + self.devices.text

    def close(self):
        mungo.dns.nearby.GROUP = self.real
        self.site.close()


def test_names_that_end_in_local_are_asked_of_the_devices_nearby():
    near = Nearby(both)
    assert near.real == "udp://224.0.0.251:5353"
    addresses, error = near.site.ask("Kitchen.local.")
    assert sorted(addresses) == ["10.1.2.3", SIX] and error is None
    assert sorted(near.devices.names()) == [("kitchen.local", A), ("kitchen.local", AAAA)]
    assert near.site.ask("kitchen.local")[1] is None and len(near.devices.asked) == 2  # from the cache
    assert near.site.server.asked == []  # no name server hears of them
    near.close()
    site = Site(only_a)  # and no others are
    assert site.ask("kitchen.local.org") == (("10.1.2.3",), None)
    assert site.ask("local") == (("10.1.2.3",), None)
    site.close()


def test_any_device_may_answer_for_a_local_name_but_for_no_other():
    near = Nearby(lambda packet: [])
    site = near.site
    site.server.answer = near.devices.answer
    site.resolve("kitchen.local", "a.org")
    site.until(lambda: len(near.devices.asked) == 2 and len(site.server.asked) == 2)
    stranger = udp_peer(int(site.server.senders[0].split(":")[1]))
    for packet in site.server.asked + near.devices.asked:
        stranger.send(message(packet, [a(name_of(packet), "10.6.6.6")] if kind_of(packet) == A else [aaaa(name_of(packet), 6)]))
    site.until(lambda: site.done)
    assert [(name, error) for name, _, error in site.done] == [("kitchen.local", None)]
    assert site.mgr.stats["dns_ignored"] == 2
    site.server.answer = only_a
    site.until(lambda: len(site.done) == 2)
    assert site.done[1] == ("a.org", ("10.1.2.3",), None)
    stranger.close()
    near.close()


def test_only_what_a_device_has_counts_for_a_local_name():
    """Not that another one has nothing; and nobody is asked by TCP."""

    def answer(packet):
        bad = [message(packet, flags=flags) for flags in (0x8400, 0x8403, 0x8405, 0x8600)]
        return bad + [message(packet, [a("kitchen.local", "10.1.2.3")], flags=0x8400)] if kind_of(packet) == A else bad

    near = Nearby(answer)
    assert near.site.ask("kitchen.local") == (("10.1.2.3",), None)
    assert len(near.devices.asked) == 2 and near.site.mgr.stats["failed"] == 0
    near.close()


# --- answers that are none


def test_strangers_and_wrong_answers_are_ignored():
    def answer(packet):
        good = only_a(packet)[0]
        bad = message(packet, [a(name_of(packet), "10.6.6.6")])
        wrong_id = bytes((packet[0] ^ 1, packet[1])) + bad[2:]
        other = message(packet[:12] + b"\1x\0\0" + packet[-3:], [a("x", "10.6.6.6")])
        return [b"", b"?", wrong_id, other, bad[:20], bad[: len(bad) - 1] if kind_of(packet) == A else b"!", packet, good, good]

    def send(packet):
        return [one for one in answer(packet) if one]

    site = Site(send)
    site.resolve("a.org")
    site.mgr.poll(0)
    # From another port of the same machine, to the resolver's: it can only be learnt from what it sends.
    site.server_mgr.poll(0)
    port = int(site.server.senders[0].split(":")[1])
    stranger = udp_peer(port)
    n = site.mgr.stats["dns_ignored"]
    for packet in site.server.asked:
        stranger.send(message(packet, [a("a.org", "10.6.6.6")]))
    site.until(lambda: site.done)
    assert site.done == [("a.org", ("10.1.2.3",), None)]
    assert site.mgr.stats["dns_ignored"] > n + 2
    stranger.close()
    site.close()


def test_a_strangers_answer_alone_is_none():
    site = Site(lambda packet: [])
    site.resolve("a.org")
    site.mgr.poll(0)
    site.server_mgr.poll(0)
    stranger = udp_peer(int(site.server.senders[0].split(":")[1]))
    for packet in site.server.asked:
        stranger.send(message(packet, [a("a.org", "10.6.6.6")]))
    until(lambda: site.mgr.stats["dns_ignored"] == len(site.server.asked), site.mgr)
    assert site.done == []
    site.server.answer = only_a  # for the second try
    site.until(lambda: site.done)
    assert site.done == [("a.org", ("10.1.2.3",), None)]
    stranger.close()
    site.close()


def test_garbage_does_no_harm():
    def answer(packet):
        found = [packet[:2] + os.urandom(n) for n in range(1, 60, 4)]
        return found + [message(packet, [os.urandom(n)], counts=(1, 3, 2, 1)) for n in range(1, 60, 4)] + only_a(packet)

    site = Site(answer)
    for n in range(5):
        site.ask("n%d.org" % n)
    assert len(site.done) == 5 and site.mgr.stats["dns_ignored"] >= 5 * 30
    site.close()


def test_duplicates_are_ignored():
    site = Site(lambda packet: both(packet) * 3)
    for n in range(3):
        addresses, error = site.ask("n%d.org" % n)
        assert sorted(addresses) == ["10.1.2.3", SIX]
    site.close()


# --- errors, retries, several servers


def refusing(rcode):
    return lambda packet: [message(packet, flags=0x8180 | rcode)]


def test_errors_are_clear():
    for answer, text in (
        (refusing(3), "NXDOMAIN"),
        (refusing(2), "SERVFAIL"),
        (refusing(5), "REFUSED"),
        (refusing(9), "rcode 9"),
        (lambda packet: [message(packet)], "no address"),
        (lambda packet: [message(packet, [cname(name_of(packet), "b.org")])], "no address"),
    ):
        site = Site(answer)
        addresses, error = site.ask("a.org")
        assert addresses == () and text in error and "a.org" in error, error
        assert site.mgr.stats["timeouts"] == 0
        site.close()


def test_a_lost_question_is_asked_again_and_a_lost_answer_is_taken_late():
    late = []

    def answer(packet):
        if len(site.server.asked) <= 2:
            late.append(packet)
            return []
        return both(late[len(site.server.asked) - 3]) if len(late) > 1 else []

    site = Site(answer)
    addresses, error = site.ask("a.org")
    assert sorted(addresses) == ["10.1.2.3", SIX]
    assert len(site.server.asked) == 4 and set(site.server.asked[:2]) == set(site.server.asked[2:])  # the same question
    site.close()


def test_silence_ends_with_a_timeout():
    """Of a name server, and of the devices nearby."""
    near = Nearby(lambda packet: [])
    site = near.site
    site.server.answer = near.devices.answer
    start = time.ticks_ms()
    site.resolve("a.org", "kitchen.local")
    site.until(lambda: len(site.done) == 2)
    assert time.ticks_diff(time.ticks_ms(), start) >= 1000 + 2000 + 4000 - 10
    errors = {name: error for name, addresses, error in site.done if addresses == ()}
    assert errors["a.org"][:7] == "timeout" and "a.org" in errors["a.org"]
    assert errors["kitchen.local"] == "timeout: no device has the name: kitchen.local"
    assert len(site.server.asked) == len(near.devices.asked) == 3 * 2 and site.mgr.stats["timeouts"] == 2
    near.close()


def test_the_next_server_is_asked_when_one_is_silent_or_refuses():
    silent, port = bound(socket.SOCK_DGRAM)
    for first, rcode in (("127.0.0.1:%d" % port, None), (None, 2), (None, 5), (None, 1)):
        site = Site(only_a)
        bad = NameServer(site.server_mgr, refusing(rcode))
        site.mgr.dns = ["udp://" + text for text in (first or bad.text, site.server.text)]
        assert site.ask("a.org") == (("10.1.2.3",), None)
        assert len(bad.asked) == (0 if first else 2)
        site.close()
    silent.close()


def test_a_late_answer_of_another_server_still_counts():
    site = Site(lambda packet: [])
    second = NameServer(site.server_mgr, lambda packet: [])
    site.mgr.dns.append("udp://" + second.text)
    site.resolve("a.org")
    site.until(lambda: len(second.asked) == 2)
    site.server.c.peer = second.c.peer  # (the same socket has asked both)
    for packet in site.server.asked:
        site.server.c.send(only_a(packet)[0])
    site.until(lambda: site.done)
    assert site.done == [("a.org", ("10.1.2.3",), None)]
    site.close()


def test_one_family_is_enough_when_the_other_is_not_answered():
    for silent in (A, AAAA):
        site = Site(lambda packet: both(packet) if kind_of(packet) != silent else [])  # noqa: B023
        assert site.ask("a.org") == ((SIX if silent == A else "10.1.2.3",), None)
        assert len(site.server.asked) == 2  # without a second try
        site.close()


def test_one_family_is_enough_when_the_other_is_refused():
    for rcode in (1, 2, 3, 4, 5):
        for bad in (A, AAAA):
            site = Site(lambda packet: both(packet) if kind_of(packet) != bad else refusing(rcode)(packet))  # noqa: B023
            assert site.ask("a.org") == ((SIX if bad == A else "10.1.2.3",), None)
            assert len(site.server.asked) == 2
            site.close()


def test_an_answer_too_long_for_a_datagram_is_asked_for_by_tcp():
    streams = []
    late = []  # what is sent, a piece in each turn

    def send_piece(_):
        if late:
            c, piece = late.pop(0)
            c.send(piece)

    def on_tcp(c, ev, data, _):
        if ev == mungo.EV_READ:
            while len(c.recv) > 2:
                packet = c.recv.read(2 + c.recv.data[c.recv.start + 1])[2:]
                streams.append(packet)
                full = both(packet)[0]
                late.append((c, bytes((0, len(full))) + full[:5]))
                late.append((c, full[5:]))

    site = Site(both)
    server = with_tcp(site, lambda packet: [message(packet, flags=0x8380)] * 2, on_tcp)
    site.server_mgr.timer(1, send_piece, None, True)
    files = open_files()
    addresses, error = site.ask("a.org")
    assert sorted(addresses) == ["10.1.2.3", SIX] and error is None
    assert len(streams) == 2 and len(server.asked) == 2
    site.until(lambda: len(site.server_mgr.conns) == 3)
    assert open_files() == files
    site.close()


def test_tcp_that_fails_is_an_error_of_the_question():
    for how in ("refused", "closed", "garbage", "truncated"):

        def on_tcp(c, ev, data, _):
            if ev == mungo.EV_READ and how == "closed":  # noqa: B023
                c.is_closing = True
            elif ev == mungo.EV_READ and how == "garbage":  # noqa: B023
                c.send(b"\0\x0cgarbage12345")
                c.is_draining = True
            elif ev == mungo.EV_READ:
                packet = c.recv.read(2 + c.recv.data[c.recv.start + 1])[2:]
                full = message(packet, flags=0x8380)
                c.send(bytes((0, len(full))) + full)
                c.is_draining = True

        site = Site(lambda packet: [message(packet, flags=0x8380)])
        if how != "refused":
            with_tcp(site, site.server.answer, on_tcp)
        addresses, error = site.ask("a.org")
        assert addresses == () and "a.org" in error
        assert site.mgr.conns == []
        site.close()


def test_a_server_that_is_silent_by_tcp_has_one_connection_and_the_next_one_is_asked():
    """The second, which is asked first by TCP, accepts and says nothing: its connection does not stay open beside the next."""
    short = mungo.dns.resolver
    accepted = []

    def on_tcp(c, ev, data, server):
        if ev == mungo.EV_ACCEPT:
            accepted.append(server)
        elif ev == mungo.EV_READ and server == 1:
            while len(c.recv) > 2:
                packet = c.recv.read(2 + c.recv.data[c.recv.start + 1])[2:]
                full = only_a(packet)[0]
                c.send(bytes((0, len(full))) + full)

    site = Site(both)
    servers = [with_tcp(site, lambda packet: [message(packet, flags=0x8380)], on_tcp, n) for n in (1, 2)]
    site.mgr.dns = ["udp://" + server.text for server in servers]
    site.resolve("a.org")
    real = time.ticks_add
    short.ticks_add = lambda ticks, ms: real(ticks, min(ms, 300))  # the time for an answer by TCP
    try:
        site.until(lambda: site.done)
    finally:
        short.ticks_add = real
    assert site.done == [("a.org", ("10.1.2.3",), None)] and accepted == [2, 1]
    turns(site.mgr, 2)
    site.close()


# --- the cache


class Clock:
    """time.time of the resolver."""

    def __init__(self):
        self.now = 1000
        mungo.dns.resolver.time = lambda: self.now

    def end(self):
        mungo.dns.resolver.time = time.time


def test_answers_are_kept_as_long_as_their_ttl_says():
    clock = Clock()
    site = Site(lambda packet: [message(packet, [a("a.org", "10.1.2.3", 30)] if kind_of(packet) == A else (), [soa("org", 5, 5)])])
    assert site.ask("a.org") == (("10.1.2.3",), None)
    for after, asked in ((0, 2), (29, 2), (30, 4), (31, 4), (59, 4), (60, 6)):
        clock.now = 1000 + after
        assert site.ask("a.org") == (("10.1.2.3",), None)
        assert len(site.server.asked) == asked, after
    clock.now = 900  # a clock that is set back: nothing is kept longer than it may
    assert site.ask("a.org") == (("10.1.2.3",), None) and len(site.server.asked) == 8
    clock.end()
    site.close()


def test_a_ttl_of_0_is_not_kept_and_a_long_one_is_cut():
    clock = Clock()
    ttl = [0]
    site = Site(lambda packet: [message(packet, [a(name_of(packet), "10.1.2.3", ttl[0])] if kind_of(packet) == A else ())])
    site.ask("a.org", "a.org")
    assert len(site.server.asked) == 4
    ttl[0] = 0x7FFFFFFF
    site.ask("a.org", "a.org")
    assert len(site.server.asked) == 6
    clock.now += 3600
    site.ask("a.org")
    assert len(site.server.asked) == 8
    clock.end()
    site.close()


def test_negative_answers_are_kept_as_rfc_2308_says():
    clock = Clock()
    for rcode in (0, 3):
        for ttl, minimum in ((30, 60), (60, 30)):
            clock.now = 1000
            site = Site(lambda packet: [message(packet, (), [soa("org", ttl, minimum)], 0x8180 | rcode)])  # noqa: B023
            first = site.ask("a.org")
            clock.now += 29
            assert site.ask("a.org") == first and first[0] == () and len(site.server.asked) == 2
            clock.now += 1
            assert site.ask("a.org") == first and len(site.server.asked) == 4
            site.close()
    for answer in (refusing(3), refusing(0), refusing(2)):  # without an SOA, and failures
        site = Site(answer)
        site.ask("a.org")
        n = len(site.server.asked)
        site.ask("a.org")
        assert len(site.server.asked) == 2 * n
        site.close()
    clock.end()


def test_the_cache_has_a_limit():
    site = Site(only_a)
    names = ["n%d.org" % n for n in range(20)]
    site.ask(*names)
    assert len(site.server.asked) == 40 and len(site.mgr.resolver.cache) == 16
    site.ask(*names[4:])
    assert len(site.server.asked) == 40
    site.ask(names[0])
    assert len(site.server.asked) == 42
    site.close()


# --- several callers


def test_callers_that_want_the_same_name_share_the_questions():
    site = Site(only_a)
    site.resolve(*["a.org"] * 5)
    site.until(lambda: len(site.done) == 5)
    assert site.done == [("a.org", ("10.1.2.3",), None)] * 5 and len(site.server.asked) == 2
    site.close()


def test_a_lookup_can_be_cancelled():
    site = Site(lambda packet: [])
    files = open_files()
    lookups = site.resolve("a.org", "b.org", "a.org")
    lookups[1].cancel()  # before it has begun
    site.mgr.poll(0)
    site.server_mgr.poll(0)
    assert {name for name, _ in site.server.names()} == {"a.org"}
    site.server.answer = only_a
    lookups[0].cancel()  # the other one goes on
    lookups[0].cancel()
    site.until(lambda: site.done)
    turns(site.mgr, 3)
    assert site.done == [("a.org", ("10.1.2.3",), None)]
    lookups[2].cancel()
    lookup = site.resolve("c.org")[0]
    site.mgr.poll(0)
    assert len(site.mgr.conns) == 1
    lookup.cancel()
    turns(site.mgr, 2)
    assert site.mgr.conns == [] and open_files() == files
    site.close()


def test_who_waits_for_the_answer_of_a_lookup_that_is_cancelled_asks_at_once():
    site = Site(lambda packet: [])
    first, _, other = site.resolve("a.org", "a.org", "b.org")
    site.until(lambda: len(site.server.asked) == 4)
    first.cancel()
    start = time.ticks_ms()
    site.server.answer = only_a
    site.until(lambda: site.done)
    assert site.done == [("a.org", ("10.1.2.3",), None)]
    assert time.ticks_diff(time.ticks_ms(), start) < 900  # (the next try of the first was due after a second)
    other.cancel()
    turns(site.mgr, 2)
    site.close()


def test_a_function_may_cancel_any_other_lookup():
    """One that waits for the same answer, one that waits for another, one that is over, its own."""
    site = Site(only_a)
    called = []
    lookups = []

    def fn(n):
        def hear(addresses, error):
            called.append(n)
            for lookup in lookups:
                lookup.cancel()

        return hear

    lookups += [site.mgr.resolve(name, fn(n)) for n, name in enumerate(("a.org", "a.org", "b.org", "a.org"))]
    site.until(lambda: not site.mgr.conns)
    assert called == [0] or called == [2], called
    site.close()


def test_a_function_may_look_up_what_is_known_at_once():
    site = Site(only_a)
    site.ask("a.org")
    left = ["10.0.0.2", "a.org", "localhost", "10.0.0.1"]

    def fn(addresses, error):
        site.done.append(addresses)
        if left:
            site.mgr.resolve(left.pop(), fn)

    site.mgr.resolve("10.0.0.9", fn)
    site.until(lambda: len(site.done) == 6)
    assert site.done[2:] == [("10.0.0.1",), ("127.0.0.1",), ("10.1.2.3",), ("10.0.0.2",)]
    site.close()


def test_too_many_names_at_once_are_refused():
    site = Site(lambda packet: [])
    site.resolve(*["n%d.org" % n for n in range(34)])
    site.mgr.poll(0)
    assert [name for name, _, error in site.done if "32" in error] == ["n32.org", "n33.org"]
    for lookup in list(site.mgr.resolver.lookups):
        lookup.cancel()
    turns(site.mgr, 2)
    site.close()


def test_a_function_that_raises_is_reported_and_harms_nobody():
    site = Site(only_a)

    def bad(addresses, error):
        raise ValueError("a bug on purpose")

    site.mgr.resolve("a.org", bad)
    site.resolve("a.org", "b.org")
    site.until(lambda: len(site.done) == 2)
    assert site.mgr.stats["bugs"] == 1
    site.mgr.stats["bugs"] = 0
    site.close()


def test_a_function_may_look_up_the_next_name():
    site = Site(only_a)
    left = ["b.org", "c.org", "a.org"]

    def fn(addresses, error):
        site.done.append(addresses)
        if left:
            site.mgr.resolve(left.pop(0), fn)

    site.mgr.resolve("a.org", fn)
    site.until(lambda: len(site.done) == 4)
    assert len(site.server.asked) == 6
    site.close()


def test_closing_the_manager_ends_what_is_being_looked_up():
    site = Site(lambda packet: [])
    files = open_files()
    site.resolve("a.org", "b.org")
    site.mgr.poll(0)
    assert site.mgr.close()
    assert [(name, addresses) for name, addresses, _ in site.done] == [("a.org", ()), ("b.org", ())]
    assert raised(OSError, site.mgr.resolve, "a.org", None).errno == errno.EBADF
    assert open_files() < files
    assert site.server_mgr.close()


def test_a_program_that_closes_all_connections_ends_them_too():
    site = Site(lambda packet: [])
    site.resolve("a.org")
    site.mgr.poll(0)
    for c in site.mgr.conns:
        assert not c.send(b"everybody gets this") and not c.put(b"this too")
        c.is_closing = True
    site.mgr.poll(0)
    assert len(site.done) == 1 and site.done[0][1] == () and "closed" in site.done[0][2]
    site.server.answer = only_a
    assert site.ask("a.org") == (("10.1.2.3",), None)  # and the next ones work
    site.close()


def test_a_table_of_names_that_is_not_there_is_empty_and_another_fault_is_told():
    assert list(read_words("/no/such/file")) == []
    assert raised_errno(list, read_words("/etc/hosts/x")) == 20  # ENOTDIR


ODD_LINES = b"""; a comment, and # another one
# gr\xc3\xbcn
search example.org

nameserver
nameserver nonsense
nameserver \xff\xfe
nameserver 1.2.3
nameserver 127.0.0.1.
NAMESERVER 127.0.0.9
 nameserver %s extra
options edns0 trust-ad"""


def test_lines_of_the_systems_files_that_make_no_sense_are_passed_over():
    site = Site(only_a)
    site.mgr.dns = None
    names = mungo.port.names
    path = "/tmp/resolv.%d" % time.ticks_us()
    with open(path, "wb") as file:
        file.write(ODD_LINES % b"127.0.0.1")
    words = names.read_words
    urls = mungo.dns.resolver.server_urls
    mungo.dns.resolver.server_urls = lambda texts, port: urls(texts, site.server.port)
    names.read_words = lambda name: words(path) if name == "/etc/resolv.conf" else words("/no/such/file")
    try:
        assert site.ask("a.org") == (("10.1.2.3",), None)
        with open(path, "wb") as file:
            file.write(b"10.0.0.1 \xff\n10.0.0.2\n\n\0\nnonsense c.org\n10.0.0.3 x.org C.org # d.org\n10.0.0.4 c.org")
        names.read_words = lambda name: words(path)
        assert site.ask("c.org") == (("10.0.0.3", "10.0.0.4"), None)
    finally:
        mungo.dns.resolver.server_urls = urls
        names.read_words = words
        os.remove(path)
    site.close()


def test_servers_of_both_families_are_asked():
    """And devices nearby, which have IPv4. Nobody is at ::1."""
    site = Site(only_a)
    site.mgr.dns = ["udp://[::1]:%d" % site.server.port, "udp://" + site.server.text]
    assert site.ask("a.org") == (("10.1.2.3",), None)
    assert len(site.server.asked) == 2 and site.mgr.stats["dns_ignored"] == 0
    site.close()
    near = Nearby(only_a)
    near.site.mgr.dns.insert(0, "udp://[::1]:%d" % near.site.server.port)
    assert near.site.ask("kitchen.local") == (("10.1.2.3",), None)
    near.close()


def test_a_socket_that_can_t_be_had_is_tried_again():
    """A port that is taken, and no descriptor: twice, and for good."""
    resolver = mungo.dns.resolver
    for fails, error in ((2, None), (99, "OSError(24"), (99, "MemoryError")):
        site = Site(only_a)
        files = open_files()
        left = [fails]

        class Short:
            SOCK_DGRAM = socket.SOCK_DGRAM
            getaddrinfo = socket.getaddrinfo

            def socket(*args):
                if left[0]:  # noqa: B023
                    left[0] -= 1  # noqa: B023
                    raise MemoryError if error == "MemoryError" else OSError(24)  # noqa: B023
                return socket.socket(*args)

        resolver.socket = Short
        try:
            addresses, text = site.ask("a.org")
        finally:
            resolver.socket = socket
        if error:
            assert addresses == () and text.startswith(error) and "a.org" in text, text
        else:
            assert (addresses, text) == (("10.1.2.3",), None)
        turns(site.mgr, 2)
        assert open_files() == files
        site.close()


class Network:
    """MicroPython's `network` on a board: of a firmware that has ipconfig, or of an older one."""

    STA_IF = 0

    def __init__(self, server, is_old):
        self.server = server
        self.is_old = is_old

    def ipconfig(self, name):
        if self.is_old:
            raise ValueError(name)
        assert name == "dns"
        return self.server

    def WLAN(self, interface):
        return self

    def ifconfig(self):
        return ("10.0.0.2", "255.0.0.0", "10.0.0.1", self.server)


def test_the_name_servers_are_those_of_the_system():
    names = sys.modules["mungo.port.names"]
    lines = [[], ["search", "lan"], ["nameserver", "10.0.0.1"], ["nameserver"], ["nameserver", "fd00::1", "x"]]
    names.read_words = lambda path: iter(lines if path == "/etc/resolv.conf" else ())
    try:
        assert name_servers() == ["10.0.0.1", "fd00::1"]
        names.SHARES_DESCRIPTORS = False
        for is_old in (False, True):
            for server, found in (("10.0.0.9", ["10.0.0.9"]), ("0.0.0.0", [])):
                sys.modules["network"] = Network(server, is_old)
                assert name_servers() == found
    finally:
        names.SHARES_DESCRIPTORS = True
        names.read_words = read_words
        sys.modules.pop("network", None)


def test_without_memory_for_a_result_it_is_told_later():
    for fails in (1, 3):
        site = Site(only_a)
        left = [fails]

        def now():
            left[0] -= 1  # noqa: B023
            if left[0] >= 0:  # noqa: B023
                raise MemoryError
            return time.time()

        mungo.dns.resolver.time = now
        try:
            assert site.ask("a.org") == (("10.1.2.3",), None)
        finally:
            mungo.dns.resolver.time = time.time
        turns(site.mgr, 2)
        site.mgr.stats["bugs"] = 0
        site.close()
