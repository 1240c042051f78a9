"""WebSocket messages of 64 KiB, echoed by mungo on MicroPython: with machine code for masks and UTF-8, and in Python alone.

    .venv/bin/python tools/bench/ws.py [--rounds 5] [--seconds 0.4]

One client, one message under way; what is sent is masked beforehand, and each answer is compared whole. The two servers take
turns of less than a second, and a ratio is the median of those of turns next to each other. MB/s counts a message once, not
there and back. Prints Markdown.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MICROPYTHON = os.environ.get("MICROPYTHON") or str(ROOT / ".venv/bin/micropython")
sys.path.insert(0, str(ROOT / "tools"))

import mpy  # noqa: E402

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


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Echo:
    """A server in a process of its own, and a client of it."""

    def __init__(self, plain):
        mpy.build("lib")
        port = free_port()
        environment = {"MICROPYPATH": f"{ROOT}/build/mpy/lib:.frozen", **({"PLAIN": "1"} if plain else {})}
        command = [MICROPYTHON, str(ROOT / "tools/bench/servers/ws_echo.py"), str(port)]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        self.sock = socket.create_connection(("127.0.0.1", port), 10)
        self.sock.sendall(REQUEST)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.sock.recv(1000)
        self.answer = bytearray(10 + SIZE)

    def measure(self, kind, seconds):
        """MB/s, in a turn of so many seconds."""
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
                raise ValueError("another message came back")
            n += 1
        return n * SIZE / 1e6 / (time.perf_counter() - start)

    def close(self):
        self.sock.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4)
    options = parser.parse_args()
    servers = {"machine code": Echo(False), "Python": Echo(True)}
    try:
        print("| messages of 64 KiB, echoed | machine code, MB/s | Python alone, MB/s | ratio |\n|---|--:|--:|--:|")
        for kind in KINDS:
            turns = {name: [] for name in servers}
            for _ in range(options.rounds):
                for name, server in servers.items():
                    turns[name].append(server.measure(kind, options.seconds))
            fast, slow = turns.values()
            ratio = statistics.median(a / b for a, b in zip(fast, slow, strict=True))
            print(f"| {kind} | {statistics.median(fast):.0f} | {statistics.median(slow):.1f} | {ratio:.1f} |", flush=True)
    finally:
        for server in servers.values():
            server.close()


if __name__ == "__main__":
    main()
