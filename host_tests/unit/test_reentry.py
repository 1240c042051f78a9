# Nothing waits inside a handler: `poll` and `close` refuse there with RuntimeError. Handlers that are called between two turns are no
# exception, nor are those that a close calls.

import socket

import mungo
import mungo.fetch
import mungo.ws as ws
from net import bound, free, listening
from raising import raised
from waiting import Crew, close, until

MIN_HEAP = "224k"


def refuses(mgr, pool=None):
    """All that would wait refuses, and changes nothing."""
    raised(RuntimeError, mgr.poll, 0)
    raised(RuntimeError, mgr.close, 0)
    raised(RuntimeError, mungo.fetch.fetch, "http://127.0.0.1:9/")
    if pool is not None:
        raised(RuntimeError, pool.close, 0)


def in_a_thread(fn, *args, **kwargs):
    """Call it in another thread; what it returns or raises."""
    crew = Crew()
    seen = []

    def call():
        try:
            seen.append(fn(*args, **kwargs))
        except Exception as er:
            seen.append(er)

    crew.start(call)
    crew.join()
    return seen[0]


def test_all_managers_belong_to_one_thread():
    # They load parts of the library when they need them, and two threads must not do that at the same time.
    mgr = mungo.Manager()
    for make in (mungo.Manager, mungo.fetch.fetch):
        er = in_a_thread(make, *([] if make is mungo.Manager else ["http://127.0.0.1:9/"]))
        assert isinstance(er, RuntimeError) and "thread" in str(er), er
    raised(ValueError, mungo.Manager, queue=-1)  # does not count
    with mungo.Manager() as second:
        assert second.poll(0) and mgr.poll(0)
    assert isinstance(in_a_thread(mungo.Manager), RuntimeError)
    assert mgr.close() and mgr.close()
    other = in_a_thread(mungo.Manager)  # there is none any more
    assert isinstance(other, mungo.Manager), other
    raised(RuntimeError, mungo.Manager)
    assert other.close()


def test_another_thread_may_poll_the_only_manager():
    mgr = mungo.Manager()
    assert in_a_thread(mgr.poll, 0) is True
    raised(RuntimeError, mungo.Manager)  # it has gone to that thread
    assert in_a_thread(mgr.close) is True
    one, two = mungo.Manager(), mungo.Manager()
    assert isinstance(in_a_thread(one.poll, 0), RuntimeError)
    assert one.poll(0) and two.poll(0)
    assert one.close() and two.close()


def test_in_ev_open_of_what_is_opened_between_two_turns():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    seen = []

    def fn(c, ev, data, name):
        if ev != mungo.EV_CLOSE:
            refuses(mgr, pool)
            seen.append((name, ev))

    _, port = listening(lambda url: mgr.listen(url, fn, "tcp"), "tcp")
    listening(lambda url: mgr.http_listen(url, fn, "http"))
    free(lambda port: mgr.listen("udp://127.0.0.1:%d" % port, fn, "udp"))
    mgr.connect("tcp://127.0.0.1:%d" % port, fn, "connect")
    mgr.connect("udp://127.0.0.1:%d" % port, fn, "datagrams")
    mgr.http_connect("http://127.0.0.1:%d/" % port, fn, "request")
    ws.connect(mgr, "ws://127.0.0.1:%d/" % port, fn, "websocket")
    sock, _ = bound(socket.SOCK_DGRAM)
    mgr.wrap(sock, fn, "wrap", udp=True)
    end = mgr.mkpipe(fn, "mkpipe")
    mgr.mkpipe(fn, "pair", udp=True).close()
    job_end = pool.submit(int, pipe=fn).end
    outgoing = ["connect", "datagrams", "request", "websocket"]
    opened = [(name, mungo.EV_OPEN) for name in ["tcp", "http", "udp"] + outgoing + ["wrap", "mkpipe", "pair"]]
    resolved = [(name, mungo.EV_RESOLVE) for name in outgoing]
    assert [one for one in seen if one[1] == mungo.EV_OPEN] == opened + [(None, mungo.EV_OPEN)], seen
    assert [one for one in seen if one[1] == mungo.EV_RESOLVE] == resolved and seen.count(("datagrams", mungo.EV_CONNECT)) == 1
    assert not mgr.stats["bugs"] and not mgr.busy and mgr.poll(0)
    assert job_end is not None
    close(mgr, end)


def test_a_handler_that_raises_between_two_turns_leaves_no_turn_behind():
    mgr = mungo.Manager()

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_OPEN:
            raise fn_data

    mgr.mkpipe(fn, ValueError("on purpose")).close()
    assert mgr.stats["bugs"] == 1 and not mgr.busy
    end = mgr.mkpipe(fn, KeyboardInterrupt())  # the next poll raises it
    assert not mgr.busy
    raised(KeyboardInterrupt, mgr.poll)
    assert not mgr.busy and mgr.poll(0) and not mgr.conns
    close(mgr, end)


def test_what_an_open_handler_sends_between_two_turns_has_its_whole_time():
    # The deadline counts from then, not from the last turn.
    mgr = mungo.Manager(write_ms=5000)
    mgr.poll(0)
    mgr.now -= 4000
    seen = []

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_OPEN:
            mgr.deadline(c, 3000)
            seen.append(c.since)

    now = mgr.now
    end = mgr.mkpipe(fn)
    assert seen[0] - now >= 4000
    close(mgr, end)


def test_in_on_done_and_ev_close_when_the_pool_is_closed():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    seen = []

    def handler(c2, ev, data, fn_data):
        refuses(mgr, pool)
        seen.append(ev)

    def on_done(result, er):
        refuses(mgr, pool)
        seen.append("done")

    pool.submit(until, lambda: seen[2:], on_done=on_done)
    pool.submit(int, on_done=on_done, pipe=handler)
    assert seen == [mungo.EV_OPEN] and pool.close(10000) is True
    assert seen == [mungo.EV_OPEN, "done", "done", mungo.EV_CLOSE], seen
    assert not mgr.stats["bugs"] and mgr.poll(0)
    close(mgr)


def test_in_on_done_of_a_job_that_is_cancelled_between_two_turns():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    seen = []

    def on_done(result, er):
        refuses(mgr, pool)
        seen.append(er)

    pool.cancel(pool.submit(int, on_done=on_done))
    assert len(seen) == 1 and not mgr.stats["bugs"] and mgr.poll(0)
    close(mgr)


def test_in_all_handlers_when_the_manager_is_closed():
    mgr = mungo.Manager()
    pool = mgr.workers(n=1)
    seen = []

    def fn(c, ev, data, name):
        if ev == mungo.EV_CLOSE:
            refuses(mgr, pool)
            seen.append(name)

    def on_done(result, er):
        refuses(mgr, pool)
        seen.append(result)

    free(lambda port: mgr.listen("udp://127.0.0.1:%d" % port, fn, "udp"))
    go = []
    pool.submit(lambda: until(lambda: go) or 5, on_done=on_done)
    until(lambda: pool.stats["busy"], mgr)
    go.append(1)
    until(lambda: pool.first_done)  # its result is on the way
    pool.submit(until, lambda: seen, on_done=on_done)
    pool.submit(int, on_done=on_done, pipe=lambda c, ev, data, fn_data: fn(c, ev, data, "job"))
    mgr.mkpipe(fn, "pipe").close()
    assert mgr.close(10000) is True
    assert seen == [None, None, "pipe", "job", "udp", 5], seen
    assert not mgr.stats["bugs"]
