# Errors while asyncio polls the manager: the steps of response.py, for error handlers and after hooks that may be `async def`.
from ..http.fields import make_fields
from .response import after_hooks, challenged, handled, is_unanswered, pairs_of, plain_error, prepare, send, to_response
from .tasks import awaited


def made_response(c, req, result):
    """`_make` of response.py: the Response for what a handler or hook has returned or raised."""
    for attempt in range(3):
        try:
            if not isinstance(result, Exception):
                return prepare(req, result)
            response, status, er, error_handler = plain_error(c, req, result)
            if error_handler:
                made = yield from awaited(error_handler(req, er))
                response = handled(req, response, status, made)
            return challenged(to_response(response))
        except Exception as er:
            if attempt == 2:
                raise
            result = er


def respond_to_error(c, req, er):
    """`_respond_to_error` of response.py: answer when what comes out of the after hooks can't be sent."""
    c.proto.set_extra(None)
    try:
        response = yield from made_response(c, req, er)
        status = response.status
        body = response.body
        for hook in after_hooks(req):
            headers = response.headers
            response.headers = dict(headers)
            n = len(response.cookies)
            try:
                yield from awaited(hook(req, response))
                make_fields(c.proto, pairs_of(response))
            except Exception:  # it was reported the first time
                response.headers = headers
                del response.cookies[n:]
        response.status = status
        response.body = body
        send(c, req, response)
    except Exception as second:
        c.mgr.report(second)
        if is_unanswered(c, req):
            c.http_reply(500)
