# The baseline: a poll loop that is written by hand for one purpose. It answers every GET with "hi\n", keeps connections
# alive, accepts requests in pieces and several at once, and reads every header into a dict. It answers every valid
# request without a body. It has no limits, no deadlines and no validation, and drops data if the send buffer is full.
#
# It uses bytes, because str costs two thirds more: MicroPython looks up each new str among the interned ones. It uses
# strip(), because the space after the colon is optional; bare_loose.py shows the cost. Versions with partition, find, a
# dict comprehension, poll instead of ipoll, readinto a buffer, and recv(1024) are all within 10 % of this one.

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
    parts = {}  # file descriptor: the start of an incomplete request
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
                # ipoll may yield a socket twice in a turn if another one was registered in it.
                if er.errno == EAGAIN:
                    continue
            poll.unregister(sock)
            sock.close()


if __name__ == "__main__":
    serve(int(os.getenv("PORT")), parse)
