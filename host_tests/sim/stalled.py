"""Peers that take nothing and programs that pause, as many as there are, beside one healthy client: how long the loop's turns take, and
how long that client waits for each answer. All in virtual time."""

from . import flash, modules
from .net import Net, Peer
from .world import World

_READ, _WRITE, _ACCEPT, _CLOSE, _HTTP_MSG = 7, 8, 5, 9, 11
_GET = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"


class Silent:
    """In the place of Checks: what the classes that checks.install has changed ask for."""

    def __init__(self):
        self.sent = {}
        self.received = {}
        self.wakeups = [0, 0]
        self.called = 0


class Stage:
    """A manager of stock limits, with a TCP server at port 7000 and an HTTP server at port 8000."""

    def __init__(self, runner, seed, ms=15000):
        self.mungo = runner.library
        self.world = world = World(runner.profile, seed)
        self.net = Net(world)
        modules.current.world = world
        modules.current.net = self.net
        time = modules.current.made["time"]
        world.ticks_start = 1000
        world.ticks = time.ticks_ms
        world.ticks_diff = time.ticks_diff
        world.threads = world.thread_count = 0
        world.thread_faults = 0.0
        world.checks = Silent()
        flash.forget(world)
        self.ms = ms
        self.over = 0  # the most ms that a turn took longer than poll was told
        self.gaps = []  # ms that the healthy client has waited, for each answer
        self.lost = 0  # answers that did not come
        self.errors = []
        self.streams = []
        self.paused = []  # (when that ends, connection)
        self.sipped = []  # connections whose program takes little at a time
        self.unread = 0  # the most bytes that one of these has left
        self.mgr = None
        world.on_report = lambda er: self.errors.append(repr(er))

    def run(self, scripts):
        """Run the scripts, each `fn(stage, peer)`, and the healthy client, to the end."""
        world = self.world
        world.spawn("loop", self.loop, is_thread=True)
        world.spawn("healthy", self.healthy)
        for i, script in enumerate(scripts):
            world.spawn(f"peer{i}", self.act, script)
        world.run()
        modules.current.world = modules.current.net = None
        if world.failure:
            raise AssertionError(world.failure + "\n" + world.failure_stack)
        return self

    def loop(self):
        world = self.world
        world.left = 1 << 30
        self.mgr = mgr = self.mungo.Manager()
        for sock in (mgr.bell.tx, mgr.bell.rx):
            sock.is_bell = True
        mgr.listen("tcp://0.0.0.0:7000", self.tcp)
        mgr.http_listen("http://0.0.0.0:8000", self.http)
        world.loop = world.current
        world.may_block = False
        mgr.timer(100, self.tick, None, True)
        end = world.now + self.ms * 1000
        while world.now < end:
            start = world.now
            mgr.poll(50)
            self.over = max(self.over, (world.now - start) // 1000 - 50)
        self.stats = dict(mgr.stats)
        world.is_over = True

    # --- the program

    def tcp(self, c, ev, data, _):
        """Echoes, but for what some first bytes ask for: P pauses for 8 s, S pauses and is read in sips, B gets 8,000 bytes."""
        if ev == _READ and c in self.sipped:
            self.unread = max(self.unread, len(c.recv))
            c.recv.consume(min(len(c.recv), 7))
            c.is_full = True
        elif ev == _READ:
            got = c.recv.read()
            if got[:1] == b"P":
                c.is_full = True
                self.paused.append((self.world.now + 8_000_000, c))
            elif got[:1] == b"S":
                c.is_full = True
                self.sipped.append(c)
            elif got[:1] == b"B":
                c.send(b"b" * 8000)
            else:
                c.send(got)

    def http(self, c, ev, hm, _):
        if ev == _HTTP_MSG:
            if hm.match("/big"):
                c.http_reply(200, {}, b"b" * 8000)
            elif hm.match("/stream"):
                c.http_reply(200, {}, (b"s" * 100 for _ in range(1000)))
            elif hm.match("/events"):
                c.http_reply(200, {}, None)
                self.streams.append(c)
            else:
                c.http_reply(200, {}, b"hi\n")
        elif ev == _CLOSE and c in self.streams:
            self.streams.remove(c)

    def tick(self, _):
        for c in self.streams[:]:
            if not c.http_chunk(b"an event of some length, as they are\n"):
                c.is_closing = True
        while self.paused and self.paused[0][0] <= self.world.now:
            c = self.paused.pop(0)[1]
            if not c.is_closing:
                c.is_full = False
        for c in self.sipped:
            if not c.is_closing:
                c.is_full = False

    # --- peers

    def act(self, script):
        while not self.world.is_over:
            self.world.sleep(self.world.rng.randrange(1_000_000))
            peer = Peer(self.net)
            peer.slowness = 1 << 40
            script(self, peer)
            peer.until(lambda: False, 30_000_000)  # to the connection's end

    def healthy(self):
        """Sends a byte each 100 ms, which comes back, and in between asks for a page."""
        world = self.world
        peer = page = None
        while not world.is_over:
            if peer is None or peer.is_reset or peer.is_ended:
                peer = Peer(self.net)
                peer.connect(7000)
            if page is None or page.is_reset or page.is_ended:
                page = Peer(self.net)
                page.connect(8000)
            for it, data in ((peer, b"1"), (page, _GET % b"")):
                start = world.now
                if it.is_open:
                    it.send(data)
                if not it.is_open or not it.until(lambda it=it: it.inbox, 30_000_000):
                    self.lost += 1
                it.inbox.clear()
                if it.wire is not None:
                    it.take(0)
                self.gaps.append((world.now - start) // 1000)
            world.sleep(100_000)


def asks(path):
    """A peer that asks for this page, and takes nothing."""

    def script(stage, peer):
        if peer.connect(8000):
            peer.send(_GET % path)

    return script


def asks_on(stage, peer):
    """A peer that asks again and again, and takes nothing."""
    if peer.connect(8000):
        while not (stage.world.is_over or peer.is_reset or peer.is_ended):
            peer.send(_GET % b"big")
            stage.world.sleep(50_000)


def takes_nothing(stage, peer):
    if peer.connect(7000):
        peer.send(b"B")


def paused(stage, peer):
    """A peer whose program has paused it, and that goes on sending."""
    peer.slowness = 0
    if peer.connect(7000):
        peer.send(b"P")
        stage.world.sleep(100_000)
        peer.send(b"x" * 8000)


def sipped(stage, peer):
    """A peer that sends much to a program that takes little at a time."""
    peer.slowness = 0
    if peer.connect(7000):
        peer.send(b"S")
        stage.world.sleep(100_000)
        peer.send(b"x" * 30000)


def paused_in_small_pieces(stage, peer):
    peer.slowness = 0
    if peer.connect(7000):
        peer.send(b"P")
        for _ in range(200):
            stage.world.sleep(50_000)
            if peer.is_reset or peer.is_ended:
                return
            peer.send(b"x" * 5)


def asks_for_little(stage, peer):
    """A peer that asks for one small page after the other, and takes none of them."""
    if peer.connect(8000):
        while not (stage.world.is_over or peer.is_reset or peer.is_ended):
            peer.send(_GET % b"")
            stage.world.sleep(50_000)
