"""The load client: sends a browser's requests over loopback, from one process with one epoll loop.

    python -m tools.bench.load NAME:PORT:PID:MODE ... [--kind hello] [--connections 10] [--idle 1000] [--repeat] [--rounds 3]
        [--seconds 0.5] [--cpu 1]
    python -m tools.bench.load NAME:PORT:PID:MODE ... [--kind hello] --garbage 200

MODE is "keep" (a connection carries many requests; the next one is sent after the answer to the last) or "close" (a
connection for each request; it ends when the server has closed it too).

The servers take short turns, round after round. So other programs disturb all of them alike, and the ratio of two
neighbouring turns is good even if the figures are not.

Prints one JSON object with a list of results for each name. An answer counts if it is complete (Content-Length), its
status is 200 and its body is the expected one. Everything else is counted by its name in "errors". No request is left
out of the latencies: the client waits for the requests that are under way at the end. Their latency counts, but they do
not count for the rate.

The client has to be cheaper than the server, or it measures itself. So the requests are made before the measurement, an
answer that equals the last good one is not parsed, and the clock is read once a request. "client_share" in the result
is the client's share of its processor: near 1.0 the client is the bottleneck.
"""

import argparse
import gc
import itertools
import json
import os
import select
import socket
import time
from errno import EAGAIN, EINPROGRESS, ENOTCONN

from .asking import Blocking, garbage, heap
from .requesting import KINDS, POOL, blocks, complete, plain

_WAIT_NS = 3_000_000_000  # how long to wait for the last answers
_IN = select.EPOLLIN | select.EPOLLRDHUP


def cpu_clock(pid):
    """A function that returns the processor time of all threads of a process in seconds, user and system."""
    clock = (~pid << 3) | 2  # Linux: the id of another process's CPU clock
    try:
        time.clock_gettime(clock)
        return lambda: time.clock_gettime(clock)
    except OSError:
        pass
    tick = os.sysconf("SC_CLK_TCK")

    def stat():
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / tick

    return stat


class Slot:
    """A place for one connection at a time."""

    __slots__ = ("sock", "recv_into", "send", "block", "sent_ns", "part", "waits", "answered")

    def __init__(self, blocks):
        self.block = blocks.__next__
        self.sock = None
        self.part = b""  # the start of an incomplete answer
        self.waits = False  # the answer is not complete yet
        self.answered = False  # close mode: the answer is complete, the server has not closed yet


