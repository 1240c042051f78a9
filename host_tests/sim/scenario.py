"""One run: which faults there are, what the server does, who uses it, and how it ends. All of it follows from the seed."""

import random
import sys

from . import modules
from .checks import Checks, Planned
from .flash import Files, forget
from .names import ADDRESS, SIX, NameServer
from .net import Net, Peer, UdpPeer
from .peers import Clients, pieces
from .world import SITES, World

_READ, _WRITE, _CLOSE, _OPEN, _HTTP_MSG, _CONNECT, _ERROR = 7, 8, 9, 1, 11, 4, 0
_EAGAIN, _EPIPE = 11, 32


class Result:
    def __init__(self, world, scene):
        self.failure = world.failure
        self.stack = world.failure_stack
        self.hash = world.hash
        self.steps = world.steps
        self.us = world.now
        self.scene = scene


def run(loader, app, profile, seed, log=None, scene=None):
    """Run this seed in a `scene`, a class like Scene; the Result says what went wrong, if anything."""
    sys.modules["mungo.core.one_thread"]._count = 0  # the last run may have failed
    world = World(profile, seed, log)
    net = Net(world)
    modules.current.world = world
    modules.current.net = net
    parts = sys.modules["mungo.http.lazy"].parts
    for name in parts.names:
        parts.__dict__.pop(name, None)
    for name in ("mungo.manager", "apps.multi_threaded", "mungo.app.relay"):
        loader.find(name)
    scene = (scene or Scene)(sys.modules["mungo"], app, world, net)
    try:
        world.spawn("loop", scene.main, is_thread=True)
        world.run()
        if world.failure is None and not scene.is_over:
            world.fail("everybody waits for ever: " + ", ".join(task.name for task in world.tasks if not task.is_done))
    finally:
        modules.current.world = modules.current.net = None
    return Result(world, scene)


