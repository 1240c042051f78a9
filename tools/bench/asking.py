"""A blocking client, for the measurements that are not about speed."""

import socket
import time

from .requesting import blocks, is_right, plain


class Blocking:
    """A client with one connection, or with a new one for each request."""

    def __init__(self, port, close, timeout=10):
        self.addr = ("127.0.0.1", port)
        self.is_close = close
        self.timeout = timeout
        self.sock = None
        self.answered = 0.0  # when the last answer was complete

    def ask(self, request):
        """The body of the answer. Raises OSError if the status is not 200."""
        if self.sock is None:
            self.sock = socket.create_connection(self.addr, timeout=self.timeout)
        self.sock.sendall(request)
        data = b""
        while True:
            more = self.sock.recv(1 << 18)
            data += more
            head, mark, body = data.partition(b"\r\n\r\n")
            if not more or (mark and b"content-length:" in head.lower()):
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) if mark else -1
                if len(body) == length:
                    break
                if not more:
                    raise OSError("answer cut: %r" % data[:500])
        self.answered = time.perf_counter()
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
            raise OSError("answer: %r" % head)
        if self.is_close or b"connection: close" in head.lower():
            while self.sock.recv(65536):  # the server's work ends with its close
                pass
            self.close()
        return body

    def close(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None


def heap(port):
    """The bytes of heap that a server uses after a collection, from /heap in control.py. Raises OSError if it has no /heap (CPython)."""
    client = Blocking(port, False)
    try:
        return int(client.ask(plain("/heap")).split()[0])
    finally:
        client.close()


def garbage(port, kind, count, close):
    """{"garbage": bytes that a request allocates, "threshold"}: the growth of the heap over `count` requests, with the collector off."""
    client = Blocking(port, close)
    made = blocks(kind, close, count)
    mem, collect = plain("/mem", close), plain("/collect", close)

    def used():
        return int(client.ask(mem).split()[0])

    for block in made[:50]:
        client.ask(block)
    client.ask(collect)
    used()
    first = used()
    second = used()
    for n in range(count):
        body = client.ask(made[n % len(made)])
        if not is_right(kind, body):
            raise OSError("body: %r" % body[:500])
    third = used()
    threshold = int(client.ask(mem).split()[1])
    client.close()
    return {"garbage": (third - second - (second - first)) / count, "threshold": threshold}
