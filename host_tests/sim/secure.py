"""The module `tls`, whose sockets behave as those of MicroPython's ports (extmod/modtls_mbedtls.c), and peers that speak its protocol.

There is no cryptography: a record is its kind, its length, and what is in it with each byte changed. A handshake is two flights of each
side. What the library must not do is an error here, or loses bytes as there:

- a write that was put off has made its record already: the next one only sends that, and counts as many of its own bytes as sent
- a read may have to write (a flight that TCP has no room for): it returns None, and poll looks for that direction alone
- a handshake that fails forgets the TCP socket; after that everything fails
- `cipher()` before the end of the handshake ends the program
"""

import random
from types import SimpleNamespace

from . import modules
from .net import ERR, HUP, IN, NVAL, OUT, Peer
from .scenario import Scene

FIRST_SEED = 1_000_000  # from here on the seeds are of these scenes
PORT = 8443
_RECORD = 600  # the longest that is sent
_HANDSHAKE, _DATA = 22, 23
_HELLO, _FLIGHT, _KEYS, _FINISHED = b"h" * 200, b"f" * 700, b"k" * 90, b"e" * 40
_READ, _WRITE, _OPEN, _ERROR = 7, 8, 1, 0


def record(kind, data):
    return bytes((kind, len(data) >> 8, len(data) & 255)) + bytes(byte ^ 0xA5 for byte in data)


class Reader:
    """Takes records out of bytes."""

    def __init__(self):
        self.data = b""

    def wanted(self):
        """How many bytes more the record needs."""
        n = 3 if len(self.data) < 3 else 3 + (self.data[1] << 8 | self.data[2])
        return n - len(self.data)

    def record(self):
        """(kind, what is in it), once it is complete."""
        if len(self.data) < 3 or self.wanted():
            return None
        found = self.data[0], bytes(byte ^ 0xA5 for byte in self.data[3:])
        self.data = b""
        return found


class SecureSocket:
    """A TLS socket of a server."""

    is_bell = False

    def __init__(self, sock):
        self.world = sock.world
        self.world.allocate("tls")
        self.raw = self.sock = sock
        self.reader = Reader()
        self.steps = 0  # of the handshake that are done, of two
        self.is_over = False  # the handshake, and TCP has its last flight
        self.out = b""  # a record, or a flight, that TCP has not taken yet
        self.plain = b""
        self.poll_mask = 0
        self.failure = None
        self.is_closed = False
        self.polls = []

    def enter(self, what):
        self.raw.enter(what)
        if self.failure is not None:
            raise OSError(self.failure)
        self.poll_mask = 0

    def fail(self, number):
        self.failure = number
        if not self.is_over:
            self.sock = None
        raise OSError(number)

    def flush(self):
        """Whether TCP has taken what was to be sent."""
        while self.out:
            n = self.raw.put(self.out)
            if not n:
                self.poll_mask = OUT
                return False
            self.out = self.out[n:]
        return True

    def next_record(self):
        """The next record; None if it has not come, False at the end."""
        reader = self.reader
        while reader.record is not None:
            data = self.raw.take(reader.wanted())
            if data is None:
                return None
            if not data:
                return False
            reader.data += data
            if reader.data[0] not in (_HANDSHAKE, _DATA):
                self.fail(-0x7200)
            found = reader.record()
            if found:
                return found

    def handshake(self):
        """Whether it is over."""
        while self.steps < 2:
            if not self.flush():
                return False
            found = self.next_record()
            if found is None:
                return False
            if not found or found[0] != _HANDSHAKE or found[1] != (_HELLO, _KEYS)[self.steps]:
                self.fail(-0x7280 if not found else -0x7700)
            self.out = record(_HANDSHAKE, (_FLIGHT, _FINISHED)[self.steps])
            self.steps += 1
        self.is_over = self.flush()
        return self.is_over

    def recv(self, n):
        self.enter("recv")
        if not self.is_over and not self.handshake():
            return None
        if not self.plain:
            found = self.next_record()
            if not found:
                return None if found is None else b""
            self.plain = found[1]
        self.world.allocate("recv")
        data, self.plain = self.plain[:n], self.plain[n:]
        return data

    def write(self, data, at, n):
        self.enter("write")
        view = bytes(memoryview(data)[at:][:n])
        if not self.is_over and not self.handshake():
            self.poll_mask = self.poll_mask or IN
            return None
        done = 0
        while done < len(view):
            piece = view[done : done + _RECORD]
            if not self.out:
                self.out = record(_DATA, piece)
            if not self.flush():
                break
            done += len(piece)
        return done or None

    def cipher(self):
        if not self.is_over:
            self.world.fail("cipher() before the end of the handshake")
        return "none", "TLSv1.2"

    def close(self):
        self.is_closed = True
        if self.polls and self.world.loop is not None:
            self.world.fail("a TLS socket is closed while a poll looks at it")
        if self.sock is not None:
            self.sock.close()

    def flags(self):
        if self.is_closed or self.failure is not None:
            return NVAL
        raw = self.raw.flags()
        if self.poll_mask:
            return IN | OUT if raw & self.poll_mask else raw & (ERR | HUP)
        return raw | (IN if self.plain else 0)


class Context:
    """SSLContext."""

    def __init__(self, kind):
        pass

    def load_cert_chain(self, cert, key):
        pass

    def wrap_socket(self, sock, server_side, do_handshake_on_connect, server_hostname):
        if do_handshake_on_connect or not server_side:
            modules.current.world.fail("a handshake that waits")
        return SecureSocket(sock)


def make():
    """The module."""
    return SimpleNamespace(SSLContext=Context, PROTOCOL_TLS_SERVER=1, PROTOCOL_TLS_CLIENT=0, CERT_NONE=0, CERT_OPTIONAL=1, CERT_REQUIRED=2)


