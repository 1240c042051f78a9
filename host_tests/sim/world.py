"""Who runs next. Tasks are greenlets; one runs until it comes to a point where the seeded scheduler may choose another.

Time is virtual, in microseconds: it moves a little with each choice, and jumps when nobody can run.
"""

import heapq
import random
import traceback
from zlib import crc32

from greenlet import getcurrent, greenlet

_MOST_STEPS = 120_000
_OF_A_BOARD = ("loop", "may_block", "threads", "guards", "checks", "change", "is_silent", "on_report", "collected")
_MOST_US = 3_600_000_000
SITES = 12


class Over(BaseException):
    """Unwinds a task when the run has ended."""


class Violation(Exception):
    """A promise was broken."""


class Task:
    """Something that runs: a thread of the board (`is_thread`), or a peer out in the network."""

    def __init__(self, world, name, number, is_thread):
        self.world = world
        self.name = name
        self.number = number
        self.is_thread = is_thread
        self.greenlet = None
        self.ready = False
        self.due = None  # of its place in the heap of those that sleep
        self.stalled = False  # a fault: it could run, but does not
        self.locks = []  # that it holds
        self.doing = None  # what a thread's script waits for, see checks.py
        self.is_stranger = False  # it holds nothing of the manager's, whose close can't wait for it
        self.is_done = False
        self.board = None  # of several, see fleet.py


class Signal:
    """Tasks that wait for something to change."""

    __slots__ = ("waiting",)

    def __init__(self):
        self.waiting = []

    def fire(self):
        if self.waiting:
            tasks, self.waiting = self.waiting, []
            for task in tasks:
                task.world.awaken(task)


