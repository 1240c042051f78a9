"""The clients: scripts on the far side of the network, healthy or not."""

from .net import Peer

# What a client may do to its connection in the middle of a request.
_ENDS = ("reset", "close", "vanish", "shutdown", "silence")


class Clients:
    """HTTP clients of one server."""

    def __init__(self, scene, port):
        self.scene = scene
        self.world = scene.world
        self.net = scene.net
        self.port = port
        self.number = 0

    def start(self, n, faulty):
        for _ in range(n):
            self.number += 1
            is_faulty = self.world.chance(faulty)
            self.scene.actor(f"client{self.number}", self.faulty if is_faulty else self.healthy, self.number)
        for i in range(self.scene.stalled):
            self.scene.actor(f"stalled{i}", self.stalled, i)

    def excused(self):
        """Whether a healthy client may lose its connection: somebody has made trouble that justifies it."""
        stats = self.scene.mgr.stats
        return (
            self.scene.is_ending
            or stats["evicted"]
            or stats["refused"]
            or stats["timeouts"]
            or stats["starved"]
            or stats["workers"]
            and (stats["workers"]["timeouts"] or stats["workers"]["unstarted"])
            or self.scene.mgr.idle_ms < 5000  # it may have been closed while a request was under way
        )

    def request(self, name):
        """(bytes, what the answer's body must be)."""
        rng = self.world.rng
        kind = rng.choice(self.scene.uris)
        if kind == "/fast":
            return b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n", b"hi\n"
        if kind == "/":
            body = (b"%s " % name) * rng.choice((1, 5, 300))
            if rng.random() < 0.3:
                at = rng.randrange(len(body))
                coded = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:at], body[at:]) if part)
                return b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + coded + b"0\r\n\r\n", body
            return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body, body
        n = rng.randrange(1, 30)
        size = rng.choice((1, 40, 700))
        return b"GET %s/%d/%d HTTP/1.1\r\nHost: a\r\n\r\n" % (kind.encode(), n, size), pieces(n, size)

    def healthy(self, number):
        world = self.world
        rng = world.rng
        world.sleep(rng.randrange(200_000))
        peer = Peer(self.net)
        peer.slowness = rng.choice((0, 0, 0, 50_000))
        if not peer.connect(self.port):
            return
        self.scene.progress()
        for group in range(rng.randrange(1, 4)):
            asked = [self.request(b"%d.%d.%d" % (number, group, i)) for i in range(rng.choice((1, 1, 1, 3)))]
            data = b"".join(data for data, _ in asked)
            while data:
                n = rng.randrange(1, len(data) + 1) if rng.random() < 0.3 else len(data)
                peer.send(data[:n])
                data = data[n:]
                if data and rng.random() < 0.5:
                    world.sleep(rng.randrange(30_000))
            for _, expected in asked:
                answer = self.answer(peer)
                if answer is None:
                    if not self.excused():
                        if not peer.is_over():
                            world.fail(f"client{number} waits for ever")
                        world.lose(f"client{number} got no answer, or not all of it: {bytes(peer.inbox[:100])}")
                    return
                status, body, is_last = answer
                if status == 200:
                    if body != expected:
                        world.fail(f"client{number} got {body[:80]}, not {expected[:80]}")
                elif status == 500 and not self.scene.is_ending:
                    world.lose(f"client{number} got {status} {body}")
                elif status not in (500, 503):
                    world.fail(f"client{number} got {status} {body}")
                self.scene.answers += 1
                if is_last:  # the server has said that it closes: what else was asked here is not answered
                    peer.close()
                    return
            world.sleep(rng.choice((0, 1000, 300_000)))
        if rng.random() < 0.7:
            peer.close()

    def stalled(self, number):
        """A client whose system takes nothing of its answers."""
        peer = Peer(self.net)
        peer.slowness = 1 << 40
        if not peer.connect(self.port):
            return
        for i in range(3):
            peer.send(self.request(b"%d.s%d" % (number, i))[0])
            self.world.sleep(100_000)
        peer.until(lambda: False, 30_000_000)

    def answer(self, peer):
        """(status, body, whether it says Connection: close) of the next answer; None if it does not come whole."""
        found = []

        def whole():
            found[:] = [split(peer.inbox)]
            return found[0] is not None

        if not peer.until(whole, 60_000_000):
            return None
        status, body, n = found[0]
        is_last = b"\r\nconnection: close\r\n" in bytes(peer.inbox[:n]).lower()
        peer.take(n)
        return status, body, is_last

    def faulty(self, number):
        world = self.world
        rng = world.rng
        world.sleep(rng.randrange(200_000))
        peer = Peer(self.net)
        if not peer.connect(self.port):
            return
        data = b"".join(self.request(b"%d.x" % number)[0] for _ in range(rng.randrange(1, 4)))
        if rng.random() < 0.2:
            data = rng.choice(
                (b"\x16\x03\x01\x02", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"x" * 10000, data[: len(data) // 2] + b"\0")
            )
        at = rng.randrange(len(data) + 1)
        peer.send(data[:at])
        world.sleep(rng.choice((0, 1000, 100_000, 3_000_000)))
        end = rng.choice(_ENDS)
        world.note("fault", end, at)
        if rng.random() < 0.5:
            peer.take(rng.randrange(1, 200))
        if end != "silence":
            getattr(peer, end)()


def pieces(n, size):
    """The body of /stream/n/size."""
    return b"".join(b"%d " % i * size for i in range(n))


def split(data):
    """The first answer in `data`: (status, body, bytes used), or None."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = bytes(data[:end]).split(b"\r\n")
    status = int(lines[0].split()[1])
    fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
    at = end + 4
    if fields.get(b"transfer-encoding") != b"chunked":
        n = int(fields[b"content-length"])
        return (status, bytes(data[at : at + n]), at + n) if len(data) >= at + n else None
    body = b""
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        n = int(data[at:end], 16)
        at = end + 2
        if len(data) < at + n + 2:
            return None
        if not n:
            return status, body, at + 2
        body += data[at : at + n]
        at += n + 2
