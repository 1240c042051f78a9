# The steps of a request to an App that has hooks or error handlers; and of all requests while asyncio polls the manager, when any of these,
# and the handler, may be `async def`. serving.py serves requests without them. This file loads when the first is added.
#
# The steps are generators that yield each coroutine, and get what it has returned or raised: `awaited`. Where asyncio polls the manager,
# tasks.py has the coroutine run. Elsewhere a coroutine is an error; in MicroPython it may be a generator, which is the body of an answer.
from ..port.flash import Busy
from .after_hooks import answer
from .error_handlers import awaited
from .response import COROUTINE, GENERATOR, is_unanswered, put_off, unwanted

_RAISED = (Exception, Busy)


def serve(c, req, is_early):
    """Run the before hooks, and then the route, or answer. `is_early`: the body is still to come. It is not read while a hook waits."""
    _drive(c, req, _serve(c, req, is_early))


def respond(c, req, result):
    """`respond` of serving.py."""
    _drive(c, req, _respond(c, req, result))


def _drive(c, req, steps, is_alone=False):
    # `is_alone`: the steps go on when the client has left.
    if c.mgr.tasks is not None:
        c.fn_data.parts.tasks.drive(c, steps, is_alone)
        return
    value = None
    try:
        while True:
            value = _settled(c, req, steps.send(value))
    except StopIteration:
        return


def _settled(c, req, coroutine):
    # What it has returned or raised, where no asyncio runs it.
    generators = c.fn_data.parts.generators
    if COROUTINE is not GENERATOR:
        return generators.refused(coroutine)
    req.detach()
    try:
        return generators.first(coroutine)
    except _RAISED as er:
        return er


def _serve(c, req, is_early):
    held = None
    try:
        for app in req.route.apps:
            for hook in app.before:
                if req.result is None and is_unanswered(c, req):
                    value = hook(req)
                    if c.mgr.tasks is not None and isinstance(value, COROUTINE):
                        if not is_early:
                            req.detach()
                        elif held is None:
                            held = c.fn_data.parts.held.Held(c, req)
                    req.result = yield from awaited(value)
    except Exception as er:
        req.result = er
    if held is not None:
        held.go_on()
    if req.result is None and is_unanswered(c, req):
        req.route.answer(c, req)
    elif held is None or held.is_due():
        respond(c, req, req.result)


def _respond(c, req, result):
    if c.mgr.tasks is not None and isinstance(result, COROUTINE):
        req.detach()
        result = yield result
    try:
        if is_unanswered(c, req):
            yield from answer(c, req, result)
        else:
            unwanted(c, result)
    except Busy:
        put_off(c, req, result)
        return
    tear_down(c, req, result if isinstance(result, Exception) else None)


def tear_down(c, req, error):
    """Run the teardown hooks."""
    _drive(c, req, _tear_down(c, req, error), True)


def _tear_down(c, req, error):
    for app in reversed(req.route.apps):
        for hook in app.teardown:
            try:
                yield from awaited(hook(req, error))
            except Exception as er:
                c.mgr.report(er)
