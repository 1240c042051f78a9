# firmware/clock.py: the time from the network, in the loop, from servers that answer late, wrongly or not at all.

import aboard
import clock
import mungo
import mungo.manager as manager
from aboard import machine
from clock import Clock, name_query, parse_address, parse_time
from net import listening
from waiting import turns, until

MIN_HEAP = "192k"

NOON = 3998116800  # 2026-09-11 12:00:00 UTC, in seconds from 1900


def answer_of(query, seconds=NOON, head=0x24, stratum=2):
    """What a time server answers to `query`."""
    return bytes((head, stratum)) + bytes(22) + query[40:48] + bytes(8) + (seconds & 0xFFFFFFFF).to_bytes(4, "big") + bytes(4)


def address_of(query, address=b"\x7f\0\0\x01", alias=b"", code=0):
    """What a name server answers."""
    record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + address
    return query[:2] + bytes((0x81, 0x80 | code)) + b"\0\x01\0" + bytes((1 + bool(alias),)) + bytes(4) + query[12:] + alias + record


class Net:
    """`with Net() as net`: a name server and a time server. They answer by the functions `name` and `time`; None: they don't."""

    def __enter__(self):
        machine.RTC.times.clear()
        self.mgr = mungo.Manager()
        self.name = address_of
        self.time = answer_of
        self.asked = []
        _, self.dns = listening(lambda url: self.mgr.listen(url, self.on_name), "udp")
        _, self.ntp = listening(lambda url: self.mgr.listen(url, self.on_time), "udp")
        return self

    def clock(self, host="time.example"):
        return Clock(host, "127.0.0.1", (self.ntp, self.dns))

    def on_name(self, c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            self.asked.append("name")
            self.reply(c, self.name, data)

    def on_time(self, c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            self.asked.append("time")
            self.reply(c, self.time, data)

    def reply(self, c, make, data):
        answer = make and make(data)
        if answer:
            c.send(answer)

    def __exit__(self, kind, *_):
        assert self.mgr.stats["bugs"] == 0 or kind
        assert self.mgr.close()


def test_the_clock_is_set_in_the_loop_by_a_servers_name():
    with Net() as net:
        it = net.clock()
        it.attach(net.mgr)
        until(lambda: it.is_set, net.mgr)
        assert net.asked == ["name", "time"]
        assert machine.RTC.times == [(2026, 9, 11, 4, 12, 0, 0, 0)]
        turns(net.mgr, 3)
        assert len(net.mgr.conns) == 2  # its sockets are given back


def test_an_address_needs_no_name_server():
    with Net() as net:
        it = net.clock("127.0.0.1")
        it.attach(net.mgr)
        until(lambda: it.is_set, net.mgr)
        assert net.asked == ["time"]


def test_it_asks_again_until_there_is_an_answer():
    with Net() as net:
        net.name = None
        it = net.clock()
        it.attach(net.mgr)
        until(lambda: net.asked, net.mgr)
        net.name = address_of
        net.time = None
        until(lambda: "time" in net.asked, net.mgr)  # the second query for the name, after a second
        assert net.asked == ["name", "name", "time"] and not it.is_set
        net.time = answer_of
        until(lambda: it.is_set, net.mgr)  # and the second one for the time, after two
        assert net.asked == ["name", "name", "time", "time"] and it.pause_ms == 8000


def test_wrong_answers_do_not_set_it():
    with Net() as net:
        it = net.clock()
        for wrong in (
            lambda query: answer_of(query[:40] + bytes(8)),  # to somebody else's query
            lambda query: answer_of(query, head=0x23),  # a client's
            lambda query: answer_of(query, head=0xE4),  # of a server that does not know the time itself
            lambda query: answer_of(query, stratum=0),  # "go away"
            lambda query: answer_of(query)[:47],
            lambda query: b"x",
        ):
            net.asked.clear()
            net.time = wrong
            it.attach(net.mgr)
            until(lambda: "time" in net.asked, net.mgr)
            turns(net.mgr, 5)
            assert not it.is_set and not machine.RTC.times
            it.drop()


def test_before_the_app_it_takes_two_seconds_at_most():
    # Whatever the name server does: this manager's clock goes on by what its poll was told to wait.
    waited = []

    class Manager:
        closed = False

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def connect(self, url, fn):
            raise OSError(118)

        def timer(self, ms, fn):
            pass

        def poll(self, ms):
            waited.append(ms)
            time.now += min(ms, 700)

    plain = manager.Manager
    manager.Manager = Manager
    try:
        with aboard.Clock(clock) as time:
            start = time.now
            assert Clock("pool.ntp.org", "10.0.0.1").first_try() is False
            assert time.now - start == 2000 and waited == [2000, 1300, 600]
    finally:
        manager.Manager = plain


def test_before_the_app_an_answer_ends_the_wait():
    with Net() as net:
        it = net.clock("127.0.0.1")
        # The servers are in another manager, which this one's turns serve.
        made = []

        class Manager(manager.Manager):
            def __init__(self):
                super().__init__()
                made.append(self)

            def poll(self, ms):
                net.mgr.poll(5)
                super().poll(5)

        plain = manager.Manager
        manager.Manager = Manager
        try:
            assert it.first_try() and it.is_set
        finally:
            manager.Manager = plain
        assert made[0].closed
        it.attach(net.mgr)  # it is set: nothing is asked
        assert net.asked == ["time"]


def test_a_board_without_a_network_goes_on():
    with Net() as net:
        it = Clock("time.example", "not an address", (1, 1))
        it.attach(net.mgr)
        assert not it.is_set and it.c is None


def test_addresses_are_found_behind_aliases_and_only_where_they_are():
    query = name_query("time.example", b"\x12\x34")
    assert query == b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04time\x07example\0\0\x01\0\x01"
    assert parse_address(address_of(query), query) == "127.0.0.1"
    alias = b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x01a\xc0\x11\0\0"
    assert parse_address(address_of(query, alias=alias), query) == "127.0.0.1"
    assert parse_address(address_of(query, code=3), query) is None
    assert parse_address(address_of(name_query("time.example", b"\x12\x35")), query) is None
    assert parse_address(address_of(name_query("tame.example", b"\x12\x34")), query) is None
    whole = address_of(query, alias=alias)
    for n in range(len(whole)):
        assert parse_address(whole[:n], query) is None


def test_seconds_go_on_after_2036():
    cookie = b"12345678"
    assert parse_time(answer_of(bytes(40) + cookie), cookie) == NOON
    assert parse_time(answer_of(bytes(40) + cookie, (1 << 32) + 5), cookie) == (1 << 32) + 5
