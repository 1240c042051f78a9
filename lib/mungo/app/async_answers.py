# Answers while asyncio polls the manager: the steps of response.py, for hooks that may be `async def`.
from ..port.flash import Busy
from .async_errors import made_response, respond_to_error
from .response import COROUTINE, after_hooks, changed, failed, finish, is_unanswered, respond_late, unwanted
from .tasks import awaited, drive, start_alone


def respond(c, req, result):
    """`respond` of response.py."""
    drive(c, _respond(c, req, result))


def _respond(c, req, result):
    if isinstance(result, COROUTINE):
        req.detach()
        result = yield result
    try:
        if is_unanswered(c, req):
            yield from _answer(c, req, result)
        elif result is not None:
            unwanted(c, result)
    except Busy:
        req.detach()
        c.mgr.when_flash_is_free(respond_late, c, (req, req.made or result))
        return
    drive(c, _tear_down(c, req, result if isinstance(result, Exception) else None), start_alone)


def _answer(c, req, result):
    body = None
    try:
        response = yield from made_response(c, req, result)
        body = response.body
        for hook in after_hooks(req):
            value = yield from awaited(hook(req, response))
            response = changed(req, response, value)
        finish(c, req, response, body)
    except Exception as er:
        if failed(c, req, er, body):
            yield from respond_to_error(c, req, er)


def _tear_down(c, req, error):
    for app in reversed(req.route.apps):
        for hook in app.teardown:
            try:
                yield from awaited(hook(req, error))
            except Exception as er:
                c.mgr.report(er)
