# WebSockets in a heap as small as a board's: messages come and go at a memory that stays as it is.

import gc

import mungo
import mungo.ws as ws
from net import Client, listening

MIN_HEAP = "160k"

_REQUEST = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def test_echoes_keep_no_memory():
    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_HTTP_MSG:
            ws.upgrade(c, data)
        elif ev == mungo.EV_WS_MSG:
            assert ws.send(c, data)

    def echo(n):
        text = b"%d" % n + b"x" * 200
        client.send(b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text)
        client.until(lambda c: len(c.got) == 4 + len(text))
        assert client.got[:4] == b"\x81\x7e" + len(text).to_bytes(2, "big") and client.got[4:] == text
        client.got = b""

    with mungo.Manager(ws_limit=4000) as mgr:
        _, port = listening(lambda url: mgr.http_listen(url, fn))
        client = Client(mgr, port, _REQUEST)
        client.until_has(b"\r\n\r\n")
        client.got = b""
        for n in range(10):
            echo(n)
        gc.collect()
        before = gc.mem_alloc()
        for n in range(100):
            echo(n)
        gc.collect()
        assert gc.mem_alloc() - before < 500, gc.mem_alloc() - before
        client.send(b"\x82\xfe\x0f\xa0" + bytes(4 + 4000))  # the longest
        client.until(lambda c: len(c.got) == 4004)
        client.close()
