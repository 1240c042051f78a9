"""A fleet: boards that submit jobs and do them, each with a loop, sockets and threads of its own, at the broker of fleet_broker.py.

For some time boards are killed, stopped, cut off and started again, the broker is restarted and makes trouble. Then all is well: each board
submits a last job of each kind, which has to succeed. What docs/fleet.md promises is looked at all the time: every on_done comes once, in
time, with the result of its own job or an error that has a cause; a job that may run only once never runs twice; no more run at once than
`at_once`; the counters add up; and at the end nothing is left in any table.
"""

import random
import sys

from . import modules
from .checks import Checks, Planned
from .fleet_broker import FleetBroker
from .names import ADDRESS
from .net import Net
from .scenario import Scene
from .world import Signal

FIRST_SEED = 4_000_000  # from here on the seeds are of these scenes
PORT = 1883
_TROUBLE_US = 6_000_000
_PATIENCE_US = 90_000_000
_LATE_US = 1_500_000  # an on_done after its deadline: the loop is stalled, and looks each 50 ms
_KINDS = ("loop", "thread", "once", "valve")  # the jobs: idempotent or not, in the loop or in a thread
_ONCE = ("once", "valve")
_IN_THREAD = ("thread", "valve")
_LONGEST_MS = 4000
_LAST_MS = 12_000
_OWN = 3  # a state of submitter.py


class Ask:
    """A job that a board has submitted. `due`: its deadline."""

    outcome = None
    is_cancelled = False
    submission = None
    conn = None

    def __init__(self, board, number, kind, due, raises, is_last):
        self.key = f"{board.name}/{board.start}/{number}"
        self.board = board
        self.kind = kind
        self.due = due
        self.raises = raises
        self.is_last = is_last


