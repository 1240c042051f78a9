# From what a handler returns or raises to the answer that is sent:
#
#   to_response      makes a Response of what a handler returns
#   error_response   makes one of what it raises: an error handler's, else the status in words
#   respond          does one of these, runs the after hooks and sends the Response
#   respond_fast     sends the most frequent answers without a Response
#
# Threads must not import, and answers to errors need code that is there before the error. So everything is imported at the top, except
# relay.py, which worker_routes.py loads.
from errno import ETIMEDOUT

from ..http.json_writer import dumps
from ..http.response import reason
from ..http.server import reply_ok
from ..http.status_error import StatusError

_TEXT = const("text/plain; charset=UTF-8")
_BYTES = const("application/octet-stream")
_JSON = const("application/json")

GENERATOR = type((lambda: (yield))())


class Response:
    """An answer: `body` (str, bytes-like, a dict or list for JSON, a generator of str or bytes), `status`, `headers` (a dict), and
    `cookies`, a list of the values of Set-Cookie fields. Hooks may change all of them."""

    content_type: object = None  # by the body's type; a Content-Type in `headers` takes its place

    def __init__(self, body="", status=200, headers=None):
        self.body = body
        self.status = status
        self.headers = dict(headers or ())
        self.cookies = []


class HttpError(StatusError):
    """What `abort` raises: `status`, and the Response `response`. If its body is None, the status in words is sent."""

    def __init__(self, status, body=None, headers=None):
        super().__init__(status)
        self.response = Response(body, status, headers)


def abort(status, body=None, headers=None):
    """End the handler or hook that calls this: the answer has this status, unless an error handler makes another. Raises HttpError."""
    raise HttpError(status, body, headers)


def redirect(location, status=302):
    """A Response that sends the client to the URL `location`."""
    return Response("", status, {"Location": location})


def to_response(value, status=200):
    """The Response for what a handler has returned. `status` is the one for a `value` that has none. A body for JSON becomes str here.

    An object with `cookies` is a Response, or like one (files.send). A function as body answers by itself. Any thread.
    Raises TypeError or ValueError for what can't be an answer.
    """
    if hasattr(value, "cookies"):
        response = value
    elif isinstance(value, tuple):
        body, status, headers = value if len(value) > 2 else value + (None,)
        response = Response(body, status, headers)
    else:
        response = Response(value, 204 if value is None and status == 200 else status)
    body = response.body
    content_type = _TEXT
    if isinstance(body, (dict, list)):
        response.body = dumps(body)
        content_type = _JSON
    elif isinstance(body, (bytes, bytearray, memoryview)):
        content_type = _BYTES
    elif body is None:
        response.body = ""
    elif callable(body):
        return response
    elif not isinstance(body, (str, GENERATOR)):
        raise TypeError("%s is no answer" % type(body))
    response.content_type = response.content_type or content_type
    return response


def error_response(c, req, er):
    """The Response for the exception `er`. An exception without `status` and without an error handler of its class is a bug: it is
    reported, and the status is 500."""
    if type(er) is StatusError:
        er = HttpError(er.status, er.text or None, er.headers)
    is_bug = not hasattr(er, "status")
    if isinstance(er, HttpError):
        response = er.response
    elif is_bug:
        response = Response(None, 500)
    else:
        response = Response("%s\n" % er, er.status, getattr(er, "headers", None))
    status = 500 if is_bug else er.status
    # The innermost App that has an error handler counts.
    by_status = by_class = None
    for app in req.route.apps:
        by_status = app.errors.get(status) or by_status
        by_class = app.errors.get(_closest_class(app.errors, er)) or by_class
    if isinstance(er, HttpError):
        error_handler = by_status or by_class
    else:
        error_handler = by_class or by_status
        if is_bug and not by_class:
            c.mgr.report(er)
    if error_handler:
        headers = response.headers
        response = to_response(error_handler(req, er), status)
        for name in headers:
            response.headers.setdefault(name, headers[name])
    elif response.body is None:
        response.body = (reason(status).decode() or "Error") + "\n"
    return response


def _closest_class(errors, er):
    # The class among the keys of `errors` that is the closest to that of `er`; None if none is a base of it.
    closest = None
    for key in errors:
        if isinstance(key, type) and isinstance(er, key) and (closest is None or issubclass(key, closest)):
            closest = key
    return closest


def pool_error(er):
    """The HttpError for the exception `er` with which the pool has ended or refused a job."""
    if not isinstance(er, OSError):
        return HttpError(500)  # SystemExit, which the pool has reported
    if er.errno == ETIMEDOUT:
        return HttpError(504)
    return HttpError(503, None, {"Retry-After": "1"})


def respond(c, req, result):
    """Answer with `result`, which a handler or hook has returned or raised. What goes wrong here is answered as an error, without
    after hooks. Loop's thread."""
    try:
        response = _response(c, req, result)
        for app in reversed(req.route.apps):
            for hook in app.after:
                changed = hook(req, response)
                response = to_response(response if changed is None else changed)
        _send(c, req, response)
    except Exception as er:
        _respond_to_error(c, req, er)


def _respond_to_error(c, req, er):
    try:
        _send(c, req, _response(c, req, er))
    except Exception as second:
        c.mgr.report(second)
        c.http_reply(500)


def _response(c, req, result):
    return to_response(error_response(c, req, result) if isinstance(result, Exception) else result)


def _send(c, req, response):
    body = response.body
    if callable(body):
        body(c, req.hm)
        return
    content_type = response.content_type
    if response.status == 200 and body and not response.headers and not response.cookies and content_type in (_TEXT, _BYTES, _JSON):
        if isinstance(body, str):
            if reply_ok(c, c.proto, content_type.encode(), body.encode()):
                return
        elif isinstance(body, bytes) and reply_ok(c, c.proto, content_type.encode(), body):
            return
    headers = list(response.headers.items())
    if body and "content-type" not in [name.lower() for name, _ in headers]:
        headers.append(("Content-Type", content_type))
    for value in response.cookies:
        headers.append(("Set-Cookie", value))
    if isinstance(body, GENERATOR):
        _send_generator(c, req, response, headers)
    else:
        c.http_reply(response.status, headers, body)


def _send_generator(c, req, response, headers):
    # A worker's generator runs in a worker, any other in the loop.
    if response.body is not req.worker_generator:
        req.detach()
        c.http_reply(response.status, headers, response.body)
        return
    from .relay import stream

    try:
        stream(c, c.mgr.workers(), response.body, response.status, headers)
    except OSError as er:
        raise pool_error(er)


def respond_fast(c, hm, req):
    """`respond` with `req.result` for a route without hooks, fast for str and bytes."""
    result = req.result
    if isinstance(result, str):
        is_sent = reply_ok(c, hm, b"text/plain; charset=UTF-8", result.encode())
    else:
        is_sent = isinstance(result, bytes) and reply_ok(c, hm, b"application/octet-stream", result)
    if not is_sent:
        respond(c, req, result)
