# MicroPython's coroutines are generators: nothing tells whether a generator that yields None waits for something of asyncio. But what waits
# is put into a queue of asyncio's, and then the `data` of its task is another. A program that does not use asyncio never loads this file.
from asyncio import core  # pyright: ignore (stubs have no core)

ASYNC = "async def needs asyncio: serve the App by `await app.serve()`, not `app.run()`"


class Idle:
    """The `data` of a task that waits for nothing of asyncio's."""

    def remove(self, task):
        """Take a task that is cancelled out of its queue, as asyncio asks: it is in none."""


IDLE = Idle()


def probe(generator, value):
    """What a generator yields next, where no task runs it; `value` is what its yield returns. Raises RuntimeError, and closes it, if it
    waits for something of asyncio."""
    # Asyncio notes the current task without looking what it is, and None would be a crash. So there is one, and nothing of it is left.
    known = core.cur_task
    queue = core._task_queue
    core.cur_task = task = core.Task(generator)
    core._task_queue = core.TaskQueue()
    task.data = IDLE
    try:
        piece = generator.send(value)
    finally:
        core.cur_task = known
        core._task_queue = queue
    if task.data is not IDLE:
        generator.close()
        raise RuntimeError(ASYNC)
    return piece
