"""The soak's clients. Each is a coroutine that asks once, checks the answer, and says in `count` what became of it."""

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
    """An answer that is wrong, or did not come."""


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
        """The status and the fields of the answer that comes."""
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in text.split("\r\n")[1:-2])
        return int(text.split()[1]), fields

    async def pieces(self, fields):
        """The body's chunks, or all of it."""
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
        """(status, body)"""
        self.send(method, path, body)
        status, fields = await self.head()
        return status, b"".join([piece async for piece in self.pieces(fields)])

    def abort(self):
        """Leave by a reset."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def check(found, *wanted):
    """ValueError is for what is wrong with this program; Lost for what the server owes."""
    if found not in wanted:
        raise Lost("%r: wanted %r" % (found, wanted))


async def browser(port, count):
    """A page: six connections at once, a handful of requests on each, two of them pipelined."""

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
    """Several requests that a thread answers, each with a body of its own; 503 is an answer too."""
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
    """A worker's route."""
    await asks(port, "/work", b"worked on ", count)


async def piper(port, count):
    """A thread and a pipe."""
    await asks(port + 1, "/pipe", b"piped ", count)


async def woken(port, count):
    """A thread and a wakeup."""
    await asks(port + 1, "/wake", b"woken ", count)


async def streamer(port, count):
    """A generator in a worker; one in three leaves in the middle."""
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
    """A body of 100 KB in pieces."""
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
    """Comes, says something or half of it, and leaves by a reset."""
    async with Link.open(port + random.randrange(2)) as link:
        data = b"POST /work HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"
        link.writer.write(data[: random.randrange(len(data) + 1)])
        await asyncio.sleep(random.random() * 0.02)
        link.abort()
        count("left")


async def dribbler(port, count):
    """Sends a byte each second, until the server has had enough and says so."""
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
        raise Lost("a head that took 40 s was never cut")


# How many of each there are at once: in connections about 80 % of what the server takes.
MIX = {browser: 1, worker: 5, piper: 4, woken: 4, streamer: 2, uploader: 1, aborter: 3}
