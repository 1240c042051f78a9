# The bare loop with bodies: it counts the bytes of an upload, and sends large answers in pieces. It validates nothing, like bare.py.

import json
import os
import select
import socket
from errno import EAGAIN

from bare import HI, parse
from control import CONTROL, FACTS, TEXT10K, TEXT100K, control

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


def answer(target):
    """The answer to a GET, as a list of bytes objects."""
    path = target.split(b"?", 1)[0]
    if path == b"/json":
        body = json.dumps(FACTS).encode()
        return [HEAD % len(body) + body]
    if path == b"/10k":
        return [HEAD % len(TEXT10K), TEXT10K]
    if path == b"/100k":
        return [HEAD % len(TEXT100K), TEXT100K]
    return [control(path) if path in CONTROL else HI]


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.part = b""  # the start of an incomplete head
        self.left = 0  # bytes of the body that are missing
        self.size = 0  # bytes of the body
        self.out = []  # memoryviews to send
        self.is_open = True

    def read(self, buf):
        """Receive once and handle the data; False if the connection is closed."""
        n = self.sock.readinto(buf)
        if not n:
            return n is None
        if self.left:
            self.left -= n
            if not self.left:
                self.reply()
            return True
        data = self.part + bytes(memoryview(buf)[:n])
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self.part = data
            return True
        self.part = b""
        target, headers = parse(data[:end])
        self.is_open = headers.get(b"connection") != b"close"
        self.size = int(headers.get(b"content-length", 0))
        if self.size:
            self.left = self.size - (len(data) - end - 4)
            if not self.left:
                self.reply()
        else:
            for piece in answer(target):
                self.out.append(memoryview(piece))
        return True

    def reply(self):
        body = b"%d\n" % self.size
        self.out.append(memoryview(HEAD % len(body) + body))

    def flush(self):
        """Send as much as the socket accepts; True if nothing is left."""
        while self.out:
            n = self.sock.write(self.out[0])
            if not n:
                return False
            if n < len(self.out[0]):
                self.out[0] = self.out[0][n:]
            else:
                self.out.pop(0)
        return True


def serve(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    listener.listen(64)
    listener.setblocking(False)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    clients = {}
    buf = bytearray(4096)
    while True:
        for sock, ev in poll.ipoll(-1):
            try:
                if sock is listener:
                    sock = listener.accept()[0]
                    sock.setblocking(False)
                    poll.register(sock, select.POLLIN)
                    clients[sock.fileno()] = Client(sock)
                    continue
                fd = sock.fileno()
                client = clients[fd]
                if client.out or client.read(buf):
                    if not client.out:
                        continue
                    if not client.flush():
                        poll.modify(sock, select.POLLOUT)
                        continue
                    if client.is_open:
                        if ev & select.POLLOUT:
                            poll.modify(sock, select.POLLIN)
                        continue
            except OSError as er:
                if er.errno == EAGAIN:
                    continue
            poll.unregister(sock)
            clients.pop(fd)
            sock.close()


serve(int(os.getenv("PORT")))
