"""What must hold: at each event, after each turn of the loop, whenever everybody waits, and at the end."""

import sys

from .net import IN, RingIO

_OPEN, _ERROR, _ACCEPT, _CLOSE, _WAKEUP = 1, 0, 5, 9, 19
_GONE, _SHUT = 1, 2  # of a pipe's flags
_OUTCOMES = ("done", "failed", "dropped", "timeouts", "unstarted")
_LATE_US = 200_000  # a turn may take so much longer than poll was told
_TURNS = 300  # with nothing done, in a row: a spin


class Planned(Exception):
    """What handlers and jobs raise on purpose."""


def poll_of(mgr):
    """The select.poll of a manager, which may have that of port/poll_table.py in front."""
    return getattr(mgr.poller, "poller", mgr.poller)


class Checks:
    def __init__(self, world, net):
        self.world = world
        self.net = net
        self.mgr = None
        self.depth = {}  # id: how many handlers of this connection are being called
        self.open = {}  # id: connection
        self.opened = set()  # the ids of all connections so far
        self.accepted = 0  # of the open ones
        self.closing_order = None  # while the manager closes: the last id
        self.sent = {}  # id of C2: messages that its worker's send has returned for
        self.received = {}
        self.refused_datagrams = 0
        self.wakeups = [0, 0]  # accepted, delivered
        self.woken = {}  # (thread, id): the last number
        self.called = 0  # on_done
        self.outliving = set()  # ids of jobs' pipes whose client was gone after the last turn
        self.bugs = 0
        self.idle_turns = 0
        self.seen_progress = 0
        self.grain = 60 + 2 * world.profile.poll_ms + (64 if world.profile.wakes_by_lock else 0)
        self.collected_us = None  # when the loop has last collected
        world.on_report = self.report
        world.collected = self.collected
        world.before_sleep.append(self.asleep)

    def fail(self, text):
        self.world.fail(text)

    # --- the collector

    def collected(self, what, us):
        """The loop collects, or asks for the free memory. A wake-up or request that comes meanwhile waits for that: for one collection at
        most, and not often."""
        world = self.world
        if world.current is not world.loop or self.mgr is None or not self.mgr.busy:
            return
        if what == "mem_free":
            self.fail(f"a turn asks for the free memory, which takes {us} us")
        if sys._getframe(3).f_code.co_name in ("make_room", "wrap"):  # before a thread starts, and before a TLS handshake
            return
        least = world.profile.collect_ms * 1000 - 2000  # (ticks are cut)
        if self.collected_us is not None and world.now - self.collected_us < least:
            self.fail(f"the loop collects again after {world.now - self.collected_us} us")
        self.collected_us = world.now

    # --- events

    def watch(self, fn):
        """The handler `fn`, and before it a look at what it is told."""

        def handler(c, ev, data, fn_data):
            self.event(c, ev, data)
            self.depth[c.id] = self.depth.get(c.id, 0) + 1
            try:
                fn(c, ev, data, fn_data)
            finally:
                self.depth[c.id] -= 1

        return handler

    def event(self, c, ev, data):
        world = self.world
        world.progress += 1
        world.note("event", c.id, ev, data if isinstance(data, (int, str, bytes)) else "")
        if world.current is not world.loop:
            self.fail(f"event {ev} in a thread that is not the loop's")
        if self.mgr.bell.lock.owner is world.current:
            self.fail(f"event {ev} under the lock")
        if ev == _OPEN:
            if c.id in self.opened:
                self.fail(f"id {c.id} was used before, or is opened twice")
            self.opened.add(c.id)
            self.open[c.id] = c
        elif self.open.get(c.id) is not c:
            self.fail(f"event {ev} for connection {c.id}, which is not open")
        if ev == _ACCEPT:
            self.accepted += 1
        elif ev in (_CLOSE, _ERROR):
            if self.depth.get(c.id):
                self.fail(f"event {ev} inside a handler's own call")
            if ev == _CLOSE:
                del self.open[c.id]
                self.accepted -= c.is_accepted
                if self.closing_order is not None:
                    if c.id >= self.closing_order:
                        self.fail("closed in the wrong order")
                    self.closing_order = c.id
        elif ev == _WAKEUP and data[:2] == b"w ":
            target, thread, number = map(int, data[2:].split())
            self.wakeups[1] += 1
            if target != c.id:
                self.fail(f"a wakeup for {target} reached {c.id}")
            if self.woken.get((thread, target), -1) >= number:
                self.fail(f"wakeup {number} of thread {thread} twice or out of order")
            self.woken[thread, target] = number

    def report(self, er):
        """A handler or job has raised, says the library."""
        self.bugs += 1
        self.world.note("report", repr(er))
        is_busy = self.world.shares_flash and er.args[:1] == (self.world.profile.errno["EAGAIN"],)
        if not isinstance(er, (Planned, MemoryError)) and not hasattr(er, "is_planned") and not is_busy:
            import traceback

            self.fail("a bug: " + "".join(traceback.format_exception(er)[-4:]))

    # --- after each turn

    def turn(self, ms, us):
        mgr = self.mgr
        world = self.world
        fail = self.fail
        bits = sys.modules["mungo.core.connection"]  # of c.state: they have names there
        if mgr.bell.lock.owner is world.current:
            fail("the loop keeps the lock")
        if us > (ms if 0 <= ms <= 1000 else 1000) * 1000 + _LATE_US and not world.stall:
            fail(f"poll({ms}) has taken {us / 1000} ms")
        found = {id: c for id, c in zip(mgr._ids, mgr._found_by, strict=True) if id or c}
        if found != {c.id: c for c in mgr.conns}:
            fail(f"the ids {mgr._ids} of {[c.id for c in mgr.conns]}")
        masks = poll_of(mgr).masks
        socks = 1
        looked = 1 + len(getattr(mgr.poller, "below", ()))  # (below a TLS socket its TCP socket is looked at, too)
        accepted = pipes = 0
        outliving = set()
        for c in mgr.conns:
            if getattr(c.phase, "second", None) is not None:  # (a connection by name tries two addresses)
                socks += 1
                looked += 1
            accepted += c.is_accepted
            if c.sock is not None:
                socks += 1
                is_off = c.state & bits._UNREAD and isinstance(c, sys.modules["mungo.core.udp"].UdpConnection)
                looked += not is_off
                unread = c.state & bits._UNREAD
                if bits.MAY_PAUSE or c.is_listening or c.stuffed is not None or unread & ~bits._STOPPED:
                    mask = 0 if unread else 1
                else:  # a paused connection is read on
                    mask = 1
                if c.is_connecting:
                    mask = c.phase.mask
                elif c.out is not None and c.out.since is None:
                    mask |= 4
                if masks.get(c.sock) != (None if is_off else mask) and not c.is_closing:
                    fail(f"poll looks at connection {c.id} for {masks.get(c.sock)}, not {mask}; state {c.state}")
            if hasattr(c, "job") and c.job.conn is not None and c.job.conn.id not in found:
                # (That of a refused job is closed from the worker's end, which the next turn sees.)
                if c.id in self.outliving or c.job.state != sys.modules["mungo.threads.pool"]._OVER:
                    fail(f"the pipe of a job, {c.id}, outlives its client")
                outliving.add(c.id)
            if hasattr(c, "end"):
                pipes += 1
                self.queue(c.end.outbox)
                if c.end.inbox is not None:
                    self.queue(c.end.inbox)
            if c.out is not None and not c.is_closing and c.out.size != sum(map(len, c.out.pieces)) - c.out.sent:
                fail(f"backlog of {c.id}: {c.out.size} bytes are not there")
            if c.wait and world.ticks_diff(mgr.now, c.since) > c.wait + self.grain:
                fail(f"the deadline of {c.id} has passed, and the turn also")
            if c.out is not None and c.out.since is not None and not (c.is_closing or 0 < c.wait <= 100):
                fail(f"poll is not asked for room for {c.id}, for {c.wait} ms")
            if len(c.recv) > mgr.recv_limit + mgr.rx_bytes:
                fail(f"recv of {c.id} holds {len(c.recv)} bytes, limit {mgr.recv_limit}")
        self.outliving = outliving
        if len(mgr._socks) != len(masks):
            fail(f"{len(mgr._socks)} sockets are in the table, poll looks at {len(masks)}")
        if len(masks) != looked:
            fail(f"poll looks at {len(masks)} objects, {looked} are there")
        if mgr.send_memory is not None:
            socks += 1
        if len(self.net.sockets) != socks + (not isinstance(mgr.bell.rx, RingIO)) - isinstance(mgr.bell.rx, RingIO):
            fail(f"{len(self.net.sockets)} sockets are open, {socks} are looked at")
        if accepted != mgr.accepted or accepted != self.accepted:
            fail(f"accepted: {mgr.accepted} by the manager, {accepted} in the list, {self.accepted} by events")
        held = 0
        for c in mgr.conns:
            held += c.out.size if c.out is not None else 0
            held += getattr(c.proto, "held", 0)
            if type(c.proto).__name__ == "Exchange" and c.proto.held and not c.proto.phase:
                fail(f"{c.proto.held} bytes are held for connection {c.id}, which has no request")
        if held != mgr.held:
            fail(f"{mgr.held} bytes of bodies and send buffers by the manager, {held} at its connections")
        streams = sum(getattr(c.proto, "is_open_ended", False) for c in mgr.conns if c.is_accepted)
        if streams > mgr.max_streams:
            fail(f"{streams} streams, max_streams {mgr.max_streams}")
        if accepted > mgr.max_conns:
            fail(f"{accepted} accepted, max_conns {mgr.max_conns}")
        if pipes != mgr.pipes or pipes > mgr.max_pipes:
            fail(f"pipes: {mgr.pipes} by the manager, {pipes} in the list, max_pipes {mgr.max_pipes}")
        if mgr.mail.count > mgr.wakeups:
            fail(f"{mgr.mail.count} wakeups wait, limit {mgr.wakeups}")
        if mgr.timers and len(mgr.timers.all) > mgr.max_timers:
            fail(f"{len(mgr.timers.all)} timers, limit {mgr.max_timers}")
        if mgr.stats["bugs"] - mgr.stats["unprinted"] != self.bugs:
            fail(f"bugs {mgr.stats['bugs']}, unprinted {mgr.stats['unprinted']}, reported {self.bugs}")
        self.pool()
        if mgr.bell.first is None:
            self.net.lost_ring = False
        if ms and world.progress == self.seen_progress and not self.has_slept():
            self.idle_turns += 1
            if self.idle_turns > _TURNS:
                what = [(type(c).__name__, c.state, c.mask) for c in mgr.conns]
                fail(f"the loop spins: {what}")
        else:
            self.idle_turns = 0
        self.seen_progress = world.progress

    def has_slept(self):
        poll = poll_of(self.mgr)
        slept, poll.sleeps = poll.sleeps, 0
        return slept

    def queue(self, fifo):
        """Limits of one direction of a pipe."""
        mgr = self.mgr
        if fifo.count > mgr.queue or fifo.size > mgr.queue_bytes and fifo.count > 1:
            self.fail(f"{fifo.count} messages, {fifo.size} bytes in a queue of {mgr.queue}, {mgr.queue_bytes} bytes")
        if self.mgr.bell.lock.is_locked:
            return
        n = size = 0
        node = fifo.first
        while node is not None and n <= fifo.count:
            n += 1
            size += len(node.data)
            node = node.next
        if n != fifo.count or size != fifo.size:
            self.fail(f"a queue of {n} messages, {size} bytes says {fifo.count}, {fifo.size}")

    def pool(self):
        stats = self.mgr.stats["workers"]
        if stats and not self.mgr.bell.lock.is_locked:
            over = sum(stats[name] for name in _OUTCOMES)
            if over != self.called or stats["jobs"] < over:
                self.fail(f"on_done was called {self.called} times: {stats}")
            if min(stats.values()) < 0 or stats["busy"] > stats["threads"]:
                self.fail(f"workers: {stats}")

    # --- when everybody waits

    def asleep(self):
        mgr = self.mgr
        world = self.world
        if mgr is None or mgr.poller is None or not poll_of(mgr).is_asleep or self.net.on_loopback:
            return
        for task in world.tasks:
            if task.stalled:
                return
        if mgr.bell.lock.is_locked:
            self.fail("everybody waits, and the lock is held")
        # Until then everybody sleeps. What became due before the loop went to sleep may cost it a millisecond more.
        pool = mgr.pool
        until = world.heap[0][0]
        is_long = until > poll_of(mgr).since + self.grain * 1000
        if is_long:
            now = world.ticks(until)
            for c in mgr.conns if pool is None else [pool, *mgr.conns]:
                if c.wait and world.ticks_diff(now, c.since) > c.wait + self.grain:
                    ms = world.ticks_diff(now, c.since) - c.wait
                    self.fail(f"the deadline of {getattr(c, 'id', 'the pool')} passes {ms} ms before the loop wakes")
            for timer in mgr.timers.all if mgr.timers else ():
                if world.ticks_diff(now, timer.due) > self.grain:
                    self.fail("a timer is overdue")
        if self.net.lost_ring or mgr.bell.rx.flags() & IN:
            return
        if mgr.bell.first is not None:
            self.fail("mail waits, the bell is silent, and the loop sleeps")
        for c in mgr.conns:
            if hasattr(c, "end") and c.end.outbox.count and not (c.is_full or c.is_closing):
                self.fail(f"messages of pipe {c.id} wait, and nobody looks")
        if pool is not None and pool.queued and not pool.refused_starts:
            if pool.idle is not None:
                self.fail("a job waits, and a worker sleeps")
            # (After some refused starts the job waits for a thread that there is, until the next submit.)
            has_given_up = pool.threads and (world.memory_faults or world.thread_faults)
            if pool.threads < pool.n and pool.queued > pool.threads - pool.stats["busy"] and not has_given_up:
                self.fail("a job waits, and no thread is started")
        for c in mgr.conns if is_long else ():
            waiter = c.end.waiters if hasattr(c, "end") else None
            while waiter is not None:
                if waiter.due is not None and world.ticks_diff(now, waiter.due) > self.grain:
                    self.fail(f"a thread will wait at pipe {c.id} for {world.ticks_diff(now, waiter.due)} ms more than its timeout")
                waiter = waiter.next
        self.waiters()

    def waiters(self):
        """No thread sleeps in a pipe whose wait is over."""
        for task in self.world.tasks:
            if task.doing is None or task.is_done:
                continue
            verb, end, data = task.doing
            over = end.flags & (_GONE | _SHUT)
            if verb == "send":
                count, size = end.outbox.count, end.outbox.size
                has_room = not count or count < self.mgr.queue and size + len(data) <= self.mgr.queue_bytes
                if over or has_room:
                    self.fail(f"{task.name} waits in send, flags {end.flags}, {count} messages, {size} bytes wait")
            elif over or end.inbox is not None and end.inbox.count:
                self.fail(f"{task.name} waits in recv, flags {end.flags}, messages {end.inbox and end.inbox.count}")

    # --- at the end

    def closed(self):
        mgr = self.mgr
        world = self.world
        if mgr.poller is not None:
            self.fail("closed, and the poll is still there")
        if self.open:
            self.fail(f"connections {list(self.open)} had no EV_CLOSE")
        if mgr.held:
            self.fail(f"closed, and {mgr.held} bytes are held")
        if mgr.conns or mgr.accepted or mgr.pipes or mgr.pipe_ends or any(mgr._ids):
            self.fail(f"left: {mgr.conns} accepted {mgr.accepted} pipes {mgr.pipes} ends {mgr.pipe_ends}")
        if self.net.sockets:
            self.fail(f"{len(self.net.sockets)} sockets are left open")
        undelivered = sum(self.sent.values()) - sum(self.received.values())
        undelivered += self.wakeups[0] - self.wakeups[1] + self.refused_datagrams
        if undelivered != mgr.stats["undelivered"]:
            self.fail(f"{undelivered} messages were not delivered, undelivered says {mgr.stats['undelivered']}")
        for id, n in self.received.items():
            if n > self.sent.get(id, 0):
                self.fail(f"pipe {id}: {n} messages of {self.sent.get(id, 0)}")
        self.pool()
        stats = mgr.stats["workers"]
        if stats and (stats["jobs"] != self.called or stats["busy"] or stats["threads"] or stats["stuck"]):
            self.fail(f"at the end: {stats}, on_done called {self.called} times")
        for task in world.tasks:
            if task.is_thread and not task.is_done and task is not world.loop and task.board is world.board:
                self.fail(f"{task.name} is left")