class Board:
    """One start of a board: what it has of the world, see `World.enter`."""

    is_ending = is_over = False
    stopped_until = 0
    was_stopped = False
    fleet = None

    def __init__(self, scene, name, start):
        self.scene = scene
        self.world = world = scene.world
        self.name = name
        self.start = start
        self.rng = random.Random(f"{world.profile.name} {world.seed} {name} {start}")
        plan = scene.plans[name]
        self.works = plan["works"]
        self.submits = plan["submits"]
        self.running = dict.fromkeys(_KINDS, 0)
        self.asked = []
        self.answers = self.own_answers = 0  # to its jobs, from other boards and from itself
        self.came = 0  # jobs
        self.conns = []
        others = world.change, world.on_report, world.collected
        world.change = Signal()
        self.net = Net(world)
        self.checks = Checks(world, self.net)
        world.before_sleep.remove(self.checks.asleep)  # see FleetScene.asleep
        # In the order of world._OF_A_BOARD.
        self.state = [None, True, 0, [], self.checks, world.change, False, self.checks.report, self.checks.collected]
        world.change, world.on_report, world.collected = others
        self.threads_of_loops = (None, 0)
        self.net.servers[PORT] = self.accept
        world.spawn(name, self.live, is_thread=True)
        world.tasks[-1].board = self

    def accept(self, peer):
        self.peer = peer
        self.scene.broker.accept(peer)

    def enter(self):
        modules.current.net = self.net
        module = sys.modules["mungo.core.one_thread"]
        module._owner, module._count = self.threads_of_loops

    def leave(self):
        module = sys.modules["mungo.core.one_thread"]
        self.threads_of_loops = module._owner, module._count

    def fail(self, text):
        self.world.fail(f"{self.name}: {text}")

    # --- its program

    def live(self):
        world = self.world
        scene = self.scene
        world.left = 1 << 30
        self.mgr = mgr = scene.mungo.Manager(self.rng.choice(world.profile.bells), ADDRESS)
        self.checks.mgr = mgr
        world.begin_loop(mgr)
        self.make_fleet()
        mgr.timer(self.rng.choice((30, 200)), self.step, None, True)
        world.left = self.rng.randrange(1, 2 * world.gap)
        while not self.is_over:
            ms = self.rng.choice((1, 50, 1000, 1000))
            start = world.now
            self.was_stopped = False
            if not mgr.poll(ms):
                self.fail("its manager has stopped")
            self.checks.turn(ms, 0 if self.was_stopped else world.now - start)
            self.look()
        self.end()

    def make_fleet(self):
        from mungo.fleet.fleet import Fleet
        from mungo.mqtt.client import Client

        scene = self.scene
        client = Client(f"mqtt://10.0.0.3:{PORT}", id=self.name, version=5, keep_alive_s=scene.keep_alive_s, log=None)
        self.world.guards.append(client.outbox.lock)
        back_off = client.back_off
        client.back_off = lambda reason: min(back_off(reason), 1500)
        client.event = self.checks.watch(client.event)
        self.fleet = fleet = Fleet(
            client, "s", queue=scene.queue, lease_ms=scene.lease_ms, offline=scene.offline, local=scene.plans[self.name]["local"]
        )
        for kind in self.works:
            at_once = scene.at_once if kind in _IN_THREAD else 1
            fleet.job(kind, worker=kind in _IN_THREAD, at_once=at_once, idempotent=kind not in _ONCE, timeout_ms=scene.job_ms)(
                self.job(kind)
            )
        if self.works:
            take = fleet.worker.take
            fleet.worker.take = lambda offer, msg: self.count_came(take, offer, msg)
        fleet.attach(self.mgr)
        self.answers_counted = False

    def count_came(self, take, offer, msg):
        self.came += 1
        take(offer, msg)

    def count_answers(self):
        """The submitter's part loads with the first job: count what it hears from there on."""
        handlers = self.fleet.handlers
        self.answers_counted = True
        for kind in ("done", "failed"):
            handler = handlers[kind]

            def counted(id, msg, board, handler=handler):
                self.answers += 1
                handler(id, msg, board)

            handlers[kind] = counted
        fetched = self.fleet.submitter.fetched

        def counted_fetched(job, data, is_json):
            self.answers -= data is None  # it is as if it had not come
            fetched(job, data, is_json)

        self.fleet.submitter.fetched = counted_fetched
        own = self.fleet.submitter.own

        def counted_own(job, kind, data, is_json):
            self.own_answers += job.state == _OWN and kind != "refused"
            own(job, kind, data, is_json)

        self.fleet.submitter.own = counted_own

    def job(self, kind):
        """The function of a job."""
        scene = self.scene
        rng = self.rng

        def work(data):
            if kind in _IN_THREAD:
                self.world.current.is_stranger = True
            key = data["key"] if isinstance(data, dict) else data.split(b" ")[0].decode()
            if kind in _ONCE:
                if key in scene.once:
                    self.fail(f"{key} runs again, which may run only once")
                scene.once.add(key)
            if data != scene.data[key]:
                self.fail(f"{key} has other data than was submitted")
            self.running[kind] += 1
            try:
                if self.running[kind] > (scene.at_once if kind in _IN_THREAD else 1):
                    self.fail(f"{self.running[kind]} {kind} run at once")
                if kind in _IN_THREAD:
                    scene.sleep_ms(rng.choice(scene.sleeps))
                if scene.raises[key]:
                    raise Planned(key)
            finally:
                self.running[kind] -= 1
            return {"is": key, "pad": "y" * scene.pads[key]} if isinstance(data, dict) else b"is " + data

        return work

    def step(self, _):
        """Submit, cancel, and let clients leave."""
        rng = self.rng
        self.world.progress += 1
        if self.is_ending or not self.submits or not self.fleet.is_ready and rng.random() < 0.8:
            return
        for conn in self.conns:
            if not conn.is_closing and rng.random() < 0.02:
                conn.is_closing = True
        for ask in self.asked:
            if ask.outcome is None and not ask.is_last and rng.random() < self.scene.cancels:
                ask.is_cancelled = True
                self.fleet.cancel(ask.submission)
        if self.scene.broker.faults.is_on:
            if len(self.asked) < self.scene.count and rng.random() < 0.5:
                self.submit(rng.choice(_KINDS), rng.choice((300, 1500, _LONGEST_MS)))
        elif self.fleet.is_ready and self.scene.is_well:
            for kind in _KINDS:
                if kind in self.scene.offered and not any(ask.is_last and ask.kind == kind for ask in self.asked):
                    self.submit(kind, _LAST_MS, True)

    def submit(self, kind, timeout_ms, is_last=False):
        scene = self.scene
        rng = self.rng
        world = self.world
        ask = Ask(self, len(self.asked), kind, world.now + timeout_ms * 1000, not is_last and rng.random() < 0.1, is_last)
        pad = rng.choice(scene.sizes)
        data = {"key": ask.key, "pad": "x" * pad}
        if rng.random() < 0.3:
            data = ask.key.encode() + b" " + b"x" * pad
        scene.data[ask.key] = data
        scene.raises[ask.key] = ask.raises
        scene.pads[ask.key] = rng.choice(scene.sizes)
        if rng.random() < 0.2 and not is_last:
            ask.conn = self.client()
        try:
            ask.submission = self.fleet.submit(kind, data, lambda *outcome: self.on_done(ask, *outcome), timeout_ms, ask.conn)
        except OSError as er:
            is_full = er.errno == 11 and len(self.fleet.submitter.jobs) >= scene.queue
            is_away = er.errno == world.profile.errno["ENOTCONN"] and scene.offline == "fail" and not self.fleet.is_ready
            if not is_full and not is_away:
                self.fail(f"submit raises {er!r}")
            return
        if ask.outcome is not None:
            self.fail("on_done inside submit")
        self.asked.append(ask)
        if not self.answers_counted:
            self.count_answers()

    def client(self):
        """A connection that is there, or a new one."""
        from mungo.mqtt.link import Keeper

        for conn in self.conns:
            if not conn.is_closing and self.rng.random() < 0.5:
                return conn
        self.conns.append(Keeper(self.mgr, None, lambda *_: None, self))
        return self.conns[-1]

    def on_done(self, ask, result, error):
        world = self.world
        scene = self.scene
        world.note("on_done", ask.key, repr(error))
        if ask.outcome is not None:
            self.fail(f"on_done of {ask.key} twice: {ask.outcome}, then {result, error}")
        if world.current is not world.loop:
            self.fail("on_done outside the loop")
        ask.outcome = result, error
        world.progress += 1
        if error is None:
            data = scene.data[ask.key]
            wanted = {"is": ask.key, "pad": "y" * scene.pads[ask.key]} if isinstance(data, dict) else b"is " + data
            if result != wanted or ask.raises:
                self.fail(f"{ask.key} gets {str(result)[:60]}")
            return
        errno = world.profile.errno
        number = error.errno if isinstance(error, OSError) else None
        is_left = ask.is_cancelled or ask.conn is not None and ask.conn.is_closing or self.is_ending
        causes = {
            None: ask.raises,
            11: not ask.is_last,
            errno["ETIMEDOUT"]: world.now > ask.due - 2000 or scene.job_ms is not None and ask.kind in _IN_THREAD,
            errno["EIO"]: ask.kind in _ONCE and not ask.is_last,
            32: is_left,
        }
        if result is not None or not causes.get(number) or number is None and ask.key not in str(error):
            self.fail(f"{ask.key} ends with {error!r}")
        if ask.is_last and not (number == errno["ETIMEDOUT"] and world.now < ask.due - 2000):  # (it was one of job_ms)
            self.fail(f"{ask.key}, {ask.kind}, ends with {error!r} although all is well: {self.state_of(ask)}")

    def state_of(self, ask):
        job = ask.submission
        return {name: getattr(job, name) for name in ("state", "board", "times", "is_refused", "was_sent", "begun")}, self.fleet.boards

    # --- what must hold

    def look(self):
        """After each turn."""
        world = self.world
        fleet = self.fleet
        stats = fleet.stats
        for ask in self.asked:
            if ask.outcome is None and world.now > ask.due + _LATE_US and world.now > self.stopped_until + _LATE_US:
                self.fail(f"{ask.key} has no end {(world.now - ask.due) / 1e6} s after its deadline")
            if ask.outcome is None and ask.conn is not None and ask.conn.is_closing and ask.conn not in self.mgr.conns:
                self.fail(f"{ask.key} outlives its client")
        if fleet.submitter is not None:
            self.look_at_submitter(fleet.submitter, stats)
        if fleet.worker is not None:
            self.look_at_worker(fleet.worker, stats)

    def look_at_submitter(self, submitter, stats):
        over = [ask.outcome[1] for ask in self.asked if ask.outcome is not None]
        done = sum(error is None for error in over)
        failed = sum(error is not None and not isinstance(error, OSError) for error in over)
        if stats["submitted"] != len(self.asked) or stats["done"] != done or stats["failed"] < failed:
            self.fail(f"{len(self.asked)} submitted, {done} done, {failed} failed: {stats}")
        if len(over) != stats["done"] + stats["failed"] + stats["errors"] or len(self.asked) - len(over) != len(submitter.jobs):
            self.fail(f"{len(over)} of {len(self.asked)} are over, {len(submitter.jobs)} jobs are there: {stats}")
        for name, lane in submitter.lanes.items():
            jobs = [job for job in submitter.jobs.values() if job.name == name]
            if lane.under_way != sum(job.state in (1, 2) for job in jobs) or len(lane.waiting) != sum(not job.state for job in jobs):
                self.fail(f"{name}: {lane.under_way} under way, {len(lane.waiting)} wait: {[job.state for job in jobs]}")
            if len(set(map(id, lane.waiting))) < len(lane.waiting):
                self.fail(f"{name}: a job waits twice")

    def look_at_worker(self, worker, stats):
        for offer in worker.offers.values():
            if not 0 <= offer.busy <= offer.at_once:
                self.fail(f"{offer.name}: {offer.busy} busy, at_once {offer.at_once}")
        if stats["taken"] != stats["ran"] + stats["turned_away"] + stats["cancelled"] + len(worker.runs):
            self.fail(f"{len(worker.runs)} runs: {stats}")
        if self.came + stats["local"] != stats["taken"] + stats["repeats"]:
            self.fail(f"{self.came} jobs have come: {stats}")

    def is_quiet(self):
        """Whether its own part is over."""
        return all(ask.outcome is not None for ask in self.asked) and (
            not self.submits or sum(ask.is_last for ask in self.asked) == len(self.scene.offered)
        )

    def nothing_is_left(self):
        """At the end, before the fleet stops."""
        fleet = self.fleet
        stats = fleet.stats
        if not fleet.is_ready:
            self.fail(f"is not there, although all is well: {fleet.mqtt.stats}")
        submitter = fleet.submitter
        if submitter is not None:
            if submitter.jobs or any(lane.waiting or lane.under_way for lane in submitter.lanes.values()):
                self.fail(f"jobs are left: {submitter.jobs}")
            heard = stats["done"] + stats["failed"] - self.own_answers + stats["late"] + stats["duplicates"]
            if self.answers != heard:
                self.fail(f"{self.answers} answers have come: {stats}")
            open_conns = {conn.id for conn in self.conns if not conn.is_closing}
            if submitter.clients - open_conns:
                self.fail("clients are left")
        if fleet.worker is not None:
            for offer in fleet.worker.offers.values():
                if offer.busy or offer.waiting or not offer.is_joined:
                    self.fail(f"{offer.name}: {offer.busy} busy, {offer.waiting} wait, joined {offer.is_joined}")
            if fleet.worker.runs:
                self.fail(f"runs are left: {fleet.worker.runs}")
        if fleet.large is not None and (fleet.large.fetches or fleet.large.results):
            self.fail(f"pieces are left: {fleet.large.fetches} {fleet.large.results}")
        for line in self.scene.broker.lines.values():
            if line.id == f"{self.name}-{fleet.boot}" and (line.under_way or line.waiting):
                self.fail(f"messages are not acknowledged: {line.under_way}")

    def end(self):
        world = self.world
        mgr = self.mgr
        self.is_ending = True
        if self.submits:
            self.submit("loop", 5000)  # it ends with the fleet
        if self.rng.random() < 0.5:
            self.fleet.stop()
            for _ in range(100):
                if self.fleet.mqtt.mgr is None:
                    break
                mgr.poll(100)
            else:
                self.fail("its client does not stop")
        self.checks.closing_order = 1 << 60
        for _ in range(100):
            if mgr.close(1000):
                break
            self.checks.closing_order = 1 << 60
        else:
            self.fail("a worker never ends")
        if any(ask.outcome is None for ask in self.asked) or self.fleet.submitter and self.fleet.submitter.jobs:
            self.fail("closed, and an on_done was not called")
        world.loop = None
        while any(task.is_thread and not task.is_done and task is not world.current and task.board is self for task in world.tasks):
            world.sleep(100_000)
        world.loop = world.current
        self.checks.closed()
        self.scene.ended += 1

    # --- what happens to it

    def kill(self):
        """Its process is killed, or its power is cut: then nobody is told."""
        world = self.world
        is_power = self.rng.random() < 0.4
        world.kill(self)
        for sock in self.net.sockets:
            if sock.wire is not None and not sock.wire.is_dead:
                if is_power or sock.wire.state != "open":
                    sock.wire.peer.vanish()
                else:
                    sock.wire.peer_reset()

    def stop_for(self, us):
        self.stopped_until = self.world.now + us
        self.was_stopped = True

    def cut(self):
        """Its connection breaks."""
        for sock in self.net.sockets:
            if sock.wire is not None and sock.wire.state == "open" and not sock.wire.is_dead:
                sock.wire.peer.vanish() if self.rng.random() < 0.5 else sock.wire.peer.reset()


