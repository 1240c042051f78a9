# A full manager: it serves the connections that it has and lets new clients wait; who waits too long is told so. Nobody is cut off in the
# middle of a request, and connections that never ask for anything do not keep others out.

import time

import mungo
from net import Client, listening, turns
from raising import refused

MIN_HEAP = "192k"

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"


def hello(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG and not hm.match("/wait"):
        c.http_reply(200, {}, "hi\n")


def full(fn=hello, **limits):
    limits = dict({"max_conns": 2, "linger_ms": 100}, **limits)
    mgr = mungo.Manager(**limits)
    _, port = listening(lambda url: mgr.http_listen(url, fn))
    return mgr, port


def end(mgr, clients):
    for client in clients:
        client.close()
    assert mgr.close()


def test_twelve_clients_that_ask_late_are_all_answered():
    mgr, port = full(max_conns=4)
    clients = [Client(mgr, port) for _ in range(12)]
    for _ in range(3):
        mgr.poll(20)
    for client in clients:
        client.send(GET)
    for client in clients:
        client.until(lambda c: c.got.endswith(b"hi\n"))
        assert client.got.startswith(b"HTTP/1.1 200 OK\r\n"), client.got
    assert mgr.stats["refused"] == 0
    end(mgr, clients)


def test_the_client_that_waits_is_no_surprise_to_who_looks_at_all_connections():
    mgr, port = full(max_conns=1)
    clients = [Client(mgr, port, WAIT), Client(mgr, port, GET)]
    turns(mgr, lambda: mgr.waiting is not None and any(c.is_accepted and c.is_resp for c in mgr.conns))
    c = mgr.waiting
    assert c in mgr.conns and not c.is_resp and not c.is_idle
    refused(c.http_reply, 200, {}, "hi\n")
    refused(c.http_chunk, "x")
    for one in mgr.conns:
        if one.is_accepted:
            one.http_reply(200, {}, "done\n")
    clients[1].until(lambda c: c.got.endswith(b"hi\n"))
    assert clients[1].got.startswith(b"HTTP/1.1 200 ") and mgr.stats["bugs"] == 0
    end(mgr, clients)


def test_what_is_sent_to_the_client_that_waits_counts_until_it_is_sent():
    mgr, port = full(max_conns=1)
    clients = [Client(mgr, port, WAIT), Client(mgr, port, GET)]
    turns(mgr, lambda: mgr.waiting is not None and any(c.is_accepted and c.is_resp for c in mgr.conns))
    mgr.waiting.send("early\n")
    clients[0].close()
    clients[1].until(lambda c: c.got.endswith(b"hi\n"))
    assert clients[1].got.startswith(b"early\nHTTP/1.1 200 ") and mgr.held == 0, (clients[1].got, mgr.held)
    end(mgr, clients[1:])


def test_the_client_that_waits_does_not_make_room_for_itself():
    counts = {mungo.EV_OPEN: 0, mungo.EV_CLOSE: 0}

    def fn(c, ev, hm, fn_data):
        if ev in counts and not c.is_listening:
            counts[ev] += 1
        hello(c, ev, hm, fn_data)

    mgr, port = full(fn, max_conns=1, ask_ms=1, busy_ms=10000)
    clients = [Client(mgr, port, WAIT), Client(mgr, port)]
    turns(mgr, lambda: mgr.waiting is not None)
    waiting = mgr.waiting
    start = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), start) < 120:  # it looks for an idle one meanwhile
        mgr.poll(20)
    assert mgr.waiting is waiting and waiting in mgr.conns
    clients[0].close()
    clients[1].send(GET)
    clients[1].until(lambda c: c.got.endswith(b"hi\n") or c.ended)
    end(mgr, clients[1:])
    assert counts[mungo.EV_OPEN] == counts[mungo.EV_CLOSE] == 2 and mgr.accepted == 0, counts


def test_answers_say_that_they_are_the_last_while_a_client_waits():
    mgr, port = full()
    first = Client(mgr, port, GET)
    first.until(lambda c: c.got.endswith(b"hi\n"))
    assert b"Connection" not in first.got
    slow = [Client(mgr, port, WAIT) for _ in range(2)]  # the one that was answered makes room
    first.until_ended()
    turns(mgr, lambda: all(c.is_resp for c in mgr.conns if c.proto) and mgr.accepted == 2)
    assert mgr.stats["evicted"] == 1
    late = Client(mgr, port, GET)
    turns(mgr, lambda: mgr.waiting is not None)
    assert not late.got
    answered = [c for c in mgr.conns if c.is_accepted]
    answered[0].http_reply(200, {"X": "y"}, "done\n")
    answered[1].http_reply(200, {}, "done\n")
    for client in slow:
        client.until(lambda c: c.got.endswith(b"done\n"))
        assert b"\r\nConnection: close\r\n" in client.got, client.got
    late.until(lambda c: c.got.endswith(b"hi\n"))
    assert mgr.stats["refused"] == 0 and mgr.waiting is None
    end(mgr, [first, late] + slow)


