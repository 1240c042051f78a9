"""An MQTT broker that keeps a record, over links that break: after all of it, it tells what has come, how often, and in which order.

    with Ledger(version, count, seed, most) as ledger:         # it listens
        ...                                                    # a client connects to ledger.url, again and again
        ledger.wait()

To the client it sends `count` messages of each QoS, to down/0, down/1 and down/2, and from it expects as many to up/0, up/1 and up/2;
payloads are their numbers. `most` connections are broken: each byte of a handshake, in both directions, is the last of one; the others
break after some bytes, by chance. Some breaks are resets, some ends, some silence. With `forget` it sometimes loses its session, with
`down_s` it does not listen at all for a while. At last it sends "end" to down/end, with QoS 1.
"""

import contextlib
import random
import select
import socket
import struct
import threading
import time

from mqtt_wire import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    packet,
    take_packet,
)

WINDOW = 6  # messages to the client that may be under way
RECEIVE_MAXIMUM = 10
TICK_S = 0.02
STEP = 250  # bytes: breaks come within so many


class Broken(Exception):
    """This connection is over."""


class Ledger:
    def __init__(self, version, count, seed, most, forget=0.0, silences=2, slowness=0.1, down_s=0.0, is_sweeping=True):
        self.version = version
        self.count = self.expected = count
        self.random = random.Random(seed)
        self.most = most
        self.forget = forget
        self.silences = silences
        self.slowness = slowness
        self.down_s = down_s
        self.is_sweeping = is_sweeping
        self.up = {qos: [] for qos in range(3)}  # what has come
        self.breaks = self.connections = self.forgotten = self.resumed = 0
        self.swept = 0  # bytes of a handshake that have been the last
        self.failure = None
        self.is_over = threading.Event()
        self.is_stopping = self.is_enough = False
        self.forget_all()
        self.next = [0, 0, 0]  # of each QoS
        self.is_ended = False
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.listener.settimeout(TICK_S)
        self.url = "mqtt://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)

    def forget_all(self):
        self.has_session = False
        self.under_way = {}  # identifier: [topic, payload, qos, whether its PUBREC has come]
        self.received = set()  # identifiers of QoS 2
        self.id = 0

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_stopping = True
        self.thread.join()
        self.listener.close()

    def wait(self, timeout, is_alive=lambda: True):
        """Wait until all is done, as long as `is_alive()`."""
        deadline = time.monotonic() + timeout
        while not self.is_over.wait(0.1):
            if self.failure:
                raise self.failure
            assert is_alive() and time.monotonic() < deadline, self.state()

    def state(self):
        up = {qos: len(found) for qos, found in self.up.items()}
        return f"up {up}, down {self.next}, under way {self.under_way}, connections {self.connections}, breaks {self.breaks}"

    # --- connections

    def run(self):
        try:
            while not self.is_stopping:
                try:
                    sock, _ = self.listener.accept()
                except TimeoutError:
                    continue
                self.connections += 1
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.plan()
                try:
                    self.serve(sock)
                except (Broken, ConnectionError):
                    pass
                finally:
                    self.finish(sock)
                if self.down_s and self.random.random() < 0.05:
                    self.refuse()
        except Exception as er:  # reported by the test's thread
            self.failure = er

    def refuse(self):
        """Nobody listens for a while."""
        address = self.listener.getsockname()
        self.listener.close()
        time.sleep(self.down_s)
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(address)
        self.listener.listen()
        self.listener.settimeout(TICK_S)

    def plan(self):
        """When this connection breaks: after so many bytes that come, or that go."""
        self.buffer = bytearray()
        self.out = b""
        self.is_open = False
        self.left = [1 << 40, 1 << 40]
        self.is_slow = self.random.random() < self.slowness
        if self.breaks < self.most:
            way = self.random.randrange(2)
            if self.is_sweeping and self.swept < 200:
                way = self.swept & 1
                self.left[way] = self.swept >> 1
                self.swept += 1
            else:
                self.left[way] = self.random.randrange(STEP)

    def finish(self, sock):
        if min(self.left) <= 0:
            self.breaks += 1
            how = self.random.random()
            if how < 0.02 and self.silences:
                self.silences -= 1
                self.be_silent(sock)
            elif how < 0.6:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        if self.random.random() < self.forget:
            self.forgotten += 1
            self.forget_all()

    def be_silent(self, sock):
        """Take nothing and send nothing, until the client goes."""
        poll = select.poll()
        poll.register(sock, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        while not self.is_stopping and not poll.poll(100):
            pass

    def serve(self, sock):
        sock.setblocking(False)
        while True:
            if self.is_stopping:
                raise Broken
            if self.is_open:
                self.send_more()
            readable, writable, _ = select.select([sock], [sock] if self.out else [], [], TICK_S)
            if writable:
                self.write(sock)
            if readable:
                self.read(sock)

    def write(self, sock):
        n = min(len(self.out), self.left[1], self.random.randrange(1, 9) if self.is_slow else 1 << 20)
        with contextlib.suppress(BlockingIOError):
            n = sock.send(self.out[:n])
            self.out = self.out[n:]
            self.left[1] -= n
        if self.left[1] <= 0:
            raise Broken

    def read(self, sock):
        with contextlib.suppress(BlockingIOError):
            data = sock.recv(min(self.left[0], self.random.randrange(1, 9) if self.is_slow else 65536) or 1)
            if not data:
                raise Broken
            self.left[0] -= len(data)
            if self.left[0] < 0:
                raise Broken
            self.buffer += data
            self.parse()
        if self.left[0] <= 0:
            raise Broken

    # --- packets

    def parse(self):
        while found := take_packet(self.buffer):
            self.take(*found)

    def put(self, type, body=b"", flags=0):
        self.out += packet(type, body, flags)

    @property
    def none(self):
        return b"\0" if self.version == 5 else b""

    def take(self, first, body):
        type = first >> 4
        id = body[:2]
        number = int.from_bytes(id, "big")
        if type == CONNECT:
            is_clean = body[7] & 2
            if is_clean:
                self.forget_all()
            present = self.has_session
            self.resumed += present
            self.has_session = True
            properties = b"\3\x21" + RECEIVE_MAXIMUM.to_bytes(2, "big") if self.version == 5 else b""
            self.put(CONNACK, bytes((present, 0)) + properties)
            for number, (topic, payload, qos, is_released) in self.under_way.items():
                if is_released:
                    self.put(PUBREL, number.to_bytes(2, "big"), 2)
                else:
                    self.publish(number, topic, payload, qos, 8)
            self.is_open = present
        elif type == SUBSCRIBE:
            self.put(SUBACK, id + self.none + b"\2")
            self.is_open = True
        elif type == PUBLISH:
            self.take_publish(first, body)
        elif type == PUBACK:
            self.end(number, 1)
        elif type == PUBREC:
            if number in self.under_way:
                self.under_way[number][3] = True
            self.put(PUBREL, id, 2)
        elif type == PUBREL:
            self.received.discard(number)
            self.put(PUBCOMP, id)
        elif type == PUBCOMP:
            self.end(number, 2)
        elif type == PINGREQ:
            self.put(PINGRESP)
        elif type == DISCONNECT:
            raise Broken
        else:
            raise AssertionError(f"type {type}")

    def end(self, number, qos):
        one = self.under_way.get(number)
        if one and one[2] == qos and (qos == 1 or one[3]):
            if one[0] == "down/end":
                self.is_over.set()
            del self.under_way[number]

    def take_publish(self, first, body):
        qos = first >> 1 & 3
        n = int.from_bytes(body[:2], "big")
        topic = body[2 : 2 + n].decode()
        at = 2 + n
        id = b""
        if qos:
            id = body[at : at + 2]
            at += 2
        at += len(self.none)
        number = int.from_bytes(id, "big")
        assert topic == f"up/{qos}", topic
        if qos == 2:
            self.put(PUBREC, id)
            if number in self.received:
                return
            self.received.add(number)
        elif qos:
            self.put(PUBACK, id)
        self.up[qos].append(int(body[at:]))

    def publish(self, number, topic, payload, qos, dup=0):
        name = topic.encode()
        id = number.to_bytes(2, "big") if qos else b""
        self.put(PUBLISH, len(name).to_bytes(2, "big") + name + id + self.none + str(payload).encode(), dup | qos << 1)

    def send_more(self):
        """Send what may be sent: as much of QoS 0 as of the others."""
        while len(self.under_way) < WINDOW and len(self.out) < 4096:
            qos = min((1, 2, 0), key=lambda qos: (self.next[qos], -qos))
            n = self.next[qos]
            if n >= self.count:
                if not self.is_done() or self.is_ended:
                    return
                self.is_ended = True
                self.most = self.forget = self.down_s = 0
                self.left = [1 << 40, 1 << 40]  # nothing breaks any more
                self.begin("down/end", "end", 1)
                return
            self.next[qos] += 1
            if qos:
                self.begin(f"down/{qos}", n, qos)
            else:
                self.publish(0, "down/0", n, 0)

    def begin(self, topic, payload, qos):
        self.id = self.id % 65535 + 1
        self.under_way[self.id] = [topic, payload, qos, False]
        self.publish(self.id, topic, payload, qos)

    def is_done(self):
        """Whether all has come that has to: so many of each, or if somebody has said that it is enough."""
        return not self.under_way and (self.is_enough or all(len(set(self.up[qos])) >= self.expected for qos in (1, 2)))


def judge(found, qos, count, is_session_kept=True, is_ordered=True):
    """Assert that numbers have come as their QoS promises: 1 at least once, 2 exactly once, each in order."""
    first = list(dict.fromkeys(found))
    if is_ordered and (qos == 0 or is_session_kept):
        assert first == sorted(first), f"QoS {qos}: not in order: {found}"
    if qos:
        assert sorted(first) == list(range(count)), f"QoS {qos}: missing {set(range(count)) - set(first)}"
    if qos == 0 or qos == 2 and is_session_kept:
        assert found == first, f"QoS {qos}: twice: {sorted(n for n in first if found.count(n) > 1)}"
