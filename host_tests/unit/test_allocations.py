# What the loop leaves to the collector. Counts of bytes, the same each time.

import gc
import socket

import mungo
from net import Client, listening

LANES = ("upy",)

BROWSER = (
    b"GET /?n=%d HTTP/1.1\r\n"
    b"Host: localhost:8000\r\n"
    b"Connection: keep-alive\r\n"
    b"Cache-Control: max-age=0\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.%d.0 Safari/537.36\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    b"Accept-Encoding: gzip, deflate, br\r\n"
    b"Accept-Language: en-US,en;q=0.9\r\n"
    b"Cookie: session=%d\r\n"
    b'If-None-Match: "%d"\r\n'
    b"DNT: 1\r\n\r\n"
)


def hello(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        c.http_reply(200, {}, "hi\n")


def test_idle_turns_allocate_nothing():
    mgr = mungo.Manager()
    _, port = listening(lambda url: mgr.http_listen(url, hello))
    client = Client(mgr, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    client.until_has(b"hi\n")
    end = mgr.mkpipe(None)
    mgr.timer(100000, print)
    gc.collect()
    gc.disable()
    mgr.poll(0)
    before = gc.mem_alloc()
    for _ in range(1000):
        mgr.poll(0)
    after = gc.mem_alloc()
    gc.enable()
    assert after - before == 0, after - before
    end.close()
    client.close()
    mgr.close()


def test_a_kept_alive_browser_request_leaves_little():
    mgr = mungo.Manager()
    _, port = listening(lambda url: mgr.http_listen(url, hello))
    client = Client(mgr, port)
    requests = [BROWSER % (i, i * 7, i * 1234567, i) for i in range(60)]
    assert 400 < len(requests[9]) < 600
    buf = bytearray(200)

    def exchange(request):
        client.sock.write(request)
        while True:
            mgr.poll(1000)
            n = client.sock.readinto(buf)
            if n:
                return n

    for request in requests[:10]:
        exchange(request)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for request in requests[10:]:
        exchange(request)
    after = gc.mem_alloc()
    gc.enable()
    assert buf.find(b"\r\n\r\nhi\n") > 0
    assert (after - before) / 50 <= 600, (after - before) / 50
    client.close()
    mgr.close()


def test_a_connection_with_one_browser_request_leaves_little():
    mgr = mungo.Manager()
    _, port = listening(lambda url: mgr.http_listen(url, hello))
    address = socket.getaddrinfo("127.0.0.1", port)[0][-1]
    requests = [(BROWSER % (i, i * 7, i * 1234567, i)).replace(b"keep-alive", b"close") for i in range(40)]
    buf = bytearray(200)

    def exchange(request):
        client = socket.socket()
        client.connect(address)
        client.write(request)
        while len(mgr.conns) < 2:
            mgr.poll(1000)
        while len(mgr.conns) > 1:
            mgr.poll(1000)
        assert client.readinto(buf) and buf.find(b"\r\n\r\nhi\n") > 0
        client.close()

    for request in requests[:10]:
        exchange(request)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for request in requests[10:]:
        exchange(request)
    after = gc.mem_alloc()
    gc.enable()
    assert (after - before) / 30 <= 2400, (after - before) / 30  # the client's socket is among it
    mgr.close()


def test_a_closed_connection_is_not_kept():
    mgr = mungo.Manager()

    def fn(c, ev, hm, fn_data):
        hello(c, ev, hm, fn_data)
        if ev == mungo.EV_ACCEPT:
            c.fn_data = bytearray(50000)

    _, port = listening(lambda url: mgr.http_listen(url, fn))
    gc.collect()
    before = gc.mem_alloc()
    clients = [Client(mgr, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(10)]
    for client in clients:
        client.until_has(b"hi\n")
    gc.collect()
    assert gc.mem_alloc() - before > 10 * 50000
    for client in clients:
        client.close()
    while len(mgr.conns) > 1:
        mgr.poll(100)
    gc.collect()
    kept = gc.mem_alloc() - before
    assert kept < 2 * 50000, kept  # (one may be found on the stack: the collector is a conservative one)
    mgr.close()


def test_closing_sets_no_attribute_that_was_not_set():
    # A dict that has to grow needs memory, and closing is what gives memory back.
    mgr = mungo.Manager()
    seen = []

    def fn(c, ev, hm, fn_data):
        hello(c, ev, hm, fn_data)
        if ev == mungo.EV_CLOSE:
            seen.append(sorted(c.__dict__))

    _, port = listening(lambda url: mgr.http_listen(url, fn))
    client = Client(mgr, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    client.until_has(b"hi\n")
    c = mgr.conns[-1]
    before = sorted(c.__dict__)
    client.close()
    while not seen:
        mgr.poll(100)
    assert seen == [before], (before, seen)
    assert sorted(c.__dict__) == before
    mgr.close()
