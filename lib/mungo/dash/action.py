# Actions: what a button does, with its progress.
from .widgets import Control, Widget, abort, describe


class Cancelled(Exception):
    """What `job.progress` raises when the action was cancelled."""


class Field(Control):
    """What an action asks for before it runs: `job.values[name]` has what was given. Its kind is that of `default`, see `setting.Setting`,
    or `kind="password"`, or `kind="time"`: seconds since 1970, and the page offers its own. `label`, `min`, `max`, `options`, `length`."""

    def __init__(self, name, default, label=None, kind=None, length=64, **limits):
        kind = kind or ("choice" if "options" in limits else {bool: "switch", str: "text"}.get(type(default), "number"))
        if kind in ("text", "password"):
            limits["length"] = length
        elif type(default) is int and kind in ("number", "time"):
            limits.setdefault("step", 1)
        self.id = name
        self.fields = dict(limits, name=name, kind=kind, label=label or name, value=default)
        self.check(default)


class Job:
    """A run of an action, as its function gets it. Any thread."""

    is_cancelled = False

    def __init__(self, action, values):
        self.action = action
        self.values = values  # of its fields
        self.in_pool = None

    def progress(self, percent):
        """Show how far it is, 0 to 100. Raises Cancelled if the action was cancelled, or if its time was over. Its time counts anew from
        here."""
        if self.is_cancelled or self.action.job is not self:
            raise Cancelled
        percent = max(0, min(100, int(percent)))
        if percent != self.action.progress:
            self.action.progress = percent
            self.action.touch()


class Action(Widget):
    """A button. `fn(job)` is called in the loop, or with `worker` in a worker, within `timeout_ms` ms from its start or its last
    `job.progress`; what it returns, if it is text, is shown. It never runs twice at once.

    `confirm`: True, or a question that the page asks first. `cancel`: whether it can be cancelled, which `job.is_cancelled` says and
    `job.progress` raises. `fields`: a list of `dash.field`. `level`: who may run it.
    """

    once = None
    job = None  # the Job that runs

    def __init__(self, dash, label, fn, worker=False, level="operate", timeout_ms=None, fields=(), **options):
        self.fn = fn
        self.timeout_ms = timeout_ms
        self.asks = fields
        if worker:
            from .once import Once

            self.once = Once(dash)
        if fields:
            options["fields"] = [one.fields for one in fields]
        Widget.__init__(self, dash, "action", label, level=level, **options)

    def run(self, given):
        """Start it, with the values of its fields. Raises HttpError, ValueError. Loop's thread."""
        if not isinstance(given, dict):
            raise ValueError("want an object")
        values = {one.id: one.check(given.get(one.id, one.fields["value"])) for one in self.asks}
        for name in given:
            if name not in values:
                raise ValueError("%s has no field %s" % (self.id, name[:20]))
        if self.job is not None or self.once is not None and self.once.state:
            abort(409, "%s runs already" % self.id)
        self.job = job = Job(self, values)
        self.progress = 0
        self.error = None
        self._value = None
        self.touch()
        if self.once is None:
            try:
                self.done(job, self.fn(job), None)
            except Exception as er:
                self.done(job, None, er)
            return
        job.in_pool = self.once.start(self.done, self.fn, (job,), job, timeout_ms=self.timeout_ms)
        if job.in_pool is None:
            self.done(job, None, OSError("no worker is free"))
            abort(503, self.error)

    def done(self, job, result, er):
        """It has ended."""
        if job is self.job:
            self.job = self.progress = None
            self._value = result if isinstance(result, str) else None
            self.error = None if er is None else "cancelled" if isinstance(er, Cancelled) else describe(er)
            self.touch()

    def cancel(self):
        """Tell it to end. Raises HttpError. Loop's thread."""
        job = self.job
        if job is None or not self.fields.get("cancel"):
            abort(409, "%s can't be cancelled now" % self.id)
        job.is_cancelled = True  # pyright: ignore
        if self.once.state == 1:  # it waits for a worker
            self.dash.mgr.pool.cancel(job.in_pool)  # pyright: ignore

    def settle(self):
        """It makes progress: its time counts anew."""
        job = self.job
        if job is not None and job.in_pool is not None:
            self.dash.mgr.pool.keep(job.in_pool)