class Scene:
    def __init__(self, library, app, world, net):
        self.mungo = library
        self.app = app
        self.world = world
        self.net = net
        self.rng = rng = world.rng
        self.mgr = None
        self.checks = world.checks = Checks(world, net)
        self.actors = 0  # scripts that have not ended
        self.answers = 0
        self.is_ending = self.is_over = self.is_cut = False
        more = random.Random(f"{world.profile.name} {world.seed} more")  # so that what was there before stays as it was
        self.stalled = more.choice((0, 0, 0, 1, 3, 6))  # clients that take nothing
        period = world.profile.period
        # ticks_ms wraps in the first seconds of most runs
        world.ticks_start = period - rng.choice((3, 200, 1500, 5000, 40000, period // 3))
        self._thread = modules.current.made["_thread"]
        time = modules.current.made["time"]
        self.sleep_ms = time.sleep_ms
        world.ticks = time.ticks_ms
        world.ticks_diff = time.ticks_diff
        forget(world)
        world.threads = world.thread_count = 0
        world.thread_faults = 0.0
        self.faults()

    def faults(self):
        world = self.world
        net = self.net
        rng = self.rng
        world.gap = rng.choice((4, 15, 60))
        self.clients_faulty = 0.0
        self.udp_loss = 0.0
        self.timer_scripts = []
        self.memory = None  # allocations until one fails
        self.descriptors = None  # sockets and files that may be opened once the server has started
        if rng.random() < 0.2:
            return
        world.stall = rng.choice((0, 0.02, 0.1))
        net.ring_faults = rng.choice((0, 0, 0, 0.1, 0.6))
        self.udp_loss = rng.choice((0, 0.1))
        net.write_cut = rng.choice((0, 0, 0.4))
        world.thread_faults = rng.choice((0, 0, 0, 0.2))
        self.clients_faulty = rng.choice((0, 0.3, 0.7))
        if rng.random() < 0.4:
            self.memory = rng.randrange(1, rng.choice((100, 1000, 5000)))
            world.memory_left = rng.choice((1, 3, 10))
            if rng.random() < 0.5:
                world.site = rng.randrange(SITES)
        if world.profile.shares_descriptors and rng.random() < 0.15:
            self.descriptors = rng.randrange(1, 4)

    def actor(self, name, function, *args):
        """A peer's script."""
        self.actors += 1
        self.world.spawn(name, self.act, function, *args)

    def act(self, function, *args):
        function(*args)
        self.actors -= 1

    def thread(self, function, *args):
        """A thread of the program's; False if none is to be had."""
        self.actors += 1
        try:
            self._thread.start_new_thread(self.act, (function, *args))
        except (OSError, MemoryError):
            self.actors -= 1
            return False
        return True

    def progress(self):
        self.world.progress += 1

    # --- the program

    def main(self):
        world = self.world
        rng = self.rng
        world.left = 1 << 30
        mungo = self.mungo
        limits = {}
        for name, values in (
            ("queue", (1, 2, 4)),
            ("queue_bytes", (64, 2000)),
            ("wakeups", (1, 4)),
            ("max_conns", (1, 2, 4)),
            ("backlog", (1, 4)),
            ("max_pipes", (2, 8)),
            ("max_timers", (3, 8)),
            ("send_limit", (2000,)),
            ("idle_ms", (500, 5000)),
            ("write_ms", (2000,)),
            ("head_ms", (1000,)),
            ("body_ms", (1000,)),
            ("rx_bytes", (256, 1024)),
            ("linger_ms", (50,)),
        ):
            if rng.random() < 0.3:
                limits[name] = rng.choice(values)
        more = random.Random(f"{world.profile.name} {world.seed} shared")
        if more.random() < 0.3:
            limits["shared_bytes"] = more.choice((3000, 6000))
        if more.random() < 0.3:
            limits["max_streams"] = 1
        bell = rng.choice(world.profile.bells)
        self.mgr = mgr = mungo.Manager(bell, ADDRESS, **limits)
        self.checks.mgr = mgr
        world.begin_loop(mgr)
        self.net.udp_loss = self.udp_loss
        world.left = rng.randrange(1, 2 * world.gap)
        self.start(mgr)
        world.allocations = self.memory
        if self.descriptors is not None:
            self.net.most = len(self.net.sockets) + self.descriptors
        end_us = world.now + rng.choice((100_000, 300_000, 1_000_000, 100_000_000, 100_000_000, 100_000_000))
        while world.now < end_us and self.actors:
            ms = rng.choice((1, 50, 1000, 1000, 1000, -1))
            start = world.now
            if not mgr.poll(ms):
                break
            self.checks.turn(ms, world.now - start)
            for script in self.timer_scripts:
                script.look()
            if self.is_cut:  # what workers send meanwhile finds the loop closing
                self.sleep_ms(rng.choice((1, 100)))
                break
        self.end(mgr)

    def end(self, mgr):
        self.world.note("end")
        self.is_ending = True
        self.world.allocations = None
        checks = self.checks
        checks.closing_order = 1 << 60
        if random.Random(f"{self.world.profile.name} {self.world.seed} late").random() < 0.3:
            self.thread(self.late_stopper)
        for _ in range(200):
            if mgr.close(self.rng.choice((1, 1000))):
                break
            checks.closing_order = 1 << 60
        else:
            self.world.fail("a worker never ends: " + ", ".join(t.name for t in self.world.tasks if t.is_thread and not t.is_done))
        if mgr.pipe_ends:
            self.world.fail(f"closed, and workers hold {mgr.pipe_ends} ends")
        self.world.loop = None
        for _ in range(1000):  # threads may still be on their last lines
            if not any(task.is_thread and not task.is_done and task is not self.world.current for task in self.world.tasks):
                break
            self.world.sleep(100_000)
        self.world.loop = self.world.current
        checks.closed()
        self.is_over = True
        self.world.is_over = True

    def start(self, mgr):
        rng = self.rng
        parts = [part for part in (self.http, self.pipes, self.pool, self.timers, self.udp, self.dial, self.echo) if rng.random() < 0.5]
        self.targets = []
        if random.Random(f"parts {self.world.profile.name} {self.world.seed}").random() < 0.25:
            parts.insert(0, self.flash)
        for part in parts or [self.http, self.pipes]:
            try:
                part(mgr)
            except OSError:
                if not self.world.profile.tcp or part in (self.pipes, self.pool, self.timers):
                    raise
                self.world.note("not enough sockets")
        if rng.random() < 0.5:
            for i in range(rng.randrange(1, 3)):
                self.thread(self.waker, i)
        if rng.random() < 0.1:
            self.thread(self.stopper)

    def flash(self, mgr):
        Files(self, mgr)

    def late_stopper(self):
        """Rings while the manager closes, and after that."""
        self.world.current.is_stranger = True
        for _ in range(30):
            self.mgr.stop()

    def stopper(self):
        self.world.current.is_stranger = True
        self.sleep_ms(self.rng.randrange(2000))
        self.mgr.stop()

    # --- HTTP, after the tutorial

    def http(self, mgr):
        app = self.app
        rng = self.rng
        self.uris = rng.choice((["/fast"], ["/fast", "/"], ["/", "/fast", "/stream"], ["/fast", "/relay", "/stream"]))
        app.threads = 0
        app.lock = self._thread.allocate_lock()
        app.settings.DELAY_MS = rng.choice((0, 1, 20, 300, 2000))
        app.settings.MAX_THREADS = rng.choice((1, 3, 64))
        app.pcb = self.checks.watch(app._pcb)
        relay = sys.modules["mungo.app.relay"]

        def fn(c, ev, hm, fn_data):
            if ev == _OPEN:
                self.targets.append(c.id)
            if ev != _HTTP_MSG or not hm.match("/#/#/#"):
                return app.fn(c, ev, hm, fn_data)
            _, kind, n, size = hm.uri.split("/")
            source = self.source(int(n), int(size), kind == "relay")
            if kind == "stream":
                return c.http_reply(200, {}, source)
            try:
                relay.stream(c, mgr.workers(), source)
                self.is_cut = rng.random() < 0.1
            except (OSError, MemoryError):
                c.http_reply(503, {}, "busy\n")

        listener = mgr.http_listen("http://0.0.0.0:8000", self.checks.watch(fn))
        self.targets[:] = [listener.id]
        self.clients = Clients(self, 8000)
        self.clients.start(rng.randrange(1, 8), self.clients_faulty)
        if self.memory or self.descriptors:
            self.actor("late client", self.ask_late)

    def ask_late(self):
        """There is memory again, and there are descriptors: the server works as before."""
        world = self.world
        world.sleep(self.rng.randrange(3_000_000, 20_000_000))
        world.note("no more shortage")
        world.allocations = None
        self.net.most = world.profile.sockets
        world.sleep(1_000_000)
        peer = Peer(self.net)
        answer = None
        if peer.connect(8000):
            peer.send(b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = self.clients.answer(peer)
            peer.close()
        elif world.profile.tcp:  # others may have all that lwIP has
            return
        if not self.is_ending and (answer is None or answer[0] not in (200, 503)):
            world.fail(f"after the shortage a client gets {answer}")

    def source(self, n, size, is_worker):
        for i in range(n):
            if is_worker and i % 4 == 3:
                self.sleep_ms(self.rng.choice((0, 1, 30)))
            yield pieces(n, size) if n == 1 else b"%d " % i * size

    # --- pipes

    def pipes(self, mgr):
        for i in range(self.rng.randrange(1, 4)):
            try:
                PipeScript(self, mgr, i)
            except OSError as er:
                if mgr.pipes != mgr.max_pipes:
                    self.world.fail(f"mkpipe: {er!r}, {mgr.pipes} pipes")

    # --- wakeups

    def waker(self, number):
        rng = self.rng
        self.world.current.is_stranger = True
        for i in range(rng.randrange(1, 15)):
            if self.mgr.closed or not self.targets:
                return
            target = rng.choice(self.targets) + 16 * rng.choice((0, 0, 0, 0, 1, 2))
            try:
                taken = self.mgr.wakeup(target, b"w %d %d %d" % (target, number, i))
            except MemoryError:
                taken = False
            if taken:
                self.checks.wakeups[0] += 1
            self.sleep_ms(rng.choice((0, 0, 1, 40)))

    # --- jobs

    def pool(self, mgr):
        rng = self.rng
        limits = {}
        if rng.random() < 0.5:
            limits = {"queue": rng.choice((1, 3)), "job_ms": rng.choice((30, 300, 30000))}
            if self.world.profile.threads > 1:
                limits["n"] = rng.choice((1, 2, 3))
        self.crew = mgr.workers(**limits)
        self.actors += 1
        self.jobs = rng.randrange(1, 10)
        self.live = {}  # number: job
        mgr.timer(rng.choice((1, 20)), self.submit)
        if rng.random() < 0.3:
            self.thread(self.submitter)

    def submitter(self):
        self.world.current.is_stranger = True
        for i in range(self.rng.randrange(1, 5)):
            if self.mgr.closed:
                return
            self.job(1000 + i)
            self.sleep_ms(self.rng.choice((0, 5)))

    def submit(self, _):
        self.progress()
        rng = self.rng
        self.job(self.jobs)
        if self.live and rng.random() < 0.2:
            self.crew.cancel(self.live[rng.choice(sorted(self.live))])
        self.jobs -= 1
        if self.jobs:
            self.mgr.timer(rng.choice((0, 1, 20, 200)), self.submit)
        else:
            self.actors -= 1

    def job(self, number):
        world = self.world
        rng = self.rng
        what = rng.choice(("return", "return", "raise", "long"))
        ms = rng.choice((None, None, 40, 400))
        start = world.now
        calls = []

        def work():
            self.sleep_ms(rng.choice((0, 1, 20)) if what != "long" else 1500)
            if what == "raise":
                raise Planned(number)
            return number

        def done(result, er):
            calls.append(er)
            self.live.pop(number, None)
            if len(calls) > 1:
                world.fail(f"on_done of job {number} was called twice")
            if er is None and result != number:
                world.fail(f"job {number} has the result {result}")
            if er is not None and not isinstance(er, (OSError, Planned, MemoryError)):
                world.fail(f"job {number} has ended with {er!r}")
            limit = ms or self.crew.job_ms
            late = world.now - start - limit * 1000
            if not isinstance(er, OSError) and late > 500_000 and not (self.net.ring_faults or world.profile.tx_heap or world.stall):
                world.fail(f"job {number}: a result {late} us after its deadline")
            if isinstance(er, OSError) and er.args[0] == world.profile.errno["ETIMEDOUT"] and world.now - start < limit * 1000 - 1000:
                world.fail(f"job {number}: timeout of {limit} ms after {(world.now - start) / 1000}")

        try:
            job = self.crew.submit(work, on_done=done, timeout_ms=ms)
        except (OSError, MemoryError):
            return
        if number < 1000 and not calls:
            self.live[number] = job

    # --- timers

    def timers(self, mgr):
        for _ in range(self.rng.randrange(1, 6)):
            try:
                TimerScript(self, mgr)
            except OSError as er:
                if len(mgr.timers.all) != mgr.max_timers:
                    self.world.fail(f"timer: {er!r}")

    # --- UDP

    def udp(self, mgr):
        rng = self.rng
        peer = UdpPeer(self.net, 5353)
        state = {"sent": 0, "seen": []}

        def fn(c, ev, data, _):
            if ev == _READ:
                if data in state["seen"]:
                    self.world.fail(f"datagram {data} twice")
                state["seen"].append(data)
                if not c.send(data):
                    self.checks.refused_datagrams += 1

        try:
            c = mgr.listen("udp://0.0.0.0:5000", self.checks.watch(fn))
        except OSError:
            return
        self.targets.append(c.id)

        def script():
            n = rng.randrange(1, 20)
            for i in range(n):
                peer.send(b"d%d" % i, 5000)
                self.world.sleep(rng.choice((0, 0, 100, 20_000)))
            self.world.sleep(3_000_000)
            if self.is_ending or c.is_closing:
                return
            for _ in range(n - len(state["seen"]) - self.net.dropped):
                self.world.lose(f"{n} datagrams sent, {self.net.dropped} dropped, {len(state['seen'])} seen")
            for _ in range(len(state["seen"]) - len(peer.got)):
                self.world.lose(f"{len(state['seen'])} datagrams answered, {len(peer.got)} came")

        self.actor("udp peer", script)

    # --- a plain TCP server, whose handler makes use of every flag

    def echo(self, mgr):
        rng = self.rng
        self.echoes = Echoes(self)
        listener = mgr.listen("tcp://0.0.0.0:7000", self.checks.watch(self.echoes.handler))
        self.targets.append(listener.id)
        for i in range(rng.randrange(1, 4)):
            self.actor(f"echo{i}", self.echoes.client)

    # --- outgoing

    def dial(self, mgr):
        world = self.world
        how = self.rng.choice(("answer", "refuse", "silence", "reset"))
        got = []

        def serve(peer):
            self.actor("backend", echo, peer)

        def echo(peer):
            if how == "reset":
                return peer.reset()
            n = 0
            while n < 3000 and peer.until(lambda: peer.inbox, 20_000_000):
                data = peer.take(700)
                n += len(data)
                peer.send(data)
            peer.close()

        self.net.servers[9000] = how if how in ("silence", "refuse") else serve
        host = "10.0.0.3"
        more = random.Random(f"{world.profile.name} {world.seed} names")
        if more.random() < 0.7 and self.descriptors is None:  # (its sockets would take those that imports need)
            host = "backend.test"
            says = more.choice(("four", "four", "both", "both", "both", "nothing", "nxdomain", "refused", "silence"))
            server = NameServer(self.net, more, says)
            other = more.choice(("answer", "refuse", "silence", "no route"))
            self.net.servers[SIX, 9000] = serve if other == "answer" else other
            if says not in ("four", "both"):
                how = "refuse"
            elif says == "both" and world.profile.shares_descriptors:  # (boards do not ask for IPv6)
                if how in ("refuse", "silence") if other == "answer" else how == "answer" and (server.loss or self.udp_loss):
                    how = "either"  # either family may be all that it has
        sent = b"".join(b"%05d" % i for i in range(600))
        events = []
        self.actors += 1

        def fn(c, ev, data, _):
            events.append(ev)
            if ev == _ERROR and "OSError(%d)" % world.profile.no_socket in data:
                events.append("no socket")
            if ev == _CONNECT:
                for i in range(0, 3000, 1000):
                    c.put(sent[i : i + 1000])
            elif ev == _READ:
                got.append(c.recv.read())
            elif ev == _CLOSE:
                self.actors -= 1
                data = b"".join(got)
                if not sent.startswith(data):
                    world.fail(f"the echo is not what was sent: {data[:50]}")
                if how == "answer" and data != sent and not (self.is_ending or mgr.stats["timeouts"] or "no socket" in events):
                    world.lose(f"only {len(data)} bytes of the echo came")
                    if _ERROR not in events:
                        world.fail("a connection has ended without its end, and no EV_ERROR")
                if how in ("refuse", "silence") and _CONNECT in events:
                    world.fail("EV_CONNECT, and nobody has answered")
                if how in ("refuse", "silence") and _ERROR not in events and not self.is_ending:
                    world.fail("no EV_ERROR, and nobody has answered")

        try:
            self.targets.append(mgr.connect(f"tcp://{host}:9000", self.checks.watch(fn)).id)
        except (OSError, MemoryError):
            self.actors -= 1


class Echoes:
    """A server that sends back what it gets, at times later, and at times closes."""

    def __init__(self, scene):
        self.scene = scene
        self.world = scene.world
        self.rng = scene.rng
        self.mgr = scene.mgr
        self.moody = self.rng.choice((0, 0.05, 0.2))

    def handler(self, c, ev, data, _):
        rng = self.rng
        if ev == _READ or ev == _WRITE:
            if rng.random() < self.moody:
                c.is_full = True
                if rng.random() < 0.5:
                    c.is_full = False
                else:
                    try:
                        self.mgr.timer(rng.choice((1, 30)), self.go_on, c)
                    except OSError:
                        c.is_full = False
            if rng.random() < self.moody / 4:
                setattr(c, rng.choice(("is_closing", "is_draining")), True)
            n = min(len(c.recv), rng.choice((10, 400, 4000)))
            if n and c.send(bytes(memoryview(c.recv.data)[c.recv.start : c.recv.start + n])):
                c.recv.consume(n)
                if len(c.recv) and c.out is None:
                    c.is_full = True
                    c.is_full = False

    def go_on(self, c):
        self.scene.progress()
        if not c.is_closing:
            c.is_full = False

    def client(self):
        world = self.world
        rng = self.rng
        peer = Peer(self.scene.net)
        peer.slowness = rng.choice((0, 0, 40_000))
        if not peer.connect(7000):
            return
        sent = b"".join(b"%05d" % i for i in range(rng.choice((1, 100, 1500))))
        got = b""
        at = 0
        while len(got) < len(sent):
            if at < len(sent) and at - len(got) < 2000:
                n = rng.randrange(1, 1000)
                peer.send(sent[at : at + n])
                at += n
            elif not peer.until(lambda: peer.inbox, 60_000_000):
                break
            got += peer.take(10_000)
        if not sent.startswith(got):
            world.fail(f"the echo of {sent[:20]} is {got[:50]}")
        stats = self.mgr.stats
        excused = self.moody or self.scene.is_ending or stats["timeouts"] or stats["refused"] or stats["starved"]
        if len(got) < len(sent) and not excused:
            if not peer.is_over():
                world.fail(f"of {len(sent)} bytes {len(got)} came back, and the connection is open")
            world.lose(f"of {len(sent)} bytes {len(got)} came back")
        peer.close()


class PipeScript:
    """A pipe, its handler in the loop and its worker: numbered messages both ways."""

    def __init__(self, scene, mgr, number):
        self.scene = scene
        self.world = world = scene.world
        self.rng = rng = world.rng
        self.mgr = mgr
        self.number = number
        self.c = None
        self.up = self.down = 0  # the next number in each direction
        self.total = rng.randrange(0, 20)
        self.replies = rng.choice((0, 0.5, 1.0))
        self.pauses = rng.choice((0, 0.2))
        self.is_cut = rng.random() < 0.2  # the loop closes it in the middle
        self.pad = rng.choice((b"", b"x" * 50))
        self.reply = 0
        self.owed = 0
        self.is_cut_done = False
        self.returned = 0  # sends
        self.end = mgr.mkpipe(scene.checks.watch(self.handler), number)
        if self.c is None:
            world.fail("no EV_OPEN inside mkpipe")
        scene.targets.append(self.c.id)
        timeout = rng.choice((None, None, 0, 0.05, 0.5))
        self.end.settimeout(timeout)
        self.timeout = timeout
        self.seen = set()
        self.readers = 0
        if not scene.thread(self.worker):
            self.end.close()
        elif rng.random() < 0.3 and scene.thread(self.reader):  # two threads wait at one pipe
            self.readers = 1

    def handler(self, c, ev, data, fn_data):
        rng = self.rng
        if ev == _OPEN:
            self.c = c
        elif ev == _READ:
            number, seq, _ = data.split(b" ", 2)
            if c.is_full:
                self.world.fail(f"pipe {self.number}: message {seq} while it is full")
            if int(number) != self.number:
                self.world.fail(f"a message of pipe {number} reached pipe {self.number}")
            if int(seq) != self.up:
                self.world.fail(f"pipe {self.number}: message {seq}, not {self.up}")
            self.up += 1
            if rng.random() < self.replies:
                self.owed += 1
                self.answer()
            if rng.random() < self.pauses and not c.is_full:
                c.is_full = True
                try:
                    self.mgr.timer(rng.choice((1, 100)), self.resume)
                except OSError:
                    c.is_full = False
            if self.is_cut and rng.random() < 0.2:
                self.is_cut_done = True
                c.is_closing = True
            if rng.random() < 0.02:
                self.is_cut_done = True
                raise Planned
        elif ev == _WRITE:
            self.answer()
        elif ev == _CLOSE:
            if not self.is_cut_done and not self.scene.is_ending and self.up != self.returned:
                self.world.lose(f"pipe {self.number}: {self.returned} messages sent, {self.up} came before EV_CLOSE")

    def answer(self):
        while self.owed and self.c.send(b"%d %d " % (self.number, self.reply) + self.pad):
            self.owed -= 1
            self.reply += 1

    def resume(self, _):
        self.scene.progress()
        if not self.c.is_closing:
            self.c.is_full = False

    # --- in the thread

    def call(self, verb, arg):
        """A call of the pipe, with a look at how long it takes; None if it has timed out."""
        world = self.world
        task = world.current
        start = world.now
        us = None if self.timeout is None else int(self.timeout * 1e6)
        if self.readers:
            self.end.settimeout(self.timeout)
        task.doing = verb, self.end, arg
        try:
            return getattr(self.end, verb)(arg)
        except OSError as er:
            number = er.args[0]
            if self.readers and number in (_EAGAIN, world.profile.errno["ETIMEDOUT"]):
                return None  # whose timeout it was is not known
            if number == world.profile.errno["ETIMEDOUT"] and us:
                if world.now - start < us - 1000:
                    world.fail(f"{verb} timed out after {world.now - start} us of {us}")
            elif number != _EAGAIN or us != 0:
                raise
            return None
        finally:
            task.doing = None

    def worker(self):
        rng = self.rng
        try:
            for seq in range(self.total):
                data = b"%d %d " % (self.number, seq) + self.pad
                for _ in range(300):
                    n = self.call("send", data)
                    if n is not None:
                        break
                    self.scene.sleep_ms(5)
                else:
                    break
                if n != len(data):
                    self.world.fail(f"send has returned {n} of {len(data)}")
                self.returned += 1
                if rng.random() < 0.3:
                    self.read()
                if rng.random() < 0.2:
                    self.scene.sleep_ms(rng.choice((0, 1, 60)))
            if self.timeout is not None:
                self.read()
        except OSError as er:
            if er.args[0] != _EPIPE:
                self.world.fail(f"the worker of pipe {self.number} got {er!r}")
        except MemoryError:
            pass
        finally:
            self.end.close()

    def read(self):
        """What the loop has sent; with a timeout until it comes."""
        if self.timeout is None and not self.replies:
            return
        if self.timeout is None and self.replies < 1.0:
            return
        if self.timeout is None and self.down >= self.up_sure():
            return
        data = self.call("recv", 1000)
        if data:
            number, seq, _ = data.split(b" ", 2)
            if int(number) != self.number or int(seq) != self.down and not self.readers or int(seq) in self.seen:
                self.world.fail(f"pipe {self.number}: received {data}, not {self.down}")
            self.seen.add(int(seq))
            self.down += 1

    def reader(self):
        """Another thread, which waits for ever."""
        data = b"x"
        while data:
            self.end.settimeout(None)
            try:
                data = self.end.recv(1000)
            except (OSError, MemoryError):
                return
            if data:
                seq = int(data.split(b" ", 2)[1])
                if seq in self.seen:
                    self.world.fail(f"pipe {self.number}: {data} twice")
                self.seen.add(seq)
                self.down += 1

    def up_sure(self):
        """How many replies are sure to come: each message is answered."""
        return self.returned


class TimerScript:
    def __init__(self, scene, mgr):
        self.scene = scene
        self.world = scene.world
        rng = scene.rng
        self.is_repeating = rng.random() < 0.5
        self.ms = rng.choice((1, 7, 100, 900, 2500)) if self.is_repeating else rng.choice((0, 1, 50, 1000, 4000))
        self.left = rng.randrange(1, 6)
        self.start = self.world.now
        self.fired = 0
        self.timer = mgr.timer(self.ms, self.fire, None, self.is_repeating)
        scene.timer_scripts.append(self)
        scene.actors += 1

    def look(self):
        """Is it late?"""
        calls = self.fired + 1 if self.is_repeating else 1
        if self.left and self.world.now > self.start + self.ms * 1000 * calls + 5_000_000 and (self.is_repeating or not self.fired):
            self.world.fail(f"a timer of {self.ms} ms has fired {self.fired} times, and no more")

    def fire(self, _):
        self.scene.progress()
        self.fired += 1
        after = self.world.now - self.start
        if after < self.ms * 1000 * (self.fired if self.is_repeating else 1) - 1000:
            self.world.fail(f"a timer of {self.ms} ms fires for the {self.fired}. time after {after} us")
        if not self.left or self.fired > 1 and not self.is_repeating:
            self.world.fail("a timer fires that is cancelled, or has fired")
        self.left -= 1
        if not self.is_repeating or not self.left:
            self.left = 0
            self.timer.cancel()
            self.scene.actors -= 1
