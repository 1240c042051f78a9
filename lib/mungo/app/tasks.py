# Coroutines of programs in tasks of asyncio's, while that polls the manager. The steps of a request are generators that yield each
# coroutine, and get what it has returned or raised; `drive` has it run. Where there is no coroutine they do not wait.
from asyncio import CancelledError, core, create_task  # pyright: ignore (stubs have no core)

from ..http.status_error import StatusError
from .generators import begun
from .probe import IDLE
from .response import COROUTINE, GENERATOR


class Steps:
    """A coroutine or generator, to be awaited: up to its end, or up to a yield that is not asyncio's. `value` is what the yield returns at
    which it stands; `on_wait()` is called when it has first waited for something of asyncio."""

    is_over = True  # it has ended
    has_waited = False

    def __init__(self, it, value=None, on_wait=None):
        self.it = it
        self.value = value
        self.on_wait = on_wait

    def __iter__(self):
        return self

    __await__ = __iter__

    def __next__(self):
        value = self.value
        self.value = None
        return self.step(self.it.send, value)

    def throw(self, *args):
        """Throw an exception into it."""
        return self.step(self.it.throw, *args)

    def step(self, fn, *args):
        """What it yields to asyncio. Raises StopIteration with what else it yields, or returns at its end."""
        if COROUTINE is GENERATOR:
            task = core.cur_task
            task.data = IDLE
            piece = fn(*args)
            if piece is not None or task.data is IDLE:
                self.is_over = False
                raise StopIteration(piece)
        else:
            piece = fn(*args)
        if not self.has_waited:
            self.has_waited = True
            if self.on_wait is not None:
                self.on_wait()
        return piece


async def _run(steps, done):
    try:
        result = await steps
        if not steps.is_over:
            result = begun(steps.it, result)
    except CancelledError:
        done(StatusError(503))
        raise
    except Exception as er:
        result = er
    done(result)


def start(c, coroutine, done):
    """Run a coroutine in a task, which is cancelled when the client of `c` leaves. At last `done(result)` gets what it has returned or
    raised; StatusError 503 if it was cancelled. In MicroPython a generator is one, too: if it yields a piece, the result is the body."""
    if c.task is None:
        c.on_close(_client_gone, c)
    c.task = create_task(_run(Steps(coroutine), done))


def _client_gone(c):
    c.task.cancel()


def start_alone(c, coroutine, done):
    """`start` for what goes on when the client has left."""
    create_task(_run(Steps(coroutine), done))


def drive(c, steps, is_alone=False, value=None):
    """Go on with the generator `steps`, whose last coroutine has returned or raised `value`, up to the next one, and have that run;
    `is_alone`: by `start_alone`."""
    try:
        coroutine = steps.send(value)
        while c.mgr.tasks is None:  # asyncio does not poll any more
            coroutine.close()
            coroutine = steps.send(StatusError(503))
        begin = start_alone if is_alone else start
        begin(c, coroutine, lambda result: drive(c, steps, is_alone, result))
    except StopIteration:
        return
    except Exception as er:
        c.bug(er)
