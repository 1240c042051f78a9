# 20,000 jobs for 50 clients that come, leave in the middle, and return: everybody who stays gets an answer, and that one's own.

import errno
import random
import time

import mungo
from net import Client, listening
from waiting import close, until

LANES = ("cpython", "upy")
MIN_HEAP = "8m"

TOTAL = 20000
CLIENTS = 50
PATIENT = 45  # it never leaves, and its jobs take longer than they may


class Visitor:
    """A client that asks, waits or leaves, and comes back."""

    def __init__(self, mgr, port, i):
        self.mgr = mgr
        self.port = port
        self.i = i
        self.n = 0
        self.client = None
        self.word = None  # what it waits for
        self.answers = self.refusals = self.left = 0

    def act(self):
        """Do something, or nothing if the answer is not there yet."""
        if self.client is None:
            self.client = Client(self.mgr, self.port)
        if self.word is None:
            self.n += 1
            self.word = b"<%d of %d>" % (self.n, self.i)
            self.client.got = b""
            self.client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(self.word), self.word))
        if self.i != PATIENT and not random.randrange(12):  # leave, in whatever state
            self.client.close()
            self.client = self.word = None
            self.left += 1
            return
        self.client.look()
        got = self.client.got
        assert not self.client.ended, got
        if got.endswith(b">") or got.endswith(b"busy"):
            assert got.count(b"HTTP/1.1 ") == 1, got
            if got.startswith(b"HTTP/1.1 200 "):
                assert got.endswith(b"\r\n\r\nanswer to " + self.word), (got, self.word)
                self.answers += 1
            else:
                assert got.startswith(b"HTTP/1.1 503 "), got
                self.refusals += 1
            self.word = None


def test_20000_jobs_of_clients_that_come_and_go():
    stress(TOTAL, 4, 16)


def test_with_one_worker():
    stress(TOTAL // 10, 1, 4)


def stress(total, n, queue):
    mgr = mungo.Manager()
    pool = mgr.workers(n=n, queue=queue)
    asked = []
    enough = []
    outcomes = {"result": 0, "gone": 0, "late": 0, "error": 0}

    def work(word):
        if word[-2:] in (b"0>", b"5>"):  # some take longer
            time.sleep_ms(30 if word[-3:] == b"45>" else 3)
        if word.endswith(b"7>"):
            raise KeyError(word)
        return b"answer to " + word

    def fn(c, ev, hm, fn_data):
        if ev != mungo.EV_HTTP_MSG:
            return
        if enough:
            c.http_reply(503, {}, "busy")
            return
        word = hm.body
        asked.append(None)

        def on_done(result, er):
            if er is None:
                outcomes["result"] += 1
                c.http_reply(200, {}, result)
            elif isinstance(er, KeyError):
                outcomes["error"] += 1
                c.http_reply(200, {}, b"answer to " + word)
            else:
                outcomes["late" if er.errno == errno.ETIMEDOUT else "gone"] += 1
                if not c.is_closing:
                    c.http_reply(503, {}, "busy")

        try:
            pool.submit(work, word, on_done=on_done, conn=c, timeout_ms=10 if word[-3:] == b"45>" else None)
        except OSError as er:
            assert er.errno == errno.EAGAIN
            c.http_reply(503, {}, "busy")

    _, port = listening(lambda url: mgr.http_listen(url, fn))
    mgr.report = lambda er: None  # 2,000 tracebacks
    visitors = [Visitor(mgr, port, i) for i in range(CLIENTS)]
    stats = pool.stats

    def all_has_happened():
        for name in ("done", "failed", "dropped", "timeouts", "late", "refused"):
            if not stats[name]:
                return False
        return sum([visitor.answers for visitor in visitors]) > total // 100

    # At least so many; how much of what happens in so many depends on the machine.
    while len(asked) < total or not all_has_happened():
        assert len(asked) < 20 * total, (stats, outcomes)
        for visitor in visitors:
            visitor.act()
        mgr.poll(1)
    enough.append(None)
    until(lambda: stats["busy"] == pool.queued == 0, mgr)
    until(lambda: sum(outcomes.values()) == stats["jobs"], mgr)
    print(stats, outcomes, sum([visitor.left for visitor in visitors]))
    assert stats["jobs"] + stats["refused"] == len(asked) >= total
    assert stats["done"] + stats["failed"] + stats["dropped"] + stats["timeouts"] == stats["jobs"]
    assert outcomes["result"] == stats["done"] and outcomes["error"] == stats["failed"]
    assert outcomes["gone"] == stats["dropped"] and outcomes["late"] == stats["timeouts"]
    assert stats["late"] <= stats["dropped"] + stats["timeouts"]
    for visitor in visitors:  # who has stayed is answered
        if visitor.word is not None:
            visitor.client.until(lambda c: c.got.endswith(b">") or c.got.endswith(b"busy"))
        if visitor.client is not None:
            visitor.client.close()
    until(lambda: len(mgr.conns) == 1, mgr)
    assert mgr.stats["bugs"] == 0 and pool.jobs == [None] * (n + queue) and mgr.pipes == 0
    close(mgr)
