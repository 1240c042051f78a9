# firmware/clock.py: the time from the network, in the loop, from servers that answer late or not at all. (test_sntp.py has what they say.)

import struct

import aboard
import dnsnet
import mungo
import mungo.core.loop as loop
import mungo.core.timer as timer
from aboard import machine
from clock import Clock
from net import listening
from waiting import turns, until

MIN_HEAP = "256k"

NOON = 1789128000  # 2026-09-11 12:00:00 UTC, in seconds from 1970


class Net:
    """`with Net() as net`: a name server and a time server in one manager, which has that name server. `silent`: those of them that do not
    answer."""

    def __enter__(self):
        machine.RTC.times.clear()
        self.asked = []
        self.silent = set()
        self.mgr = mungo.Manager()
        _, self.dns = listening(lambda url: self.mgr.listen(url, self.on_name), "udp")
        self.mgr.dns = ["udp://127.0.0.1:%d" % self.dns]
        _, self.ntp = listening(lambda url: self.mgr.listen(url, self.on_time), "udp")
        return self

    def manager(self):
        return mungo.Manager(dns="127.0.0.1:%d" % self.dns)

    def on_name(self, c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            self.asked.append("name")
            if "name" not in self.silent:
                found = [dnsnet.a("time.example", "127.0.0.1")] if dnsnet.kind_of(data) == dnsnet.A else []
                c.send(dnsnet.message(data, found))

    def on_time(self, c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            self.asked.append("time")
            if "time" not in self.silent:
                stamp = struct.pack("!II", NOON + 2208988800, 0)
                c.send(b"\x24\2" + bytes(22) + data[40:] + stamp + stamp)

    def __exit__(self, kind, *_):
        assert self.mgr.stats["bugs"] == 0 or kind
        assert self.mgr.close()


def was_set():
    return [when[:7] for when in machine.RTC.times]


NOON_UTC = (2026, 9, 11, 4, 12, 0, 0)


def test_the_clock_is_set_in_the_loop_by_a_servers_name():
    with Net() as net:
        it = Clock("time.example", net.ntp)
        it.attach(net.mgr)
        assert not it.is_set  # nothing has waited for it
        until(lambda: it.is_set, net.mgr)
        assert was_set() == [NOON_UTC] and net.asked[0] == "name" and net.asked.count("time") == 1
        turns(net.mgr, 3)
        assert len(net.mgr.conns) == 2  # its sockets are given back


def test_an_address_needs_no_name_server():
    with Net() as net:
        it = Clock("127.0.0.1", net.ntp)
        it.attach(net.mgr)
        until(lambda: it.is_set, net.mgr)
        assert net.asked == ["time"]


def test_it_asks_again_until_there_is_an_answer_and_then_each_hour():
    with Net() as net, aboard.Clock(loop, timer) as time:
        net.silent.add("time")
        it = Clock("127.0.0.1", net.ntp)
        it.attach(net.mgr)
        for n, ms in enumerate((2000, 4000, 8000)):
            until(lambda: len(net.asked) == n + 1, net.mgr)  # noqa: B023
            time.now += ms
        assert not it.is_set
        net.silent.clear()
        until(lambda: it.is_set, net.mgr)
        for n in (2, 3):
            time.now += 64000
            turns(net.mgr, 2)
            time.now += 3600000
            until(lambda: len(machine.RTC.times) == n, net.mgr)  # noqa: B023
        assert was_set() == [NOON_UTC] * 3


def test_of_several_servers_the_next_one_is_asked():
    with Net() as net, aboard.Clock(loop, timer) as time:
        it = Clock("127.0.0.77, 127.0.0.1", net.ntp)
        it.attach(net.mgr)
        turns(net.mgr, 3)
        assert net.asked == []
        time.now += 2000
        until(lambda: it.is_set, net.mgr)
        assert net.asked == ["time"]


def test_one_manager_asks_and_another_one_when_that_is_closed():
    with Net() as net:
        it = Clock("127.0.0.1", net.ntp)
        net.silent.add("time")
        first, second = net.manager(), net.manager()
        it.attach(first)
        it.attach(second)
        assert (len(first.conns), len(second.conns)) == (1, 0)
        assert first.close()
        it.attach(second)
        assert len(second.conns) == 1
        until(lambda: net.asked == ["time"] * 2, net.mgr)
        net.silent.clear()
        assert second.close()
        it.attach(net.mgr)
        until(lambda: it.is_set, net.mgr)


def test_a_setting_that_is_no_host_costs_the_time_alone():
    for host in ("not a host", "10.0.0.1:123", "udp://10.0.0.1", "", ",", "a@b"):
        with Net() as net:
            it = Clock(host)
            it.attach(net.mgr)
            turns(net.mgr, 3)
            assert not it.is_set and not machine.RTC.times


def test_a_board_without_a_route_goes_on():
    with Net() as net:
        net.silent.add("name")
        it = Clock("time.example", net.ntp)
        it.attach(net.mgr)
        until(lambda: net.asked, net.mgr)
        assert not it.is_set
        net.mgr.close()
        assert net.mgr.conns == []