class FleetScene(Scene):
    def faults(self):
        world = self.world
        rng = random.Random(f"{world.profile.name} {world.seed} fleet")
        self.more = rng
        world.most_steps = 400_000
        world.gap = rng.choice((20, 60, 200))
        world.stall = rng.choice((0, 0, 0.02))
        world.thread_faults = rng.choice((0, 0, 0.1))
        self.timer_scripts = []
        self.keep_alive_s = rng.choice((1, 2, 4))
        self.lease_ms = rng.choice((600, 1500, 3000))
        self.queue = rng.choice((3, 8, 32))
        self.offline = rng.choice(("wait", "wait", "fail"))
        self.at_once = rng.choice((1, 1, 2)) if world.profile.threads > 1 else 1
        self.job_ms = rng.choice((None, None, 400))
        self.sleeps = rng.choice(((0, 20), (0, 20, 80), (30, 200, 900), (10, 2500)))
        self.sizes = rng.choice(((0,), (0, 30), (0, 700), (0, 700, 3000, 7000)))
        self.cancels = rng.choice((0, 0, 0.02))
        self.count = rng.choice((4, 10, 16))
        self.is_well = False
        self.once = set()  # keys of jobs that have run, and may not run again
        self.data = {}
        self.raises = {}
        self.pads = {}
        self.ended = 0
        self.plans = {}
        for i in range(rng.randrange(2, 4)):
            works = [kind for kind in _KINDS if rng.random() < 0.8] or ["loop"]
            self.plans[f"w{i}"] = {"works": works, "submits": rng.random() < 0.3, "local": rng.random() < 0.7}
        for i in range(rng.randrange(1, 3)):
            self.plans[f"s{i}"] = {"works": [], "submits": True, "local": True}
        self.offered = {kind for plan in self.plans.values() for kind in plan["works"]}
        self.events = rng.choice((0, 2, 5, 10))

    def main(self):
        world = self.world
        rng = self.more
        world.before_sleep.append(self.asleep)
        self.broker = FleetBroker(world, rng)
        self.boards = {}
        self.starts = dict.fromkeys(self.plans, 0)
        for name in self.plans:
            if rng.random() < 0.9:
                self.start_board(name)
        times = sorted(rng.randrange(300_000, _TROUBLE_US) for _ in range(self.events))
        for us in times:
            world.sleep(max(0, us - world.now))
            self.event(rng)
        world.sleep(max(0, _TROUBLE_US - world.now))
        for name in self.plans:
            if name not in self.boards:
                self.start_board(name)
        self.broker.faults.is_on = False
        world.note("no more trouble")
        world.sleep(2_500_000 + int(self.keep_alive_s * 2e6) + _LONGEST_MS * 1000)
        self.is_well = True
        while not all(board.is_quiet() for board in self.boards.values()):
            if world.now > _PATIENCE_US:
                world.fail(f"not all is over: {[name for name, board in self.boards.items() if not board.is_quiet()]}")
            world.sleep(300_000)
        world.sleep(_LAST_MS * 1000 + 3_000_000)  # what was kept for late questions is over as well
        self.finish()

    def asleep(self):
        """Everybody waits: one board is looked at, for most of the time this is so."""
        boards = list(self.boards.values())
        if boards:
            boards[self.world.number % len(boards)].checks.asleep()

    def finish(self):
        world = self.world
        for board in self.boards.values():
            board.nothing_is_left()
        for board in self.boards.values():
            before = self.ended
            board.is_over = True
            while self.ended == before:
                if world.now > 2 * _PATIENCE_US:
                    world.fail(f"{board.name} does not end")
                world.sleep(100_000)
        self.answers = sum(len(board.asked) for board in self.boards.values())
        self.is_over = True
        world.is_over = True

    def start_board(self, name):
        self.starts[name] += 1
        self.boards[name] = Board(self, name, self.starts[name])

    def event(self, rng):
        """Something happens to a board, or to the broker."""
        world = self.world
        what = rng.choice(("kill", "kill", "stop", "stop", "cut", "cut", "start", "broker"))
        name = rng.choice(list(self.plans))
        board = self.boards.get(name)
        world.note("fault", what, name)
        if what == "broker":
            self.broker.restart(rng.choice((10_000, 1_000_000)), rng.random() < 0.5)
        elif board is None:
            self.start_board(name)
        elif what == "kill":
            board.kill()
            del self.boards[name]
        elif what == "stop":
            board.stop_for(rng.choice((100_000, 900_000, 4_000_000)))
        elif what == "cut":
            board.cut()