class World:
    def __init__(self, profile, seed, log=None):
        self.profile = profile
        self.seed = seed
        self.rng = random.Random(f"{profile.name} {seed}")
        self.unforeseen = random.Random(f"{profile.name} {seed} urandom")
        self.now = 0
        self.steps = 0
        self.most_steps = _MOST_STEPS
        self.hash = 0
        self.log = log
        self.tasks = []
        self.ready = []
        self.heap = []  # (time, number, task or function)
        self.number = 0
        self.current = None
        self.hub = getcurrent()
        self.failure = None
        self.failure_stack = ""
        self.is_over = False
        self.left = 1 << 30  # points until the next choice
        self.stall = 0.0  # faults, chances
        self.gap = 40  # points between two choices, on average
        self.before_sleep = []  # called when nobody can run, before time jumps
        self.change = Signal()  # of anything that a poll may look for
        self.is_silent = False  # there was one that wakes no sleeping poll, until some lock is let go
        self.guards = []  # locks under which nobody does I/O
        self.loop = None  # the task that owns the sockets
        self.may_block = True  # it is not in its poll yet
        self.progress = 0  # grows when something has happened
        self.loaded = set()  # the modules that are imported, see loader.py
        self.allocations = None  # until one fails
        self.memory_faults = 0  # allocations that have failed
        self.site = None
        self.memory_left = 0  # times that it will run out again
        self.drought = 0  # until then each allocation fails
        self.shares_flash = False  # a session on flash that can't be saved while a worker uses it ends its connection
        self.lost = 0  # connections and datagrams that are owed to such a fault
        self.collected = lambda what, us: None  # called when a thread has the collector work
        self.board = None  # the one whose task runs, or has run last

    # --- what happens is written down

    def note(self, what, *args):
        """A step of the trace."""
        self.hash = crc32(f"{what} {args} {self.now}".encode(), self.hash)
        if self.log is not None:
            self.log(f"{self.now / 1e6:11.6f} {self.current.name if self.current else '-':12} {what} {args if args else ''}")

    def fail(self, text):
        """A promise was broken: the run ends here."""
        if self.failure is None:
            stack = [f for f in traceback.extract_stack() if "/greenlet" not in f.filename][:-1]
            self.failure = text
            self.failure_stack = "".join(traceback.format_list(stack[-12:]))
            self.note("FAIL", text)
        self.is_over = True
        if self.current is not None:
            raise Over

    # --- tasks

    def spawn(self, name, function, *args, is_thread=False):
        self.number += 1
        task = Task(self, f"{name}", self.number, is_thread)

        def run():
            try:
                function(*args)
            except Over:
                pass
            except BaseException as er:
                if self.failure is None and not self.is_over:
                    self.failure = f"{name} has raised {er!r}"
                    self.failure_stack = "".join(traceback.format_exception(er))
                self.is_over = True
            task.is_done = True

        task.greenlet = greenlet(run, self.hub)
        task.board = self.board if is_thread else None
        self.tasks.append(task)
        self.awaken(task)
        return task

    def begin_loop(self, mgr):
        """The task that runs owns the sockets of this manager, which it has made."""
        self.guards.append(mgr.bell.lock)
        for sock in (mgr.bell.tx, mgr.bell.rx):
            sock.is_bell = True
        mgr.bell.tx.is_shared = True
        self.loop = self.current
        self.may_block = False

    def awaken(self, task):
        if not task.ready and not task.is_done:
            task.ready = True
            task.due = None
            self.ready.append(task)

    def at(self, us, function):
        """Call the function, in no task, at this time."""
        self.number += 1
        heapq.heappush(self.heap, (us, self.number, function))

    def after(self, us, function):
        self.at(self.now + us, function)

    def block(self, signal, due=None):
        """The current task waits for the signal or the time; whatever else wakes it is no matter: callers look again."""
        task = self.current
        if task is None:
            raise Violation("blocking outside the simulation")
        if signal is not None:
            signal.waiting.append(task)
        if due is not None:
            self.number += 1
            task.due = self.number
            heapq.heappush(self.heap, (due, self.number, task))
        task.ready = False
        self.hub.switch()
        if signal is not None and task in signal.waiting:
            signal.waiting.remove(task)
        if self.is_over:
            raise Over

    def sleep(self, us):
        due = self.now + us
        while self.now < due:
            self.block(None, due)

    def point(self):
        """Here another task may go on."""
        self.left -= 1
        if self.left <= 0:
            self.choose()

    def choose(self):
        task = self.current
        if self.is_over:
            if task is not None:
                raise Over
            return
        self.left = self.rng.randrange(1, 2 * self.gap)
        if task is None or getcurrent() is not task.greenlet:
            return
        if task.is_thread and self.stall and self.rng.random() < self.stall:
            task.stalled = True
            self.postpone(task, self.now + self.rng.randrange(50, 30000))
            self.note("stall")
        else:
            self.ready.append(task)
        self.hub.switch()
        task.stalled = False
        if self.is_over:
            raise Over

    # --- the loop of all

    def run(self):
        """Until no task is left that could run, or a promise is broken."""
        rng = self.rng
        ready = self.ready
        heap = self.heap
        self.left = rng.randrange(1, 2 * self.gap)
        while not self.is_over:
            while heap and heap[0][0] <= self.now:
                self.pop()
            if not ready:
                for function in self.before_sleep:
                    function()
                if ready or self.is_over:
                    continue
                if not heap:
                    break
                self.now = max(self.now, heap[0][0])
                if self.now > _MOST_US:
                    self.fail("it does not end: an hour has passed")
                continue
            self.steps += 1
            if self.steps > self.most_steps:
                self.fail("it does not end: %d steps" % self.steps)
                break
            n = len(ready)
            i = int(rng.random() * n) if n > 1 else 0
            task = ready[i]
            ready[i] = ready[-1]
            ready.pop()
            self.now += 7
            self.hash = crc32(b"%d %d" % (task.number, self.now), self.hash)
            if task.board is not None:
                if task.board.stopped_until > self.now:
                    task.stalled = True
                    self.postpone(task, task.board.stopped_until)
                    continue
                task.stalled = False
                self.enter(task.board)
            self.current = task
            task.greenlet.switch()
            self.current = None
        self.is_over = True
        self.left = 0
        for task in self.tasks:
            for _ in range(1000):
                if task.greenlet.dead or not task.greenlet:
                    break
                self.current = task
                task.greenlet.throw(Over)
        self.current = None

    def postpone(self, task, us):
        """A task that could run goes on at this time."""
        self.number += 1
        task.due = self.number
        task.ready = False
        heapq.heappush(self.heap, (us, self.number, task))

    def enter(self, board):
        """A task of this board runs, or what follows from one: its loop, locks and sockets are those of the world from here on."""
        if board is not self.board:
            if self.board is not None:
                self.board.state = [getattr(self, name) for name in _OF_A_BOARD]
                self.board.leave()
            self.board = board
            for name, value in zip(_OF_A_BOARD, board.state, strict=True):
                setattr(self, name, value)
            board.enter()

    def kill(self, board):
        """A board is not there any more, nor are its tasks."""
        for task in self.tasks:
            if task.board is board and not task.is_done:
                task.is_done = True
                task.due = None
                if task.ready:
                    task.ready = False
                    self.ready.remove(task)

    def pop(self):
        _, number, what = heapq.heappop(self.heap)
        if not isinstance(what, Task):
            what()
        elif what.due == number and not what.is_done:
            self.awaken(what)

    # --- faults

    def chance(self, p):
        return p > 0 and self.rng.random() < p

    def allocate(self, what):
        """Something that needs memory: MemoryError at the n-th time, if this run is to have one, and maybe for a while from then on."""
        if self.allocations is None or self.current is None:
            return
        if self.site is not None:  # some of the places, often or seldom reached, and there now and then
            if crc32(what.encode()) % SITES != self.site or not self.chance(0.15):
                return
        elif self.now >= self.drought:
            self.allocations -= 1
            if self.allocations > 0:
                return
            if self.chance(0.3):
                self.drought = self.now + self.rng.choice((1_000, 20_000, 300_000))
            self.memory_left -= 1
            self.allocations = self.rng.randrange(1, self.rng.choice((10, 100, 1000))) if self.memory_left > 0 else 1 << 60
        self.memory_faults += 1
        self.note("no memory", what)
        raise MemoryError("simulated: " + what)

    def lose(self, what):
        """Something ends that would have gone well: each allocation that fails excuses one such end."""
        self.lost += 1
        if self.lost > self.memory_faults:
            self.fail(f"{what}, and {self.memory_faults} allocations have failed")


class Lock:
    """`_thread.allocate_lock()`: no timeout, not reentrant, may be released by another thread; a double release raises."""

    __slots__ = ("world", "owner", "is_locked", "signal")

    def __init__(self, world):
        self.world = world
        self.owner = None
        self.is_locked = False
        self.signal = Signal()

    def acquire(self, blocking=True, /):
        world = self.world
        if world.is_over:
            raise Over
        world.point()
        while self.is_locked:
            if not blocking:
                return False
            if world.current is None:
                raise Violation("a lock would block for ever")
            world.block(self.signal)
        self.is_locked = True
        self.owner = world.current
        if world.current is not None:
            world.current.locks.append(self)
        return True

    def release(self):
        if self.world.is_over:
            self.is_locked = False
            return
        if not self.is_locked:
            raise RuntimeError("release unlocked lock")
        if self.owner is not None and self in self.owner.locks:
            self.owner.locks.remove(self)
        self.is_locked = False
        self.owner = None
        self.signal.fire()
        if self.world.is_silent:
            self.world.is_silent = False
            self.world.change.fire()
        self.world.point()

    def locked(self):
        return self.is_locked

    def __enter__(self):
        self.acquire()

    def __exit__(self, *_):
        self.release()
