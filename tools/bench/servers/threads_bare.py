# Requests that a thread answers, by hand: the loop parses a request (bare.py) and starts a thread. The thread sends its result to the loop
# as a datagram, over a pair of UDP sockets, and the loop answers. If the system drops the datagram, the answer is lost.

import _thread
import os
import select
import socket
from errno import EAGAIN

from bare import parse
from control import CONTROL, control

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


def worker(tx, fd):
    tx.send(b"%d hi\n" % fd)


def pair():
    ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    port = int(os.getenv("PORT"))
    addrs = [socket.getaddrinfo("127.0.0.1", port - i)[0][-1] for i in range(2)]
    for i in range(2):
        ends[i].bind(addrs[i])
    for i in range(2):
        ends[i].connect(addrs[1 - i])
    return ends


def serve(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    listener.listen(64)
    listener.setblocking(False)
    rx, tx = pair()
    rx.setblocking(False)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    poll.register(rx, select.POLLIN)
    parts = {}  # file descriptor: the start of an incomplete request
    waiting = {}  # file descriptor: (socket, whether it stays open)
    while True:
        for sock, _ in poll.ipoll(-1):
            try:
                if sock is listener:
                    sock = listener.accept()[0]
                    sock.setblocking(False)
                    poll.register(sock, select.POLLIN)
                    continue
                if sock is rx:
                    fd, body = rx.recv(2048).split(b" ", 1)
                    sock, is_open = waiting.pop(int(fd))
                    sock.send(HEAD % len(body) + body)
                else:
                    data = sock.recv(2048)
                    is_open = len(data) > 0
                    fd = sock.fileno()
                    if fd in parts:
                        data = parts.pop(fd) + data
                    end = data.find(b"\r\n\r\n")
                    if end >= 0:
                        target, headers = parse(data[:end])
                        is_open = headers.get(b"connection") != b"close"
                        if target in CONTROL:
                            sock.send(control(target))
                        else:
                            waiting[fd] = (sock, is_open)
                            _thread.start_new_thread(worker, (tx, fd))
                            continue
                    elif is_open:
                        parts[fd] = data
                if is_open:
                    continue
            except OSError as er:
                if er.errno == EAGAIN:
                    continue
            poll.unregister(sock)
            sock.close()


serve(int(os.getenv("PORT")))
