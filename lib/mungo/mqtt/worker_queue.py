# Handlers that run in workers. This file loads with the first of them, before workers run: threads must not import.
#
# A message waits here until a worker is free for it. Those of one topic are handled one after the other, in their order. A message is
# acknowledged when its handlers have returned. So a broker waits for a slow handler when it has sent as many as it may: in 5.0 it was told
# how many, receive maximum; in 3.1.1 it has a limit of its own, and beyond ours the connection is not read. Of QoS 0, which nothing slows
# down, as many may wait here; more are dropped.
from ..threads import pool  # noqa: F401

_RETRY_MS = const(50)  # when others have filled the pool
_FAILURES = (OSError, MemoryError)  # (made here: in an `except` it would need memory)


class Call:
    """A call of a handler in a worker."""

    def __init__(self, queue, msg, subscription, received, values):
        self.queue = queue
        self.msg = msg
        self.subscription = subscription
        self.received = received
        self.values = values
        self.is_over = False
        self.left: list = []  # the calls for the same message that are not over

    def run(self):
        """The worker's job."""
        self.subscription.fn(self.received, **self.values)

    def done(self, _, error):
        """The handler has returned or raised, or its time is over: the pool has printed that. Loop's thread."""
        self.is_over = True
        if error is not None:
            self.queue.client.stats["errors"] += 1
        self.queue.go_on()


class WorkerQueue:
    """The calls of a client that wait for a worker, or are under way. Loop's thread."""

    def __init__(self, client):
        self.client = client
        self.waiting = []
        self.running = []

    def add(self, msg, received, found):
        """Call the handlers of `found`, pairs of a Subscription and the values for its pattern's names. What this raises leaves no call."""
        if not msg.qos and len(self.waiting) >= self.client.receive_maximum:
            self.client.stats["dropped"] += 1
            return
        calls = [Call(self, msg, subscription, received, values) for subscription, values in found]
        for call in calls:
            call.left = calls
        waiting = self.waiting
        waiting.extend(calls)
        try:
            msg.hold()
        except BaseException:
            for _ in found:
                waiting.pop()
            raise
        self.go_on()

    def go_on(self):
        """Acknowledge and start what may be. What fails, for want of memory or because the flash is in use, is tried again."""
        client = self.client
        try:
            self.acknowledge()
            if client.mgr is None:  # it was stopped
                self.waiting.clear()
            else:
                self.start()
            if client.c is not None:  # beyond so many it is not read
                client.c.is_full = len(self.waiting) > client.receive_maximum
        except _FAILURES:
            client.look_again(_RETRY_MS)

    def acknowledge(self):
        """Acknowledge the messages whose handlers are over."""
        running = self.running
        at = 0
        while at < len(running):
            call = running[at]
            if call.is_over:
                if call in call.left:
                    call.left.remove(call)
                if not call.left:
                    call.msg.ack()
                running.pop(at)
            else:
                at += 1

    def start(self):
        """Start what may start: at most as many as the pool has threads, but for one, if there are several, that is left to others."""
        workers = self.client.mgr.workers()
        running = self.running
        waiting = self.waiting
        busy = [call.received.topic for call in running]
        at = 0
        while at < len(waiting) and len(running) < max(1, workers.n - 1):
            call = waiting[at]
            topic = call.received.topic
            if topic in busy:
                at += 1
            else:
                busy.append(topic)
                running.append(call)
                try:
                    workers.submit(call.run, on_done=call.done, timeout_ms=call.subscription.timeout_ms)
                except BaseException:
                    running.pop()
                    raise
                waiting.pop(at)
