"""A file of 100 KB on 10 connections, from mungo and from microdot's send_file. Every byte of the answers is checked."""

import os
import select
import socket
import tempfile
import time
from pathlib import Path

from .. import host, load, markdown, stats
from ..process import Server, progress
from . import at_least

NAME = "files"
TITLE = "Files"
SIZE = 100_000
CONNECTIONS = 10
SECONDS = 0.5
ASKED = {"mungo, kept alive": "files-mungo", "mungo, closed each time": "files-mungo", "microdot's send_file": "files-microdot"}


class Download:
    """A connection that asks for the file again and again. `done` is the number of good answers."""

    def __init__(self, port, is_kept, body):
        self.address = ("127.0.0.1", port)
        self.request = b"GET /a.bin HTTP/1.1\r\nHost: a\r\nConnection: %s\r\n\r\n" % (b"keep-alive" if is_kept else b"close")
        self.is_kept = is_kept
        self.body = body
        self.done = 0
        self.open()

    def open(self):
        self.sock = socket.create_connection(self.address)
        self.sock.setblocking(False)
        self.ask()

    def ask(self):
        self.data = bytearray()
        self.total = None
        self.sock.send(self.request)

    def read(self):
        """Receive once. True if the connection was replaced by a new one. Raises OSError if the answer is wrong."""
        piece = self.sock.recv(1 << 18)
        self.data += piece
        if self.total is None and b"\r\n\r\n" in self.data:
            self.total = self.data.find(b"\r\n\r\n") + 4 + SIZE
        whole = len(self.data) == self.total
        if not piece or whole and self.is_kept:
            if not whole or self.data[9:12] != b"200" or not self.data.endswith(self.body):
                raise OSError("a wrong answer: %d bytes, %r" % (len(self.data), bytes(self.data[:200])))
            self.done += 1
            if self.is_kept:
                self.ask()
            else:
                self.sock.close()
                self.open()
                return True
        return False


def turn(server, is_kept, body, seconds):
    """(requests a second, the server's CPU microseconds a request)"""
    poll = select.epoll()
    downloads = {}
    for _ in range(CONNECTIONS):
        one = Download(server.port, is_kept, body)
        downloads[one.sock.fileno()] = one
        poll.register(one.sock, select.EPOLLIN)
    cpu = load.cpu_clock(server.process.pid)
    start, start_cpu, done = time.perf_counter(), cpu(), sum(one.done for one in downloads.values())
    while time.perf_counter() < start + seconds:
        for fd, _ in poll.poll(0.05):
            one = downloads.pop(fd)
            if one.read():
                poll.register(one.sock, select.EPOLLIN)
            downloads[one.sock.fileno()] = one
    took, took_cpu = time.perf_counter() - start, cpu() - start_cpu
    done = sum(one.done for one in downloads.values()) - done
    for one in downloads.values():
        one.sock.close()
    time.sleep(0.1)  # for the server to close its ends
    return done / took, took_cpu / max(done, 1) * 1e6


def measure(plan):
    rounds, seconds = (1, 0.2) if plan.quick else (5, SECONDS)
    body = os.urandom(SIZE)
    turns = {name: [] for name in ASKED}
    with tempfile.TemporaryDirectory() as root, host.on_client_cpu():
        Path(root, "a.bin").write_bytes(body)
        os.utime(Path(root, "a.bin"), (1710000000, 1710000000))
        for n in range(rounds):
            progress("files, round %d of %d" % (n + 1, rounds))
            for name, contender in ASKED.items():
                with Server(contender, {"ROOT": root}) as server:
                    if not server.wait("/a.bin"):
                        return {"rows": []}
                    turn(server, "kept" in name, body, 0.1)
                    turns[name].append(turn(server, "kept" in name, body, seconds))
    base = turns["microdot's send_file"]
    rows = []
    for name, found in turns.items():
        rate, cpu = ([pair[n] for pair in found] for n in (0, 1))
        rows.append(
            {
                "name": name,
                "rps": stats.figure(rate),
                "cpu_us": stats.figure(cpu),
                "times_rps": stats.figure([a[0] / b[0] for a, b in zip(found, base, strict=True)]),
                "times_cpu_us": stats.figure([b[1] / a[1] for a, b in zip(found, base, strict=True)]),
            }
        )
    return {"rows": rows}


def report(found):
    yield "A file of 100 KB, 10 connections. microdot closes each connection; mungo is measured with and without keep-alive.\n"
    columns = ("server", "files/s>", "MB/s>", "x microdot>", "CPU us/file>", "x microdot>")
    yield from markdown.table(columns, map(line, found["rows"]))


def line(row):
    return (
        row["name"],
        markdown.spread(row["rps"]),
        "%.0f" % (row["rps"]["median"] * SIZE / 1e6),
        markdown.number(row["times_rps"], "%.1f"),
        markdown.spread(row["cpu_us"]),
        markdown.number(row["times_cpu_us"], "%.1f"),
    )


def targets(found):
    for row in found["rows"]:
        if row["name"] == "mungo, kept alive":
            yield at_least("files of 100 KB, mungo against microdot", row["times_rps"], 5, "%.1f")