class Load:
    def __init__(self, port, kind, connections, close, blocks):
        self.addr = ("127.0.0.1", port)
        self.kind = kind
        self.is_close = close
        self.poll = select.epoll()
        self.slots = {}
        self.errors = {}
        self.reconnects = 0
        self.latencies = []
        self.expected = b"\0"
        self.buf = bytearray(262144)
        self.is_over = False
        step = max(1, len(blocks) // connections)
        for n in range(connections):
            turn = (n * step) % len(blocks)
            self.open(Slot(itertools.cycle(blocks[turn:] + blocks[:turn])))

    def error(self, name):
        self.errors[name] = self.errors.get(name, 0) + 1

    def open(self, slot):
        slot.part = b""
        slot.answered = False
        slot.sock = sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 262144)  # an upload fits in one send
        slot.recv_into = sock.recv_into
        slot.send = sock.send
        self.slots[sock.fileno()] = slot
        slot.waits = True
        slot.sent_ns = time.perf_counter_ns()
        er = sock.connect_ex(self.addr)
        if er and er != EINPROGRESS:
            raise OSError(er, os.strerror(er))
        # On loopback the handshake is mostly complete by now, so the request can be sent at once.
        try:
            self.send_first(slot)
            self.poll.register(sock, _IN)
        except OSError as ex:
            if ex.errno not in (EAGAIN, ENOTCONN):
                raise
            self.poll.register(sock, select.EPOLLOUT)

    def send_first(self, slot):
        block = slot.block()
        if slot.send(block) != len(block):
            self.error("short_send")

    def reopen(self, slot, why=None):
        if why:
            self.error(why)
        del self.slots[slot.sock.fileno()]
        slot.sock.close()
        slot.waits = False
        if not self.is_over:
            self.reconnects += 1
            self.open(slot)

    # The rare cases: connecting, answers in pieces, ends and errors. True if a good answer is complete.
    def rare(self, slot, n, mask):
        if mask & select.EPOLLOUT:
            self.poll.modify(slot.sock, _IN)
            self.send_first(slot)
            return False
        if n == 0:
            if slot.answered:
                self.reopen(slot)
            else:
                self.reopen(slot, "closed_early")
            return False
        data = slot.part + self.buf[:n]
        try:
            total = complete(self.kind, data)
        except ValueError as ex:
            self.reopen(slot, str(ex))
            return False
        slot.part = data
        if not total:
            if mask & select.EPOLLRDHUP and n < len(self.buf):
                self.reopen(slot, "cut_answer")
            return False
        slot.part = b""
        if len(data) > total or slot.answered:
            self.reopen(slot, "too_much")
            return False
        self.expected = bytes(data)
        return True

    # Both loops run until end_ns. If is_over is set, they send nothing and return when all answers are there.
    def keep_loop(self, end_ns):
        poll, slots, buf = self.poll.poll, self.slots, self.buf
        clock, starts, done = time.perf_counter_ns, buf.startswith, self.latencies.append
        expected, size = self.expected, len(self.expected)
        now = clock()
        while now < end_ns and not (self.is_over and not any(s.waits for s in slots.values())):
            for fd, mask in poll(0.05):
                slot = slots[fd]
                try:
                    n = slot.recv_into(buf) if mask & 1 else 0
                    if n != size or not starts(expected):
                        if not self.rare(slot, n, mask):
                            continue
                        expected, size = self.expected, len(self.expected)
                    now = clock()
                    done(now - slot.sent_ns)
                    if self.is_over:
                        slot.waits = False
                        continue
                    slot.sent_ns = now
                    block = slot.block()
                    if slot.send(block) != len(block):
                        self.error("short_send")
                except OSError as ex:
                    self.reopen(slot, "errno_%d" % ex.errno)
            now = clock()

    def close_loop(self, end_ns):
        poll, slots, buf = self.poll.poll, self.slots, self.buf
        clock, starts, done = time.perf_counter_ns, buf.startswith, self.latencies.append
        now = clock()
        while now < end_ns and not (self.is_over and not any(s.waits for s in slots.values())):
            for fd, mask in poll(0.05):
                slot = slots[fd]
                try:
                    n = slot.recv_into(buf) if mask & 1 else 0
                    if n != len(self.expected) or slot.answered or not starts(self.expected):
                        if not self.rare(slot, n, mask):
                            continue
                    done(clock() - slot.sent_ns)
                    slot.answered = True
                    slot.waits = False
                    # The server must close first, or the client runs out of ports, which stay in TIME_WAIT.
                    if mask & select.EPOLLRDHUP:
                        self.reopen(slot)
                except OSError as ex:
                    self.reopen(slot, "errno_%d" % ex.errno)
            now = clock()

    def run(self, seconds, warm_up, server_cpu):
        loop = self.close_loop if self.is_close else self.keep_loop
        loop(time.perf_counter_ns() + int(warm_up * 1e9))
        self.latencies.clear()
        self.reconnects = 0
        start, start_cpu, start_own = time.perf_counter_ns(), server_cpu(), time.process_time()
        loop(start + int(seconds * 1e9))
        took, cpu, own = (
            (time.perf_counter_ns() - start) / 1e9,
            server_cpu() - start_cpu,
            time.process_time() - start_own,
        )
        count = len(self.latencies)
        reconnects = 0 if self.is_close else self.reconnects
        self.is_over = True
        loop(time.perf_counter_ns() + _WAIT_NS)
        unanswered = sum(slot.waits for slot in self.slots.values())
        if unanswered:
            self.errors["unanswered"] = unanswered
        unclosed = sum(slot.answered for slot in self.slots.values()) if self.is_close else 0
        for slot in self.slots.values():
            slot.sock.close()
        ranked = sorted(self.latencies) or [0]
        return {
            "requests": count,
            "rps": count / took,
            "cpu_us": cpu / count * 1e6 if count else 0.0,
            "server_share": cpu / took,
            "client_share": own / took,
            "p50_ms": ranked[len(ranked) // 2] / 1e6,
            "p99_ms": ranked[len(ranked) * 99 // 100] / 1e6,
            "max_ms": ranked[-1] / 1e6,
            "reconnects": reconnects,
            "unclosed_at_end": unclosed,
            "errors": self.errors,
        }


class Idle:
    """Idle connections beside the active ones, and the heap that each takes in the server. Each has had one answer in mode "keep"."""

    def __init__(self, port, count, mode):
        self.socks = []
        self.heap = None
        if count:
            before = read_heap(port)
            for _ in range(count):
                client = Blocking(port, False)
                if mode == "keep":
                    client.ask(plain("/"))
                else:
                    client.sock = socket.create_connection(client.addr, timeout=client.timeout)  # it sends nothing
                self.socks.append(client)
            after = read_heap(port)
            if before is not None and after is not None:
                self.heap = (after - before) / count

    def close(self):
        for client in self.socks:
            client.close()


def read_heap(port):
    try:
        return heap(port)
    except OSError:
        return None  # the server runs on CPython


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("servers", nargs="+", metavar="NAME:PORT:PID:MODE")
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--kind", choices=KINDS, default="hello")
    parser.add_argument("--idle", type=int, default=0, help="number of idle connections beside the active ones")
    parser.add_argument("--repeat", action="store_true", help="always send the same request")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a server's turn")
    parser.add_argument("--warm-up", type=float, default=0.05)
    parser.add_argument("--garbage", type=int, metavar="REQUESTS")
    parser.add_argument("--cpu", type=int, help="run on this processor only")
    args = parser.parse_args()
    if args.cpu is not None:
        os.sched_setaffinity(0, {args.cpu})
    count = 1 if args.repeat else POOL
    made = {mode: blocks(args.kind, mode == "close", count) for mode in ("keep", "close")}
    servers = [server.split(":") for server in args.servers]
    results = {server[0]: [] for server in servers}
    gc.disable()
    for _ in range(args.rounds):
        for name, port, pid, mode in servers:
            close = mode == "close"
            try:
                if args.garbage:
                    result = garbage(int(port), args.kind, args.garbage, close)
                else:
                    idle = Idle(int(port), args.idle, mode)
                    load = Load(int(port), args.kind, args.connections, close, made[mode])
                    result = load.run(args.seconds, args.warm_up, cpu_clock(int(pid)))
                    if idle.heap is not None:
                        result["idle_heap"] = idle.heap
                    idle.close()
            except OSError as ex:  # refused, or reset in the handshake; other errors are counted
                result = {"failed": repr(ex)}
            results[name].append(result)
            gc.collect()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
