# Handlers that run in workers. This file loads with the first of them, before workers run: threads must not import.
#
# A message waits here until a worker is free for it. Those of one topic are handled one after the other, in their order. A message is
# acknowledged when its handlers have returned. So a broker waits for a slow handler when it has sent as many as it may: in 5.0 it was told
# how many, receive maximum; in 3.1.1 it has a limit of its own, and beyond ours the connection is not read. Of QoS 0, which nothing slows
# down, as many may wait here; more are dropped.
from ..threads import pool  # noqa: F401

_RETRY_MS = const(50)  # when others have filled the pool


class Call:
    """A call of a handler in a worker."""

    def __init__(self, queue, msg, subscription, received, values):
        self.queue = queue
        self.msg = msg
        self.subscription = subscription
        self.received = received
        self.values = values
        self.left: list = []  # the calls for the same message that have not returned

    def run(self):
        """The worker's job."""
        self.subscription.fn(self.received, **self.values)

    def done(self, _, error):
        """The handler has returned or raised, or its time is over: the pool has printed that. Loop's thread."""
        queue = self.queue
        queue.running.remove(self)
        if error is not None:
            queue.client.stats["errors"] += 1
        self.left.remove(self)
        if not self.left:
            self.msg.ack()
        queue.start()
        queue.client.pause(len(queue.waiting) > queue.client.receive_maximum)


class WorkerQueue:
    """The calls of a client that wait for a worker, or are under way. Loop's thread."""

    def __init__(self, client):
        self.client = client
        self.waiting = []
        self.running = []

    def add(self, msg, received, found):
        """Call the handlers of `found`, pairs of a Subscription and the values for its pattern's names."""
        calls = [Call(self, msg, subscription, received, values) for subscription, values in found]
        if not msg.qos and len(self.waiting) >= self.client.receive_maximum:
            self.client.stats["dropped"] += 1
            return
        msg.hold()
        for call in calls:
            call.left = calls
            self.waiting.append(call)
        self.start()
        self.client.pause(len(self.waiting) > self.client.receive_maximum)

    def start(self):
        """Start what may start: at most as many as the pool has threads, but for one, if there are several, that is left to others."""
        if self.client.mgr is None:  # it was stopped
            self.waiting.clear()
            return
        workers = self.client.mgr.workers()
        free = max(1, workers.n - 1) - len(self.running)
        busy = [call.received.topic for call in self.running]
        for call in list(self.waiting):
            if free > 0 and call.received.topic not in busy:
                try:
                    workers.submit(call.run, on_done=call.done, timeout_ms=call.subscription.timeout_ms)
                except OSError:
                    self.client.look_again(_RETRY_MS)
                    return
                self.waiting.remove(call)
                self.running.append(call)
                free -= 1
            busy.append(call.received.topic)
