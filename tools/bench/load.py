"""The load client: a browser's requests over loopback, one process, one epoll loop.

    python -m tools.bench.load NAME:PORT:PID:MODE ... [--kind hello] [--connections 10] [--idle 1000] [--repeat] [--rounds 3]
        [--seconds 0.5] [--cpu 1]
    python -m tools.bench.load NAME:PORT:PID:MODE ... [--kind hello] --garbage 200

MODE is "keep" (a connection carries many requests, a new one goes out when the last is answered) or "close" (a
connection for each request, over when the server has closed it too).

The servers are asked in turn, a short while each, round after round: what else the machine does then hits them all
alike, and the ratio of two neighbours means something even when neither number does.

Prints one JSON object, a list of results for each name. An answer counts when it is complete (Content-Length), its
status is 200 and its body is the expected one. Everything else is counted under its own name in "errors", and nothing
is left out of the latencies: a request that is under way when the time is up is waited for; its latency counts, though
it does not count for the rate.

The client has to be cheaper than the server, or it measures itself. So the requests are built beforehand, an answer
that equals the last good one byte for byte is good without being parsed, and the clock is read once a request.
"client_share" in the result says how much of its processor the client used: near 1.0 it is the bottleneck.
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

_WAIT_NS = 3_000_000_000  # how long to wait for what is under way at the end
_IN = select.EPOLLIN | select.EPOLLRDHUP


def cpu_clock(pid):
    """A function that returns the processor time of all threads of pid in seconds, user and system together."""
    clock = (~pid << 3) | 2  # Linux: the process CPU clock of another process, in nanoseconds
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
    """One of the connections that are open at a time."""

    __slots__ = ("sock", "recv_into", "send", "block", "sent_ns", "part", "waits", "answered")

    def __init__(self, blocks):
        self.block = blocks.__next__
        self.sock = None
        self.part = b""  # the beginning of an answer that came in pieces
        self.waits = False  # connecting, or a request is under way
        self.answered = False  # close mode: the answer is in, the server's close is not


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
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 262144)  # an upload goes out in one piece
        slot.recv_into = sock.recv_into
        slot.send = sock.send
        self.slots[sock.fileno()] = slot
        slot.waits = True
        slot.sent_ns = time.perf_counter_ns()
        er = sock.connect_ex(self.addr)
        if er and er != EINPROGRESS:
            raise OSError(er, os.strerror(er))
        # On loopback the handshake is mostly over by now, so the request can go out at once.
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

    # What the fast path does not do: connecting, pieces, ends and errors.
    # True if a complete, good answer is in.
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

    # Both loops run until end_ns; with is_over set they send nothing more and return when nothing is under way.
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
                    # The server closes first: else the client's ports would run out in TIME_WAIT.
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
    """Connections beside the active ones, each of which has had one answer; and the server's heap, before and with them."""

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
                    client.sock = socket.create_connection(client.addr, timeout=client.timeout)  # a speculative one
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
        return None  # on CPython


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("servers", nargs="+", metavar="NAME:PORT:PID:MODE")
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--kind", choices=KINDS, default="hello")
    parser.add_argument("--idle", type=int, default=0, help="connections beside them that have had one answer")
    parser.add_argument("--repeat", action="store_true", help="the same request always")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each round, for each server")
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
            except OSError as ex:  # refused, or reset in the handshake: other errors end a connection and are counted
                result = {"failed": repr(ex)}
            results[name].append(result)
            gc.collect()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