def test_connections_that_never_ask_make_room_after_ask_ms():
    mgr, port = full(ask_ms=200, busy_ms=10000)
    silent = [Client(mgr, port) for _ in range(2)]
    turns(mgr, lambda: mgr.accepted == 2)
    late = Client(mgr, port, GET)
    turns(mgr, lambda: mgr.waiting is not None)
    assert mgr.stats["evicted"] == 0  # they may be about to ask
    late.until(lambda c: c.got.endswith(b"hi\n"))
    assert mgr.stats["evicted"] == 1
    end(mgr, [late] + silent)


def test_who_has_waited_for_busy_ms_is_refused_and_who_waits_behind_as_well():
    mgr, port = full(busy_ms=300, head_ms=20000)
    slow = [Client(mgr, port, WAIT) for _ in range(2)]
    turns(mgr, lambda: all(c.is_resp for c in mgr.conns if c.proto) and mgr.accepted == 2)
    late = [Client(mgr, port, GET) for _ in range(3)]
    for client in late:
        client.until(lambda c: b"\r\n\r\n" in c.got)
        assert client.got.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 1\r\n" in client.got, client.got
    assert mgr.stats["refused"] == 3 and mgr.stats["evicted"] == 0
    for c in [c for c in mgr.conns if c.is_accepted]:
        c.http_reply(200, {}, "done\n")
    for client in slow:
        client.until(lambda c: c.got.endswith(b"done\n"))  # those that were served still are
    new = Client(mgr, port, GET)
    new.until(lambda c: c.got.endswith(b"hi\n"))
    end(mgr, [new] + late + slow)


# Its next request may be on its way, in the network.
def test_a_connection_that_was_just_answered_makes_no_room():
    mgr, port = full(busy_ms=160000)
    kept = [Client(mgr, port, GET) for _ in range(2)]
    for client in kept:
        client.until(lambda c: c.got.endswith(b"hi\n"))
        assert b"Connection" not in client.got
    late = Client(mgr, port, GET)
    turns(mgr, lambda: mgr.waiting is not None)
    for client in kept:
        client.got = b""
        client.send(GET)
    kept[0].until(lambda c: c.got.endswith(b"hi\n"))
    assert b"\r\nConnection: close\r\n" in kept[0].got
    late.until(lambda c: c.got.endswith(b"hi\n"))
    kept[1].until(lambda c: c.got.endswith(b"hi\n"))
    assert mgr.stats["evicted"] == 0
    end(mgr, [late] + kept)


def test_a_request_on_its_way_is_not_cut_off():
    mgr, port = full()
    halves = [Client(mgr, port, GET[:10]) for _ in range(2)]
    turns(mgr, lambda: mgr.accepted == 2 and all(len(c.recv) for c in mgr.conns if c.proto))
    late = Client(mgr, port, GET)
    turns(mgr, lambda: mgr.waiting is not None)
    for client in halves:
        client.send(GET[10:])
        client.until(lambda c: c.got.endswith(b"hi\n"))
    late.until(lambda c: c.got.endswith(b"hi\n"))
    assert mgr.stats["evicted"] == 0
    end(mgr, [late] + halves)


def test_a_waiting_client_that_leaves_makes_room_for_the_next():
    mgr, port = full(busy_ms=20000)
    slow = [Client(mgr, port, WAIT) for _ in range(2)]
    turns(mgr, lambda: all(c.is_resp for c in mgr.conns if c.proto) and mgr.accepted == 2)
    late = Client(mgr, port, GET)
    turns(mgr, lambda: mgr.waiting is not None)
    first = mgr.waiting
    late.sock.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER with 0 s: close is a reset
    late.sock.close()
    turns(mgr, lambda: mgr.waiting is None)
    next_one = Client(mgr, port, GET)
    turns(mgr, lambda: mgr.waiting is not None)
    assert mgr.waiting is not first
    for c in [c for c in mgr.conns if c.is_accepted]:
        c.http_reply(200, {}, "done\n")
    next_one.until(lambda c: c.got.endswith(b"hi\n"))
    end(mgr, [next_one] + slow)


def test_each_client_has_busy_ms_of_its_own():
    mgr, port = full(busy_ms=600, head_ms=20000)
    slow = [Client(mgr, port, WAIT) for _ in range(2)]
    turns(mgr, lambda: all(c.is_resp for c in mgr.conns if c.proto) and mgr.accepted == 2)
    first = Client(mgr, port, GET)
    turns(mgr, lambda: mgr.waiting is not None)
    start = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), start) < 400:
        mgr.poll(20)
    came = time.ticks_ms()
    second = Client(mgr, port, GET)
    first.until_has(b"HTTP/1.1 503 ")
    first.close()
    second.until_has(b"HTTP/1.1 503 ")
    assert time.ticks_diff(time.ticks_ms(), came) >= 590, time.ticks_diff(time.ticks_ms(), came)
    assert mgr.stats["refused"] == 2
    end(mgr, slow + [second])


def test_a_request_that_has_come_is_served_before_its_connection_makes_room():
    mgr, port = full(busy_ms=20000)
    kept = [Client(mgr, port, GET) for _ in range(2)]
    for client in kept:
        client.until_has(b"hi\n")
        client.got = b""
    late = [Client(mgr, port, GET) for _ in range(2)]
    for client in kept:
        client.send(GET)
    time.sleep_ms(50)  # then all of that is there when the loop looks
    for client in kept + late:
        client.until_has(b"hi\n")
    end(mgr, kept + late)
