"""The clients of the soak test. Each is a coroutine that sends its requests, checks the answers and calls count(outcome)."""

import asyncio
import contextlib
import random
import socket
import struct

WAIT_S = 30
HEAD = (
    "%s %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: de-CH,de;q=0.7,en;q=0.3\r\n"
    "Accept-Encoding: gzip, deflate\r\nCookie: sid=%032x; theme=dark\r\n%s\r\n"
)
PIECE = b"0123456789abcde\n" * 64


class Lost(Exception):
    """The answer is wrong or missing."""


class Link:
    """A kept-alive connection to the server."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    def send(self, method, path, body=None, lines=""):
        if body is not None:
            lines += "Content-Length: %d\r\n" % len(body)
        rv = random.randrange(90, 140)
        self.writer.write((HEAD % (method, path, rv, rv, random.getrandbits(128), lines)).encode() + (body or b""))

    async def head(self):
        """(status, {header in lower case: value}) of the next answer."""
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in text.split("\r\n")[1:-2])
        return int(text.split()[1]), fields

    async def pieces(self, fields):
        """Yields the chunks of the body; the whole body if it has a Content-Length."""
        if "content-length" in fields:
            yield await self.reader.readexactly(int(fields["content-length"]))
            return
        while True:
            n = int(await self.reader.readline(), 16)
            data = (await self.reader.readexactly(n + 2))[:-2]
            if not n:
                return
            yield data

    async def ask(self, method, path, body=None):
        """Send a request and return (status, body) of the answer."""
        self.send(method, path, body)
        status, fields = await self.head()
        return status, b"".join([piece async for piece in self.pieces(fields)])

    def abort(self):
        """Close the connection with a reset."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def check(found, *wanted):
    """Raise Lost unless `found` is one of `wanted`."""
    if found not in wanted:
        raise Lost("%r: wanted %r" % (found, wanted))


async def browser(port, count):
    """A browser that loads a page: six connections at once, several requests on each, two of them pipelined."""

    async def one():
        async with Link.open(port) as link:
            for _ in range(3):
                check(await link.ask("GET", "/fast"), (200, b"hi\n"))
                body = random.randbytes(random.randrange(1, 2000))
                check(await link.ask("POST", "/echo", body), (200, body))
                link.send("GET", "/big")
                link.send("GET", "/fast?a=b")
                status, fields = await link.head()
                check((status, b"".join([piece async for piece in link.pieces(fields)])), (200, PIECE))
                check((await link.head())[0], 200)
                check(await link.reader.readexactly(3), b"hi\n")
                count("answered", 4)

    await asyncio.gather(*(one() for _ in range(6)))


async def asks(port, path, prefix, count):
    """Requests that a thread answers, each with its own body. 503 is a right answer too."""
    async with Link.open(port) as link:
        for _ in range(5):
            body = random.randbytes(random.randrange(1, 500))
            status, found = await link.ask("POST", path, body)
            if status == 503:
                count("busy")
                await asyncio.sleep(0.05)
            else:
                check((status, found), (200, prefix + body))
                count("answered")


async def worker(port, count):
    """A client of a worker route."""
    await asks(port, "/work", b"worked on ", count)


async def piper(port, count):
    """A client of a thread that answers by a pipe."""
    await asks(port + 1, "/pipe", b"piped ", count)


async def woken(port, count):
    """A client of a thread that answers by wakeup."""
    await asks(port + 1, "/wake", b"woken ", count)


async def streamer(port, count):
    """A client of a streamed answer, which a worker generates. One in three resets the connection in the middle."""
    n = random.randrange(1, 60)
    leaves = random.randrange(n) if not random.randrange(3) else None
    async with Link.open(port) as link:
        link.send("GET", "/stream?n=%d" % n)
        status, fields = await link.head()
        if status == 503:
            count("busy")
            return
        check(status, 200)
        got = 0
        async for piece in link.pieces(fields):
            if got == leaves:
                link.abort()
                count("left")
                return
            check(piece, PIECE)
            got += 1
        check(got, n)
        count("answered")


async def uploader(port, count):
    """A client that uploads 100 KB in pieces."""
    size = 100_000
    async with Link.open(port) as link:
        link.send("POST", "/upload", lines="Content-Length: %d\r\n" % size)
        for at in range(0, size, 5000):
            link.writer.write(bytes(min(5000, size - at)))
            await link.writer.drain()
        status, fields = await link.head()
        check((status, b"".join([piece async for piece in link.pieces(fields)])), (200, b"%d\n" % size))
        count("answered")


async def aborter(port, count):
    """A client that sends a part of a request, or all of it, and resets the connection."""
    async with Link.open(port + random.randrange(2)) as link:
        data = b"POST /work HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"
        link.writer.write(data[: random.randrange(len(data) + 1)])
        await asyncio.sleep(random.random() * 0.02)
        link.abort()
        count("left")


async def dribbler(port, count):
    """A client that sends a byte a second, until the server answers 408 or 503."""
    async with Link.open(port) as link:
        for byte in b"GET /slow-as-treacle HTTP/1.1\r\nHost: localhost\r\n":
            link.writer.write(bytes([byte]))
            try:
                head = await asyncio.wait_for(link.reader.readline(), 1)
            except TimeoutError:
                continue
            check(head, b"HTTP/1.1 408 Request Timeout\r\n", b"HTTP/1.1 503 Service Unavailable\r\n")
            count("cut")
            return
        raise Lost("the server did not time out a slow head")


# How many of each run at once. They have about 80 % of the connections that the server takes.
MIX = {browser: 1, worker: 5, piper: 4, woken: 4, streamer: 2, uploader: 1, aborter: 3}
