# What the everyday client has subscribed to.
from .patterns import Pattern


class Subscription:
    """A pattern and its handler. `options` are those of `c.subscribe`; `number`: its identifier in 5.0."""

    is_wanted = True  # a new connection subscribes to it. If it is False, what comes nevertheless still has its handler

    def __init__(self, number, pattern, fn, worker, timeout_ms, options):
        self.number = number
        self.pattern = Pattern(pattern)
        self.fn = fn
        self.worker = worker
        self.timeout_ms = timeout_ms
        self.options = options