class Filler:
    """A file that is no file: what port/poll_table.py opens for the sake of its place in a table."""

    is_closed = is_bell = False

    def __init__(self):
        self.polls = []

    def fileno(self):
        return 0

    def flags(self):
        return 0


class SecureScene(Scene):
    """A server that sends back what comes over TLS, with clients of all kinds, beside some of what the other scenes have."""

    def start(self, mgr):
        more = random.Random(f"{self.world.profile.name} {self.world.seed} tls")
        self.targets = []
        mgr.handshake_ms = 2000
        mgr.busy_ms = 1000
        mgr.tls_conns = more.choice((1, 2, 8))
        try:
            self.secure(mgr, more)
            for part in (self.timers, self.echo, self.pipes):
                if more.random() < 0.3:
                    part(mgr)
        except OSError:
            self.world.note("not enough sockets")

    def secure(self, mgr, more):
        def fn(c, ev, data, _):
            if mgr.tls_open > mgr.tls_conns:
                self.world.fail(f"{mgr.tls_open} TLS connections of {mgr.tls_conns}")
            if ev == _OPEN:
                self.targets.append(c.id)
            elif ev == _WRITE:
                c.is_full = False
            elif ev == _READ and not c.is_full and not c.is_listening:
                while len(c.recv) and c.out is None:
                    n = min(len(c.recv), more.choice((7, 500, 3000)))
                    if not c.send(bytes(memoryview(c.recv.data)[c.recv.start : c.recv.start + n])):
                        break
                    c.recv.consume(n)
                if len(c.recv):
                    c.is_full = True
                if more.random() < 0.1 and c.cipher is None:
                    self.world.fail("data have passed, and there is no cipher")

        tls = self.mungo.Tls(cert=b"cert", key=b"key")
        mgr.listen("tls://0.0.0.0:%d" % PORT, self.checks.watch(fn), tls=tls)
        for n in range(more.randrange(1, 6)):
            self.actor("secure%d" % n, self.client, random.Random(f"{self.world.seed} client {n}"))

    def end(self, mgr):
        super().end(mgr)
        if mgr.tls_open:
            self.world.fail(f"closed, and {mgr.tls_open} TLS connections are counted")

    def client(self, rng):
        world = self.world
        world.sleep(rng.randrange(0, 3_000_000))
        peer = Peer(self.net)
        peer.slowness = rng.choice((0, 0, 0, 30_000))
        mood = rng.choice(("good", "good", "good", "good", "cut", "silent", "garbage", "other"))
        if not peer.connect(PORT):
            return
        reader = Reader()

        def answer():
            """The next record that the server sends."""
            while reader.record() is None and peer.until(lambda: peer.inbox, 30_000_000):
                reader.data += peer.take(reader.wanted())
                if reader.wanted() == 0 and len(reader.data) > 2:
                    return reader.record()
            return None

        hello, keys = record(_HANDSHAKE, _HELLO), record(_HANDSHAKE, _KEYS)
        if mood == "silent":
            peer.until(lambda: False, 30_000_000)
            if not peer.is_over() and not self.is_short():
                world.fail("a client that sends nothing is kept")
        elif mood == "garbage":
            peer.send(bytes(rng.randrange(256) for _ in range(50)))
            peer.until(lambda: False, 30_000_000)
            if not peer.is_over() and not self.is_short():
                world.fail("a client that sends garbage is kept")
        elif mood == "other":
            peer.send(record(_HANDSHAKE, _KEYS))
            peer.until(lambda: False, 30_000_000)
            if not peer.is_over() and not self.is_short():
                world.fail("a client with another handshake is kept")
        elif mood == "cut":
            whole = hello + keys
            peer.send(whole[: rng.randrange(len(whole))])
            world.sleep(rng.choice((0, 100_000)))
        elif self.greet(peer, answer, hello, keys):
            self.talk(peer, answer, rng)
        getattr(peer, rng.choice(("close", "close", "reset", "vanish")))()

    def is_short(self):
        """Whether a client may not have been accepted."""
        return self.is_ending or self.mgr.stats["starved"] or self.mgr.stats["refused"]

    def is_excused(self):
        stats = self.mgr.stats
        names = ("timeouts", "refused", "starved", "tls_full", "no_memory", "evicted")
        return self.is_ending or any(stats[name] for name in names)

    def greet(self, peer, answer, hello, keys):
        """The handshake; whether it is over."""
        peer.send(hello)
        for wanted, reply in ((_FLIGHT, keys), (_FINISHED, b"")):
            found = answer()
            if found is None:
                if not self.is_excused():
                    self.world.fail("a handshake is not answered")
                return False
            if found != (_HANDSHAKE, wanted):
                self.world.fail(f"a wrong flight: {found}")
            peer.send(reply)
        return True

    def talk(self, peer, answer, rng):
        """Send numbered words, and compare what comes back."""
        world = self.world
        sent = b"".join(b"%05d" % n for n in range(rng.choice((1, 200, 2000, 4000))))
        most = rng.choice((4000, 4000, 20_000))  # under way
        at = 0
        got = b""
        while len(got) < len(sent):
            if at < len(sent) and at - len(got) < most:
                n = rng.choice((1, 300, 2500))
                peer.send(record(_DATA, sent[at : at + n]))
                at += n
                if rng.random() < 0.1:
                    world.sleep(50_000)
                continue
            found = answer()
            if found is None:
                break
            got += found[1]
            if found[0] != _DATA or not sent.startswith(got):
                at = len(got) - len(found[1])
                world.fail(f"what comes back differs from {at} on: {found[1][:30]}")
        if len(got) < len(sent) and not self.is_excused():
            world.lose(f"of {len(sent)} bytes over TLS {len(got)} came back")
