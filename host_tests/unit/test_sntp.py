# lib/mungo/sntp.py and rtc.py: time servers that answer right, late, wrongly, twice or not at all.

import socket
import struct

import aboard
import mungo
import mungo.core.loop as loop
import mungo.core.timer as timer
import mungo.rtc as rtc
from aboard import machine
from mungo.sntp import Sntp
from net import Client, bound, listening, tcp_listen
from raising import raised, raised_errno
from waiting import turns, until

MIN_HEAP = "256k"

NOON = 1789128000  # 2026-09-11 12:00:00 UTC, in seconds from 1970
_1900 = 2208988800


class Answer:
    """What a time server answers: the fields of RFC 5905 section 7.3. Seconds are from 1970."""

    def __init__(self, **fields):
        self.leap = 0
        self.version = 4
        self.mode = 4
        self.stratum = 2
        self.root_delay = self.root_dispersion = 66
        self.code = b"\x0a\0\0\1"
        self.origin = None  # None: the right one
        self.received = self.sent = NOON * 1000000  # us
        self.size = 48
        for name in fields:
            setattr(self, name, fields[name])

    def data(self, query):
        origin = query[40:48] if self.origin is None else self.origin
        head = self.leap << 6 | self.version << 3 | self.mode
        data = struct.pack("!BBbbII", head, self.stratum, 6, -20, self.root_delay, self.root_dispersion)
        data += self.code + bytes(8) + origin + stamp(self.received) + stamp(self.sent)
        return (data + bytes(20))[: self.size]


