"""A file of 100 KB, 10 connections, mungo and microdot's send_file in the same MicroPython. Prints Markdown.

    .venv/bin/python tools/bench/files.py [--quick]

As in run.py the contenders take turns of half a second, server and client on a processor each, and a ratio is the median of those of
turns next to each other. Each answer is checked to its last byte. microdot closes each connection; mungo is asked both ways.
"""

import argparse
import os
import select
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import load
import run

SIZE = 100_000
CONNECTIONS = 10
SECONDS = 0.5
CONTENDERS = {"mungo, kept alive": "files_mungo.py", "mungo, closed each time": "files_mungo.py", "microdot 2.7": "files_microdot.py"}


class Download:
    """One of the connections: it asks again and again, and counts."""

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
        """Take what has come; True if the socket is another one now."""
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
    """(requests a second, CPU microseconds of the server a request)"""
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
    time.sleep(0.1)  # the server learns that they have gone
    return done / took, took_cpu / max(done, 1) * 1e6


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    rounds = 2 if parser.parse_args().quick else 5
    if run.CLIENT_CPU is not None:
        os.sched_setaffinity(0, {run.CLIENT_CPU})
    body = os.urandom(SIZE)
    found = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as root, run.microdot_only() as site:
        Path(root, "a.bin").write_bytes(body)
        os.utime(Path(root, "a.bin"), (1710000000, 1710000000))
        for _ in range(rounds):
            for name, script in CONTENDERS.items():
                kind = name.split(",")[0].split()[0]
                with run.Server(kind, run.SERVERS / script, site, {"ROOT": root}) as server:
                    if not server.wait("/a.bin"):
                        return "%s did not start: %s" % (name, server.said())
                    turn(server, "kept" in name, body, 0.1)
                    found[name].append(turn(server, "kept" in name, body, SECONDS))
    print("| server | files/s | MB/s | CPU us a file | times microdot | times by CPU |\n|---|--:|--:|--:|--:|--:|")
    for name, turns in found.items():
        base = found["microdot 2.7"]
        ratio = statistics.median(a[0] / b[0] for a, b in zip(turns, base, strict=True))
        by_cpu = statistics.median(b[1] / a[1] for a, b in zip(turns, base, strict=True))
        rate, cpu = (statistics.median(column) for column in zip(*turns, strict=True))
        print("| %s | %.0f | %.0f | %.0f | %.1f | %.1f |" % (name, rate, rate * SIZE / 1e6, cpu, ratio, by_cpu))
    return None


if __name__ == "__main__":
    sys.exit(main())
