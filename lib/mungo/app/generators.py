# Generators as bodies of answers, which run up to their first yield before the head is sent; and as coroutines, since in MicroPython these
# are the same. Loop's thread.
import sys

from ..http.lazy import parts
from .response import COROUTINE, GENERATOR, find_body, text_or_html, to_response


def begin(req, response, is_generator):
    """`find_body` of response.py for a body that is a generator: the Response with what it has yielded first, and all else. What it raises
    until then is raised here; what it returns is the answer instead."""
    body = response.body
    req.detach()
    req.made = None  # (its place is there: when the generator has begun, nothing may fail that would leave it open)
    try:
        first = advance(body)
    except StopIteration as end:
        if end.value is None and not is_generator:
            response.body = ""
            return response
        req.made = value = text_or_html(req, to_response(end.value, response.status))
        return find_body(req, value, isinstance(end.value, GENERATOR))
    response.body = begun(body, first)
    req.made = response
    return response


def advance(generator, value=None):
    """What the generator yields next; `value` is what its yield returns. Raises RuntimeError if it is a coroutine that waits."""
    if COROUTINE is GENERATOR and "asyncio.core" in sys.modules:
        from .probe import probe

        return probe(generator, value)
    return generator.send(value)


def first(generator):
    """Run a generator, or a coroutine that is no other thing in MicroPython, up to its first yield: what it returns before that, else the
    body that it is. Raises as `advance` and `begun`."""
    try:
        piece = advance(generator)
    except StopIteration as end:
        return end.value
    return begun(generator, piece)


def refused(coroutine):
    """The error for a coroutine, or an async generator, where nothing runs it."""
    from .probe import ASYNC

    if isinstance(coroutine, COROUTINE):
        coroutine.close()
    return RuntimeError(ASYNC)


def begun(generator, first):
    """The body for a generator that has yielded `first`. TypeError if that is no piece of an answer: then it is closed, as it is without
    memory."""
    try:
        parts.stream.as_bytes(first)
        return Begun(generator, first)
    except Exception:
        generator.close()
        raise


class Begun:
    """A generator whose first piece was taken: an iterator of all its pieces, as the body of a Response."""

    def __init__(self, generator, first=b""):
        self.generator = generator
        self.first = first
        self.close = generator.close

    def __iter__(self):
        return self

    def __next__(self):
        first = self.first
        if first is None:
            return advance(self.generator)
        self.first = None
        return first

    def begin(self, c, status, pairs):
        """Begin the answer, when the after hooks have seen it."""
        c.http_reply(status, pairs, self)
