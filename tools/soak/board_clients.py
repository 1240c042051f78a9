"""The clients of the soak test at a board's limits. All that a server may do that is full is answer 503.

A client counts what has come of it by count(outcome), and raises Lost if an answer is wrong or missing.
"""

import asyncio
import random
import socket

import websockets.asyncio.client
import websockets.exceptions

from .clients import HEAD, PIECE, Link, Lost, check, dribbler

PICTURES = 16
# 70 by 70 dots of 24 bits: 14,754 bytes.
PICTURE = (
    b"BM" + (54 + 212 * 70).to_bytes(4, "little") + bytes(4) + b"\x36\0\0\0\x28\0\0\0\x46\0\0\0\x46\0\0\0\1\0\x18\0" + bytes(24)
    + b"\x20\x80\xe0" * 70 + b"\0\0" + (b"\x20\x80\xe0" * 70 + b"\0\0") * 69
)  # fmt: skip
PARTS = {"/s.css": b"body { color: #123 }", "/a.js": b"window.a = 1", "/b.js": b"window.b = 1"}
PARTS.update({"/picture/%d.bmp" % n: PICTURE for n in range(PICTURES)})
LARGE = b"".join(b"%015d\n" % n for n in range(6000))
SLOW_BYTES, SLOW_S = 2048, 0.1


class Busy(Exception):
    """The answer was 503."""


async def fetch(link, path):
    """The body of the answer to GET, and whether the connection is kept. Raises Busy; EOFError or OSError if nothing of it has come."""
    link.send("GET", path)
    status, fields = await link.head()
    body = b"".join([piece async for piece in link.pieces(fields)])
    if status == 503:
        raise Busy
    check(status, 200)
    return body, fields.get("connection") != "close"


class Tab:
    """A page that a browser loads, by up to six connections."""

    def __init__(self, port, count):
        self.port = port
        self.count = count
        self.wanted = []
        self.refused = 0

    async def load(self):
        """Load the page and its parts. True if all of them have come."""
        self.wanted = [("/", None)]
        await self.connection()
        if not self.refused:
            self.wanted = list(PARTS.items())
            await asyncio.gather(*(self.connection() for _ in range(6)))
        return not self.refused

    async def connection(self):
        """Fetch parts, one after the other, until none is left; connect anew when the server has said that it closes."""
        while self.wanted:
            async with Link.open(self.port) as link:
                is_kept, is_new = True, True
                while is_kept and self.wanted:
                    path, wanted = self.wanted.pop(0)
                    try:
                        body, is_kept = await fetch(link, path)
                    except Busy:
                        self.refused += 1
                        self.count("busy")
                        is_kept = False
                    except (EOFError, OSError):
                        # An idle connection may be closed while the next request is on its way: browsers repeat that.
                        if is_new:
                            raise
                        self.count("again")
                        self.wanted.insert(0, (path, wanted))
                        is_kept = False
                    else:
                        if wanted is not None and body != wanted:
                            raise Lost("%s: %d bytes" % (path, len(body)))
                        self.count("answered")
                    is_new = False


async def browser(port, count):
    """A person who loads the page: it is complete, or some of it was answered by 503. Returns the ms that a complete one took, or None."""
    now = asyncio.get_running_loop().time
    start = now()
    if not await Tab(port, count).load():
        count("pages_busy")
        return None
    count("pages")
    return (now() - start) * 1000


async def slow_reader(port, count):
    """A client that takes 20 KB a second of a large file."""
    reader, writer = None, None
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=4096)
        writer.write((HEAD % ("GET", "/large", 99, 99, 0, "Connection: close\r\n")).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 503 " in head:
            count("busy")
            return
        check(head[:13], b"HTTP/1.1 200 ")
        data = b""
        while piece := await reader.read(SLOW_BYTES):
            data += piece
            await asyncio.sleep(SLOW_S * len(piece) / SLOW_BYTES)
        if data != LARGE:
            raise Lost("/large: %d bytes" % len(data))
        count("answered")
        count("slow")
    finally:
        (writer or sock).close()


async def event_reader(port, count):
    """A page with an EventSource, which stays for a while."""
    async with Link.open(port) as link:
        link.send("GET", "/events", lines="Accept: text/event-stream\r\n")
        status, fields = await link.head()
        if status == 503:
            count("busy")
            return
        check(status, 200)
        n = 0
        leaves = random.randrange(10, 150)
        async for chunk in link.pieces(fields):
            if chunk[:5] == b"data:":
                check(chunk, b"data: %d\n\n" % n)
                n += 1
            if n == leaves:
                count("events", n)
                count("left")
                if n % 2:
                    link.abort()
                return
        raise Lost("the stream has ended")


async def talker(port, count):
    """A page with a WebSocket, which stays for a while."""
    try:
        async with websockets.asyncio.client.connect("ws://127.0.0.1:%d/ws" % port, proxy=None) as ws:
            for _ in range(random.randrange(10, 60)):
                said = random.randbytes(random.randrange(1, 1000)).hex()
                await ws.send(said)
                check(await ws.recv(), said)
                count("messages")
                await asyncio.sleep(random.random() * 0.6)
    except websockets.exceptions.InvalidStatus as er:
        check(er.response.status_code, 503)
        count("busy")


async def worker(port, count):
    """A client of a worker route."""
    async with Link.open(port) as link:
        body = random.randbytes(random.randrange(1, 500))
        status, found = await link.ask("POST", "/work", body)
        if status == 503:
            count("busy")
        else:
            check((status, found), (200, b"worked on " + body))
            count("answered")


async def streamer(port, count):
    """A client of a streamed answer, which a worker generates. One in three resets the connection in the middle."""
    n = random.randrange(1, 60)
    leaves = random.randrange(n) if not random.randrange(3) else None
    async with Link.open(port) as link:
        link.send("GET", "/stream?%d" % n)
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
    """A client that uploads 30 KB. If it is refused it reads that, whatever it has sent."""
    size = 30_000
    async with Link.open(port) as link:
        link.send("POST", "/upload", lines="Content-Length: %d\r\n" % size)
        link.writer.write(bytes(size))
        status, fields = await link.head()
        body = b"".join([piece async for piece in link.pieces(fields)])
        if status == 503:
            count("busy")
        else:
            check((status, body), (200, b"%d\n" % size))
            count("answered")


async def leaver(port, count):
    """A client that resets the connection in the middle of a request."""
    async with Link.open(port) as link:
        data = b"POST /work HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"
        link.writer.write(data[: random.randrange(len(data) + 1)])
        await asyncio.sleep(random.random() * 0.02)
        link.abort()
        count("left")


# How many of each run at once, and the mean pause of each in seconds. Browsers alone want four times the connections of a Pico W.
MIX = {
    browser: (3, 0.5),
    slow_reader: (1, 5),
    event_reader: (1, 10),
    talker: (1, 10),
    worker: (1, 2),
    streamer: (1, 2),
    uploader: (1, 2),
    leaver: (1, 1),
    dribbler: (1, 30),
}
