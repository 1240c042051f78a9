"""mungo echoes WebSocket messages of 64 KiB: with machine code for masks and UTF-8, and in Python alone.

One client sends one message at a time. The messages are masked before the measurement, and every byte of the answers is checked.
"""

import os
import socket
import subprocess
import time

from ... import mpy
from .. import host, markdown, stats
from ..process import SERVERS, free_port, progress

NAME = "ws"
TITLE = "WebSockets"
SECONDS = 0.4
SIZE = 65536
KEY = b"\x12\x34\x56\x78"
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
KINDS = {
    "binary": (0x82, bytes(range(256)) * (SIZE // 256)),
    "text, ASCII": (0x81, b"The quick brown mongoose. " * (SIZE // 26) + b"x" * (SIZE % 26)),
    "text, Greek": (0x81, "\u03bc\u03bf\u03b3\u03b3\u03cc\u03c2\u03c2\u03c2".encode() * (SIZE // 16)),
}


class Echo:
    """A server process and a client."""

    def __init__(self, plain):
        mpy.build("lib")
        port = free_port()
        environment = {"MICROPYPATH": f"{host.ROOT}/build/mpy/lib:.frozen", **({"PLAIN": "1"} if plain else {})}
        command = [host.MICROPYTHON, str(SERVERS / "ws_echo.py"), str(port)]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        if host.SERVER_CPU is not None:
            os.sched_setaffinity(self.process.pid, {host.SERVER_CPU})
        self.process.stdout.readline()
        self.sock = socket.create_connection(("127.0.0.1", port), 10)
        self.sock.sendall(REQUEST)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.sock.recv(1000)
        self.answer = bytearray(10 + SIZE)

    def measure(self, kind, seconds):
        """MB/s in a turn of `seconds`. Raises ValueError if the answer is not the message."""
        first, data = KINDS[kind]
        head = bytes((first, 255)) + SIZE.to_bytes(8, "big") + KEY
        mask = int.from_bytes(KEY * (SIZE // 4), "big")
        frame = head + (int.from_bytes(data, "big") ^ mask).to_bytes(SIZE, "big")
        want = bytes((first, 127)) + SIZE.to_bytes(8, "big") + data
        n = 0
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            self.sock.sendall(frame)
            view = memoryview(self.answer)
            while len(view):
                view = view[self.sock.recv_into(view) :]
            if self.answer != want:
                raise ValueError("the answer is not the message that was sent")
            n += 1
        return n * SIZE / 1e6 / (time.perf_counter() - start)

    def close(self):
        self.sock.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def measure(plan):
    rounds, seconds = (2, 0.1) if plan.quick else (5, SECONDS)
    servers = {"machine code": Echo(False), "Python": Echo(True)}
    rows = []
    try:
        for kind in KINDS:
            progress("WebSockets: " + kind)
            turns = {name: [] for name in servers}
            for _ in range(rounds):
                for name, server in servers.items():
                    turns[name].append(server.measure(kind, seconds))
            fast, slow = turns.values()
            ratios = [a / b for a, b in zip(fast, slow, strict=True)]
            rows.append({"kind": kind, "fast": stats.figure(fast), "slow": stats.figure(slow), "times": stats.figure(ratios)})
    finally:
        for server in servers.values():
            server.close()
    return {"rows": rows}


def report(found):
    yield "MB/s counts each message once, not in both directions.\n"
    columns = ("messages of 64 KiB, echoed", "machine code, MB/s>", "Python alone, MB/s>", "ratio>")
    rows = [(row["kind"], *(markdown.spread(row[key], form) for key, form in ROW)) for row in found["rows"]]
    yield from markdown.table(columns, rows)


ROW = (("fast", "%.0f"), ("slow", "%.1f"), ("times", "%.1f"))
