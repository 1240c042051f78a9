# After hooks: steps of a request, see hooks.py.
from ..http.fields import make_fields
from .error_handlers import awaited, made_response
from .response import GENERATOR, drop, failed, find_body, is_unanswered, pairs_of, send, to_response


def answer(c, req, result):
    """A step: make the Response, have the after hooks see it, and send it."""
    body = None
    try:
        response = yield from made_response(c, req, result)
        body = response.body
        for hook in _hooks_of(req):
            value = yield from awaited(hook(req, response))
            response = to_response(response if value is None else value)
            if hasattr(response, "find_answer"):
                find_body(req, response)
        if response.body is not body and not isinstance(response.body, GENERATOR) and not hasattr(response.body, "generator"):
            drop(c, body)  # (a generator may read the old one)
        send(c, req, response)
    except Exception as er:
        if failed(c, req, er, body):
            yield from _respond_to_error(c, req, er)


def _hooks_of(req):
    # In their order: those of this request, then those of the Apps, the innermost first.
    hooks = list(req.after)
    for app in reversed(req.route.apps):
        hooks += app.after
    return hooks


def _respond_to_error(c, req, er):
    # A step: answer when what comes out of the after hooks can't be sent. They see the answer to the error as well: of what each does the
    # fields and cookies count, if they can be sent.
    try:
        response = yield from made_response(c, req, er)
        status = response.status
        body = response.body
        for hook in _hooks_of(req):
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