def install(library):
    """Have the library's classes check what their callers owe them. They look up the world of the moment."""
    from .modules import current

    def needs_lock(cls, name):
        real = getattr(cls, name)

        def method(self, *args):
            world = current.world
            if world.current is not None and not any(lock.owner is world.current for lock in world.guards) and world.guards:
                world.fail(f"{cls.__name__}.{name} without the lock")
            return real(self, *args)

        setattr(cls, name, method)

    pipe = sys.modules["mungo.threads.pipe"]
    workers = sys.modules["mungo.threads.pool"]
    doorbell = sys.modules["mungo.core.doorbell"].Doorbell
    for cls, names in (
        (pipe.Fifo, ("push", "pop")),
        (doorbell, ("post",)),
        (sys.modules["mungo.core.loop"].Loop, ("find",)),
        (workers.WorkerPool, ("next_job", "complete", "remove")),
        (pipe.Inbox, ("take",)),
        (pipe.Pipe, ("_enlist",)),
    ):
        for name in names:
            needs_lock(cls, name)

    release = pipe.release_waiters

    def checking_release(waiter):
        world = current.world
        it = waiter
        while it is not None:
            if it.is_expired and (it.due is None or world.ticks_diff(world.ticks(), it.due) < 0):
                world.fail("a thread gives up waiting before its time")
            it = it.next
        return release(waiter)

    pipe.release_waiters = checking_release

    def count(counts, c):
        counts[c.id] = counts.get(c.id, 0) + 1
        current.world.progress += 1

    class Outbox(pipe.Fifo):
        """Counts the messages that a worker's send has put into it, and those that the loop has taken off."""

        def __init__(self, c):
            pipe.Fifo.__init__(self)
            self.c = c

        def push(self, message):
            count(current.world.checks.sent, self.c)
            return pipe.Fifo.push(self, message)

        def pop(self):
            count(current.world.checks.received, self.c)
            return pipe.Fifo.pop(self)

    make_pipe = pipe.Pipe.__init__

    def make_counting_pipe(self, mgr, c):
        make_pipe(self, mgr, c)
        self.outbox = Outbox(c)

    pipe.Pipe.__init__ = make_counting_pipe

    def count_unheard(cls):
        emit = cls.emit

        def counting_emit(self, ev, data=None):
            # No handler of the program's is told: by a pool, a client that is turned away, the pipe of a streamed answer.
            if ev == _WAKEUP and (self.fn is None or self.fn.__name__ == "on_pipe"):
                current.world.checks.wakeups[1] += 1
            return emit(self, ev, data)

        cls.emit = counting_emit

    count_unheard(sys.modules["mungo.core.connection"].Connection)
    count_unheard(pipe.PipeConnection)

    call = workers.WorkerPool.call_on_done

    def counting_call(self, job, result, error):
        current.world.checks.called += 1
        current.world.progress += 1
        return call(self, job, result, error)

    workers.WorkerPool.call_on_done = counting_call
