# A limit to the number of requests from one address.
from time import ticks_add, ticks_diff, ticks_ms

from .response import abort


class RateLimit:
    """A hook, or a call inside a handler, that refuses with 429 and Retry-After what exceeds `n` requests in `per_s` seconds from one
    address. `n` may come at once; then one each `per_s / n` seconds.

        app.before_request(RateLimit(100))            # all routes
        tries = RateLimit(5)                          # one: tries(req) at the start of its handler

    At most `most` addresses are known. If all of them have sent requests lately, those of further addresses count together, as if from one.
    `key(req)` may give something else than the address, for example the user. Loop's thread. Raises ValueError for numbers below 1, and for
    more than one request a millisecond.
    """

    def __init__(self, n, per_s=60, most=64, key=None):
        self.every_ms = per_s * 1000 // n if n > 0 else 0
        if self.every_ms < 1 or most < 1:
            raise ValueError("n=%r, per_s=%r, most=%r: want 1 or more, at most 1000 a second" % (n, per_s, most))
        self.slack_ms = self.every_ms * (n - 1)
        self.most = most
        self.key = key or address
        self.free_at = {}  # {key: the time (ticks_ms) at which nothing of it counts any more}

    def __call__(self, req):
        key = self.key(req)
        now = ticks_ms()
        left = self.time_left(key, now)
        if left is None:
            if len(self.free_at) >= self.most:
                self.forget(now)
            if len(self.free_at) >= self.most:
                key = None
                left = self.time_left(key, now)
            left = left or 0
        if left > self.slack_ms:
            abort(429, None, {"Retry-After": str((left - self.slack_ms + 999) // 1000)})
        self.free_at[key] = ticks_add(now, left + self.every_ms)

    def time_left(self, key, now):
        """In how many ms nothing of this key counts any more; None if it is not known."""
        if key not in self.free_at:
            return None
        left = ticks_diff(self.free_at[key], now)
        # (More than can be: it was so long ago that ticks_ms has wrapped.)
        return left if 0 < left <= self.slack_ms + self.every_ms else 0

    def forget(self, now):
        """Forget the keys of which nothing counts any more."""
        for key in list(self.free_at):
            if not self.time_left(key, now):
                del self.free_at[key]


def address(req):
    """The client's address without its port."""
    return req.rem.rpartition(":")[0]
