# The yardstick: a poll loop as one writes it by hand for one purpose. It answers every GET with "hi\n", keeps
# connections alive, takes requests in pieces and several at once, and reads every header into a dict. It is right for
# every valid request without a body and checks none: no limits, no deadlines, no validation, a full send buffer drops.
#
# Bytes, because str costs two thirds more: each new str is looked up among the interned ones. strip(), because the
# space after the colon is optional; bare_loose.py shows what that costs. partition, find, a dict comprehension, poll
# instead of ipoll, readinto a buffer, and recv(1024) were all within 10 % of this.

import os
import select
import socket
from errno import EAGAIN

from control import CONTROL, control

HI = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n"


def parse(head):
    lines = head.split(b"\r\n")
    method, target, version = lines[0].split(b" ")
    headers = {}
    for i in range(1, len(lines)):
        name, value = lines[i].split(b":", 1)
        headers[name.lower()] = value.strip()
    return target, headers


def serve(port, parse):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    listener.listen(64)
    listener.setblocking(False)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    parts = {}  # file descriptor: the beginning of a request that came in pieces
    while True:
        for sock, _ in poll.ipoll(-1):
            try:
                if sock is listener:
                    sock = listener.accept()[0]
                    sock.setblocking(False)
                    poll.register(sock, select.POLLIN)
                    continue
                data = sock.recv(2048)
                is_open = len(data) > 0
                fd = sock.fileno()
                if fd in parts:
                    data = parts.pop(fd) + data
                end = data.find(b"\r\n\r\n")
                while is_open and end >= 0:
                    target, headers = parse(data[:end])
                    sock.send(control(target) if target in CONTROL else HI)
                    is_open = headers.get(b"connection") != b"close"
                    data = data[end + 4 :]
                    end = data.find(b"\r\n\r\n")
                if is_open:
                    if data:
                        parts[fd] = data
                    continue
            except OSError as er:
                # ipoll may name a socket twice in a turn in which another one was registered.
                if er.errno == EAGAIN:
                    continue
            poll.unregister(sock)
            sock.close()


if __name__ == "__main__":
    serve(int(os.getenv("PORT")), parse)