def stamp(us):
    """A time as NTP has it; None: it is not known."""
    if us is None:
        return bytes(8)
    seconds = us // 1000000 + _1900 & 0xFFFFFFFF
    return struct.pack("!II", seconds, (us % 1000000 << 32) // 1000000)


class Net:
    """`with Net(n) as net`: n time servers in one manager. `answers`: for each a function from the query to a list of datagrams, or None.

    Timers go by `net.time`, which stands still unless a test moves it.
    """

    def __init__(self, n=1):
        self.n = n

    def __enter__(self):
        machine.RTC.times.clear()
        self.time = aboard.Clock(loop, timer)
        self.time.__enter__()
        self.mgr = mungo.Manager()
        self.asked = []  # the servers' numbers, in order
        self.told = []  # what EV_SNTP_TIME brought
        self.set = []  # what the clock was set to
        self.answers = [lambda query: [Answer().data(query)] for _ in range(self.n)]
        self.urls = []
        for i in range(self.n):
            _, port = listening(lambda url: self.mgr.listen(url, self.on_query, i), "udp")  # noqa: B023
            self.urls.append("udp://127.0.0.1:%d" % port)
        return self

    def on_query(self, c, ev, data, i):
        if ev == mungo.EV_READ:
            assert data[:40] == b"\x23" + bytes(39) and len(data) == 48
            self.asked.append(i)
            for answer in self.answers[i] and self.answers[i](data) or ():
                c.send(answer)

    def on_time(self, c, ev, data, fn_data):
        assert ev == mungo.EV_SNTP_TIME and c.mgr is self.mgr
        self.told.append((fn_data, c.rem, data))

    def start(self, **options):
        return Sntp(self.mgr, self.urls, self.on_time, "mine", set_time=self.set.append, **options)

    def pass_ms(self, ms):
        """Time passes; then whatever is under way arrives."""
        self.time.now += ms
        self.mgr.poll(0)
        self.settle()

    def settle(self):
        """Until nothing comes any more. (Datagrams on one machine are there when send returns.)"""
        turns(self.mgr, 5)

    def sockets(self):
        """How many sockets there are besides the servers'."""
        return len(self.mgr.conns) - self.n

    def __exit__(self, kind, *_):
        assert self.mgr.stats["bugs"] == 0 or kind
        assert self.mgr.close()
        self.time.__exit__()


def test_the_time_comes_and_the_clock_is_set_and_no_socket_is_left():
    with Net() as net:
        net.start()
        assert net.sockets() == 1
        net.settle()
        assert net.asked == [0] and net.sockets() == 0
        fn_data, rem, (us, offset, delay, drift) = net.told[0]
        assert len(net.told) == 1 and (fn_data, "udp://" + rem, drift) == ("mine", net.urls[0], None)
        assert delay >= 0 and us == NOON * 1000000 + delay // 2
        assert net.set == [us]
        # The clock was not touched, so it is behind by as much now.
        assert -5000000 < us - rtc.now_us() - offset <= 0


def test_a_program_need_not_be_told():
    with Net() as net:
        Sntp(net.mgr, net.urls, set_time=net.set.append)
        net.settle()
        assert len(net.set) == 1
        Sntp(net.mgr, net.urls, net.on_time, set_time=None)
        net.settle()
        assert len(net.set) == 1 and net.told[0][0] is None


def test_offset_and_delay_are_those_of_the_four_times():
    # The way there takes 30 ms, the server's work 200, the way back 10; the server is 7 s ahead. So half of 20 ms of it can't be known.
    with Net() as net:
        import mungo.sntp as sntp

        real = sntp.ticks_us, sntp.ticks_diff, rtc.time_ns
        now = [NOON * 1000000]
        sntp.ticks_us = lambda: now[0] & 0x3FFFFFFF  # as on a board, where it wraps
        sntp.ticks_diff = lambda a, b: (a - b + 0x20000000 & 0x3FFFFFFF) - 0x20000000
        rtc.time_ns = lambda: now[0] * 1000
        try:
            for begin in (0, 0x3FFFFFFF - (NOON * 1000000 & 0x3FFFFFFF) - 100000):
                now[0] = NOON * 1000000 + begin
                net.told.clear()

                def slow(query):
                    now[0] += 30000
                    received = now[0] + 7000000
                    now[0] += 200000
                    sent = now[0] + 7000000
                    now[0] += 10000
                    return [Answer(received=received, sent=sent).data(query)]

                net.answers[0] = slow
                net.start()
                net.settle()
                us, offset, delay, _ = net.told[0][2]
                # (A fraction of a second is cut to a microsecond, twice.)
                assert abs(delay - 40000) <= 2 and abs(offset - 7000000 - 10000) <= 2 and abs(us - now[0] - 7000000 - 10000) <= 2
        finally:
            sntp.ticks_us, sntp.ticks_diff, rtc.time_ns = real


# What a peer may send, and must not be taken for the time. Bytes, or the fields of an answer.
MALFORMED = (
    b"x",
    bytes(48),
    b"\xff" * 48,
    {"size": 47},
    {"size": 49},
    {"size": 68},
    {"size": 1},
    {"size": 40},
    {"mode": 0},
    {"mode": 1},
    {"mode": 2},
    {"mode": 3},  # a client's
    {"mode": 5},  # broadcast
    {"mode": 6},
    {"mode": 7},
    {"version": 0},
    {"version": 1},
    {"version": 2},
    {"version": 5},
    {"version": 7},
    {"leap": 3},  # it does not know the time itself
    {"stratum": 16},
    {"stratum": 17},
    {"stratum": 255},
    {"stratum": 0},  # a kiss without a known code
    {"stratum": 0, "code": b"INIT"},
    {"stratum": 0, "code": b"STEP", "leap": 3},
    {"stratum": 0, "code": bytes(4), "leap": 3},
    {"stratum": 0, "code": b"\xff\xfe\x80\0", "leap": 3},
    {"root_delay": 32 << 16},
    {"root_delay": 0xFFFFFFFF},
    {"root_dispersion": 16 << 16},
    {"root_dispersion": 0x80000000},
    {"root_delay": 16 << 16, "root_dispersion": 8 << 16},
    {"origin": bytes(8)},
    {"origin": b"\xff" * 8},
    {"origin": b"12345678"},
    {"stratum": 0, "code": b"DENY", "origin": b"12345678"},  # a stranger's kiss
    {"stratum": 0, "code": b"RATE", "origin": bytes(8)},
    {"received": None},
    {"sent": None},
    {"received": None, "sent": None},
    {"received": NOON * 1000000 + 1000},  # after it was sent
    {"received": (NOON + 3600) * 1000000},
    {"received": (NOON - 3600) * 1000000},  # an hour's work in no time
    {"received": 0},
)


def test_malformed_answers_are_ignored():
    for what in MALFORMED:
        with Net() as net:
            wrong = (lambda query: what) if isinstance(what, bytes) else Answer(**what).data  # noqa: B023
            net.answers[0] = lambda query: [wrong(query), wrong(query)]  # noqa: B023
            it = net.start()
            net.settle()
            assert net.told == net.set == [] and net.asked == [0], what
            assert net.sockets() == 1 and it.servers == net.urls, what
            # The right one may still come, and if none does the question is asked again.
            net.answers[0] = lambda query: [wrong(query), Answer().data(query), wrong(query)]  # noqa: B023
            net.pass_ms(2000)
            assert net.asked == [0, 0] and len(net.told) == len(net.set) == 1 and net.sockets() == 0, what


def test_an_answer_cut_anywhere_is_ignored():
    with Net() as net:
        net.answers[0] = lambda query: [Answer().data(query)[:n] for n in range(1, 48)]
        net.start()
        net.settle()
        assert net.told == [] and net.sockets() == 1


def test_what_is_allowed_is_taken():
    for fields in (
        {"version": 3},
        {"leap": 1},
        {"leap": 2},
        {"stratum": 1},
        {"stratum": 15},
        {"root_delay": 0, "root_dispersion": 0},
        {"root_delay": 30 << 16},
        {"root_dispersion": 15 << 16},
    ):
        with Net() as net:
            net.answers[0] = lambda query: [Answer(**fields).data(query)]  # noqa: B023
            net.start()
            net.settle()
            assert len(net.told) == 1, fields


def test_duplicates_and_late_answers_count_once():
    with Net() as net:
        kept = []
        net.answers[0] = lambda query: kept.append(query) or [Answer().data(query)] * 3
        net.start()
        net.settle()
        assert len(net.told) == 1 and net.sockets() == 0
        # The first answer again, to a later question.
        net.answers[0] = lambda query: [Answer().data(kept[0])]
        net.pass_ms(2000)
        net.pass_ms(3600000)
        assert net.asked == [0, 0] and len(net.told) == 1 and net.sockets() == 1


def test_it_asks_again_each_interval():
    with Net() as net:
        net.start(every_ms=100000)
        net.settle()
        for n in range(1, 4):
            assert len(net.told) == len(net.asked) == n and net.sockets() == 0
            net.pass_ms(64000)  # (the interval begins when the timer of the question ends)
            net.pass_ms(99999)
            assert len(net.told) == n
            net.pass_ms(1)


def test_silent_servers_are_followed_by_the_next_one():
    with Net(3) as net:
        net.answers[0] = net.answers[1] = None
        it = net.start()
        net.settle()
        assert net.asked == [0] and net.sockets() == 1
        net.pass_ms(1999)
        assert net.asked == [0]
        net.pass_ms(1)
        assert net.asked == [0, 1] and net.sockets() == 1  # one socket at a time
        net.pass_ms(4000)
        assert net.asked == [0, 1, 2] and net.sockets() == 0 and len(net.told) == 1
        assert it.servers[0] == net.urls[2]
        net.pass_ms(8000)
        net.pass_ms(3600000)
        assert net.asked == [0, 1, 2, 2] and len(net.told) == 2  # the one that answered is asked again
        net.answers[2] = None
        net.pass_ms(64000)
        net.pass_ms(3600000)
        assert net.asked == [0, 1, 2, 2, 2]
        net.pass_ms(64000)
        assert net.asked[5:] == [0]


def test_the_pauses_double_up_to_a_minute():
    with Net() as net:
        net.answers[0] = None
        net.start()
        net.settle()
        for n, ms in enumerate((2000, 4000, 8000, 16000, 32000, 64000, 64000, 64000)):
            net.pass_ms(ms - 1)
            assert len(net.asked) == n + 1
            net.pass_ms(1)
            assert len(net.asked) == n + 2 and net.sockets() == 1
        net.answers[0] = lambda query: [Answer().data(query)]
        net.pass_ms(64000)
        assert len(net.told) == 1 and net.sockets() == 0


def test_a_server_that_says_rate_is_asked_less_and_less():
    with Net() as net:
        net.answers[0] = Kiss(b"RATE")
        net.start(every_ms=16000)
        asked = 1
        for least in (64000, 128000, 256000):
            net.settle()
            assert len(net.asked) == asked and net.sockets() == 0
            waited = 0
            while len(net.asked) == asked:
                net.pass_ms(1000)
                waited += 1000
            assert waited >= least, waited
            asked += 1
        # What it has asked for holds when it answers again.
        net.answers[0] = lambda query: [Answer().data(query)]
        while not net.told:
            net.pass_ms(1000)
        asked = len(net.asked)
        for _ in range(256):
            net.pass_ms(1000)
        assert len(net.asked) == asked


def Kiss(code):
    """The function that answers with this kiss-o'-death."""
    return lambda query: [Answer(leap=3, stratum=0, code=code, received=None, sent=None).data(query)]


def test_a_server_that_refuses_is_never_asked_again():
    for code in (b"DENY", b"RSTR"):
        with Net(2) as net:
            net.answers[0] = Kiss(code)
            net.answers[1] = None
            it = net.start()
            net.settle()
            assert net.asked == [0] and net.sockets() == 0 and it.servers == net.urls[1:]
            for _ in range(6):
                net.pass_ms(64000)
            assert net.asked == [0] + [1] * 6 and net.told == []
            net.answers[1] = Kiss(code)
            net.pass_ms(64000)
            assert it.servers == [] and net.sockets() == 0
            net.pass_ms(64000)
            asked = len(net.asked)
            for _ in range(3):
                net.pass_ms(3600000)
            assert len(net.asked) == asked and not net.mgr.timers.all  # nobody is left to be asked


def test_a_program_stops_it_by_clearing_its_servers():
    with Net() as net:
        it = net.start()
        net.settle()
        it.servers.clear()
        net.pass_ms(2000)
        net.pass_ms(3600000)
        assert net.asked == [0] and not net.mgr.timers.all


def test_an_answer_that_comes_after_that_is_ignored():
    for answer in (Kiss(b"DENY"), Kiss(b"RATE"), lambda query: [Answer().data(query)]):
        with Net() as net:
            net.answers[0] = answer
            it = net.start()
            it.servers.clear()
            net.settle()
            assert net.asked == [0] and net.told == net.set == []
            net.pass_ms(2000)
            assert net.sockets() == 0 and not net.mgr.timers.all


def test_without_memory_for_a_timer_or_a_question_it_asks_again_later():
    for nth in range(3, 8):
        for name in ("timer", "connect"):
            with Net() as net:
                left = [nth]
                real = getattr(net.mgr, name)

                class Short:
                    stats = net.mgr.stats
                    timer = net.mgr.timer
                    connect = net.mgr.connect

                def short(*args):
                    left[0] -= 1  # noqa: B023
                    if left[0] == 1:  # noqa: B023
                        raise MemoryError
                    return real(*args)  # noqa: B023

                mgr = Short()
                setattr(mgr, name, short)
                Sntp(mgr, net.urls, net.on_time, set_time=None)
                net.settle()
                for _ in range(6):
                    net.pass_ms(64000)
                    net.pass_ms(3600000)
                assert len(net.told) >= 4 and net.sockets() == 0 and len(net.mgr.timers.all) == 1
                net.mgr.stats["bugs"] = 0


def test_the_seconds_of_ntp_begin_anew_in_2036():
    last = 2085978495  # of the old ones
    for seconds in (1704067200, NOON, last, last + 1, last + 2, 4102444800, 4233462143):
        with Net() as net:
            at = seconds * 1000000 + 999999
            net.answers[0] = lambda query: [Answer(received=at - 1, sent=at).data(query)]  # noqa: B023
            net.start()
            net.settle()
            # (us come as binary fractions, rounded down)
            assert 0 <= net.set[0] - net.told[0][2][2] // 2 - at + 2 <= 2, seconds


def test_the_boards_clock_is_set_wherever_its_time_begins():
    for _, begin, epoch in (("esp32", 2000, 946684800), ("unix", 1970, 0)):
        with Net() as net:
            real = rtc.gmtime, rtc.time_ns
            rtc.gmtime = lambda s: (begin,) if s == 0 else real[0](s + epoch)  # noqa: B023
            rtc.time_ns = lambda: (NOON - epoch - 60) * 1000000000  # noqa: B023
            try:
                Sntp(net.mgr, net.urls, net.on_time)
                net.settle()
            finally:
                rtc.gmtime, rtc.time_ns = real
            us, offset, delay, _ = net.told[0][2]
            assert machine.RTC.times == [(2026, 9, 11, 4, 12, 0, 0, us % 1000000)]
            assert offset == 60000000 + delay // 2
            assert us == NOON * 1000000 + delay // 2


def test_drift_is_what_the_clock_has_lost_since_it_was_set():
    # The clock takes whole seconds, as RP2's, and loses 50 ppm.
    with Net() as net:
        now = [NOON * 1000000]  # the true time, and what the clock is ahead of it, in us
        ahead = [3000000]
        real = rtc.time_ns
        rtc.time_ns = lambda: (now[0] + ahead[0]) * 1000
        net.answers[0] = lambda query: [Answer(received=now[0], sent=now[0]).data(query)]

        def set_time(us):
            ahead[0] = us // 1000000 * 1000000 - now[0]

        try:
            Sntp(net.mgr, net.urls, net.on_time, set_time=set_time)
            net.settle()
            for _ in range(2):
                now[0] += 3600000000 + 123456
                ahead[0] -= 180000
                net.pass_ms(64000)
                net.pass_ms(3600000)
        finally:
            rtc.time_ns = real
        drifts = [data[3] for _, _, data in net.told]
        assert drifts[0] is None
        for (_, _, (_, _, delay, drift)), before in zip(net.told[1:], net.told):
            assert abs(drift - 50) <= 1 + (delay + before[2][2]) // 3600, drifts


def test_a_time_that_goes_back_has_no_drift():
    with Net() as net:
        net.start()
        net.settle()
        for at in (NOON - 5, 1704067200):
            net.answers[0] = lambda query: [Answer(received=at * 1000000, sent=at * 1000000).data(query)]  # noqa: B023
            net.pass_ms(64000)
            net.pass_ms(3600000)
        assert len(net.told) == 3 and [data[3] for _, _, data in net.told] == [None] * 3


def test_a_function_that_raises_costs_one_answer():
    for where in ("set_time", "fn"):
        with Net() as net:

            def bad(*args):
                raise ValueError("a bug on purpose")

            Sntp(net.mgr, net.urls, **{"set_time": net.set.append, where: bad})  # noqa: B023
            net.settle()
            assert net.mgr.stats["bugs"] == 1 and net.sockets() == 0
            net.pass_ms(64000)
            net.pass_ms(3600000)
            assert len(net.asked) == 2 and net.sockets() == 0
            net.mgr.stats["bugs"] = 0


def test_no_route_and_no_socket_are_tried_again():
    with Net() as net:
        real = net.mgr.connect
        failed = []

        class Deaf:
            stats = net.mgr.stats
            timer = net.mgr.timer

            def connect(self, *args):
                failed.append(1)
                if len(failed) < 3:
                    raise OSError(113)
                return real(*args)

        Sntp(Deaf(), net.urls, net.on_time, set_time=None)
        net.settle()
        assert failed == [1] and net.told == []
        net.pass_ms(2000)
        assert failed == [1, 1] and net.told == []
        net.pass_ms(4000)
        assert failed == [1, 1, 1] and len(net.told) == 1


def test_nobody_at_the_port():
    # The system says so by an error; the next server is asked when the time has come.
    with Net() as net:
        sock, port = bound(socket.SOCK_DGRAM)
        sock.close()
        Sntp(net.mgr, ["udp://127.0.0.1:%d" % port, net.urls[0]], net.on_time, set_time=None)
        net.settle()
        assert net.told == [] and net.asked == []
        net.pass_ms(2000)
        assert len(net.told) == 1


def test_a_wrong_server_is_the_callers_mistake():
    mgr = mungo.Manager()
    for url in ("10.0.0.1", "tcp://10.0.0.1:123", "udp://10.0.0.1", "udp://10.0.0.1:99999"):
        raised(ValueError, Sntp, mgr, ["udp://127.0.0.1:123", url])
        assert mgr.conns == [] and not mgr.timers
    mgr.close()
    assert raised_errno(Sntp, mgr, ["udp://127.0.0.1:123"]) == 9


def test_a_manager_that_closes_ends_the_question():
    with Net() as net:
        net.answers[0] = None
        net.start()
        net.settle()
        assert net.sockets() == 1
    assert net.mgr.conns == []


def test_a_silent_server_delays_nobody():
    # Twenty clients of the time, whose server is silent, next to an echo: its answers take as many turns as without them.
    def echo(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            c.send(c.recv.read())

    took = []
    for others in (0, 20):
        with Net() as net:
            net.answers[0] = None
            port = tcp_listen(net.mgr, echo)
            for _ in range(others):
                net.start()
            client = Client(net.mgr, port)
            client.until(lambda c: net.mgr.accepted)  # noqa: B023
            net.settle()
            n = 0
            for i in range(50):
                if i % 10 == 9:
                    net.time.now += 2000  # some give up, and ask anew
                client.send(b"%02d" % i)
                n += until(lambda: client.look() or client.got.endswith(b"%02d" % i), net.mgr)  # noqa: B023
            took.append(n)
            assert net.told == []
            client.close()
            turns(net.mgr, 3)
    assert took[1] <= took[0] + 2, took
