# From what a handler returns or raises to the answer that is sent:
#
#   to_response      makes a Response of what a handler returns
#   error_response   makes one of what it raises: an error handler's, else the status in words
#   respond          does one of these, runs the after hooks and sends the Response
#   respond_fast     sends the most frequent answers without a Response
#
# Threads must not import, and answers to errors need code that is there before the error. So everything is imported at the top.
from errno import ETIMEDOUT

from ..core.utf8 import encode
from ..http.fields import make_fields
from ..http.form import escaped
from ..http.header_lists import spelled
from ..http.json_writer import dumps
from ..http.response import reason
from ..http.server import reply_ok
from ..http.status_error import StatusError
from ..port.flash import Busy, close
from .readers import readers

_TEXT = const("text/plain; charset=UTF-8")
_HTML = const("text/html; charset=UTF-8")
_BYTES = const("application/octet-stream")
_JSON = const("application/json")

GENERATOR = type((lambda: (yield))())


async def _nothing():
    pass


_coroutine = _nothing()
COROUTINE = type(_coroutine)  # in MicroPython the same
_coroutine.close()


class Response:
    """An answer: `body` (str, bytes-like, a dict or list for JSON, a generator of str or bytes), `status`, `headers` (a dict), and
    `cookies`, a list of the values of Set-Cookie fields. Hooks may change all of them."""

    content_type: object = None  # by the body's type; a Content-Type in `headers` takes its place

    def __init__(self, body="", status=200, headers=None):
        self.body: "Any" = body  # noqa: F821  # pyright: ignore
        self.status: "int | None" = status
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
    """A Response that sends the client to the URL `location`. What can't stand in a URL, such as blanks and characters beyond ASCII, is
    percent-encoded."""
    return Response("", status, {"Location": escaped(location)})


def to_response(value, status=200):
    """The Response for what a handler has returned. `status` is the one for a `value` that has none. A body for JSON becomes str here.

    An object with `cookies` is a Response, or like one (files.send, sse.stream). A function as body answers by itself. Any thread.
    Raises TypeError or ValueError for what can't be an answer.
    """
    headers = None
    if isinstance(value, tuple):
        if len(value) == 2:
            value = (value[0], status, value[1]) if isinstance(value[1], dict) else value + (None,)
        value, status, headers = value
        if hasattr(value, "cookies"):
            value.status = status
            value.headers.update(headers or ())
        elif not isinstance(status, int):
            raise TypeError("status %r: want a number" % (status,))
    elif value is None and status == 200:
        status = 204
    response = value if hasattr(value, "cookies") else Response(value, status, headers)
    if response.status is None:  # of a file
        response.status = status
    body = response.body
    is_file = hasattr(response, "find_answer")
    if callable(body) or is_file and body is None:
        return response
    content_type = _TEXT
    if isinstance(body, (dict, list)):
        response.body = dumps(body)
        content_type = _JSON
    elif isinstance(body, (bytes, bytearray, memoryview)):
        content_type = _BYTES
    elif body is None:
        response.body = ""
    elif not isinstance(body, (str, GENERATOR)) and not is_file and not hasattr(body, "begin"):
        raise TypeError("%s is no answer" % type(body))
    response.content_type = response.content_type or content_type
    return response


def error_response(c, req, er):
    """The Response for the exception `er`: what its error handler makes of it, else the status in words."""
    response, status, er, error_handler = plain_error(c, req, er)
    return handled(req, response, status, settled(req, error_handler(req, er))) if error_handler else response


def plain_error(c, req, er):
    """For an exception: the Response with the status in words, the status, the exception or the HttpError in its place, and its error
    handler or None. An exception without `status` and without an error handler of its class is a bug: it is reported, and the status is
    500."""
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
    if response.body is None:
        response.body = (reason(status).decode() or "Error") + "\n"
    return response, status, er, error_handler


def handled(req, plain, status, made):
    """The Response that the error handler has `made`, with the fields of the `plain` one."""
    is_generator = isinstance(made, GENERATOR)
    response = text_or_html(req, to_response(made, status))
    try:
        response = find_body(req, response, is_generator)
    except StatusError:  # the file of an error page is not there
        response = plain
    for name in plain.headers:
        response.headers.setdefault(spelled(response.headers, name), plain.headers[name])
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
    """Answer with `result`, which a handler or hook has returned or raised, unless it has answered by `c.http_reply` and returned None.
    All answers come here, so the after hooks see all. What goes wrong here is answered as an error. If a file is the answer, and a worker
    uses the file system, this is done again in a later turn, error handlers included. Loop's thread."""
    if c.mgr.tasks is not None:
        c.async_steps.respond(c, req, result)
        return
    if COROUTINE is not GENERATOR and isinstance(result, COROUTINE):
        result = readers.generators.refused(result)
    try:
        _answer(c, req, result)
    except Busy:
        req.detach()
        c.mgr.when_flash_is_free(respond_late, c, (req, req.made or result))
        return
    for app in reversed(req.route.apps):
        for hook in app.teardown:
            try:
                settled(req, hook(req, result if isinstance(result, Exception) else None))
            except Exception as er:
                c.mgr.report(er)


def respond_late(c, args):
    """`respond` with the request and the result in `args`, when workers do not use the file system any more."""
    respond(c, *args)


def _answer(c, req, result):
    if not is_unanswered(c, req):
        if result is not None:
            unwanted(c, result)
        return
    body = None
    try:
        response = _make(c, req, result)
        body = response.body
        for hook in after_hooks(req):
            response = changed(req, response, settled(req, hook(req, response)))
        finish(c, req, response, body)
    except Exception as er:
        if failed(c, req, er, body):
            _respond_to_error(c, req, er)


def unwanted(c, result):
    """Report what a handler has returned or raised though the request is answered; not if the client has left."""
    if not c.is_closing:
        c.mgr.report(result if isinstance(result, Exception) else RuntimeError("answered already: return None after http_reply"))


def changed(req, response, value):
    """The Response when an after hook has returned `value`."""
    response = to_response(response if value is None else value)
    if hasattr(response, "find_answer"):
        find_body(req, response)
    return response


def finish(c, req, response, body):
    """Send the Response, whose body was `body` before the after hooks."""
    if response.body is not body and not isinstance(response.body, GENERATOR) and not hasattr(response.body, "generator"):
        _close(c, body)  # (a generator may read the old one)
    send(c, req, response)


def failed(c, req, er, body):
    """An answer could not be made or sent: whether there can be another one."""
    if is_unanswered(c, req):
        _close(c, body)
        return True
    if not c.is_closing:  # some of the answer is sent
        c.mgr.report(er)
        c.error(repr(er))


def after_hooks(req):
    """The after hooks in their order: those of this request, then those of the Apps, the innermost first."""
    hooks = list(req.after)
    for app in reversed(req.route.apps):
        hooks += app.after
    return hooks


def is_unanswered(c, req):
    """Whether the connection `c` still waits for the answer to `req`, and not for that to a later request."""
    return c.proto.is_unanswered and c.proto.data is req.hm.data


def _close(c, body):
    # It is not sent: close its file or generator.
    if hasattr(body, "close"):
        c.mgr.use_flash(close, c, body)


def _respond_to_error(c, req, er):
    # What comes out of the after hooks can't be sent. They see the answer to the error as well: of what each does the fields and cookies
    # count, if they can be sent.
    c.proto.set_extra(None)
    try:
        response = _make(c, req, er)
        status = response.status
        body = response.body
        for hook in after_hooks(req):
            headers = response.headers
            response.headers = dict(headers)
            n = len(response.cookies)
            try:
                settled(req, hook(req, response))
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


def _make(c, req, result):
    # The Response for what a handler or hook has returned or raised. An error handler may fail, and the one for that, too.
    for _ in range(2):
        try:
            return _prepare(c, req, result)
        except Exception as er:
            result = er
    return _prepare(c, req, result)


def _prepare(c, req, result):
    if isinstance(result, Exception):
        return challenged(to_response(error_response(c, req, result)))
    return prepare(req, result)


def prepare(req, result):
    """The Response for what a handler has returned."""
    return challenged(find_body(req, text_or_html(req, to_response(result)), isinstance(result, GENERATOR)))


def challenged(response):
    """The Response, with the field that a 401 must have."""
    if response.status == 401:
        # RFC 9110 section 11.6.1 demands a challenge. No browser asks for a password because of this one.
        response.headers.setdefault(spelled(response.headers, "WWW-Authenticate"), 'Session realm="mungo"')
    return response


def text_or_html(req, response):
    """The Response, with the type of text that its App wants."""
    if req.route.apps[-1].is_html and getattr(response, "content_type", None) == _TEXT:
        response.content_type = _HTML
    return response


def find_body(req, response, is_generator=False):
    """The Response, before the after hooks: a file is looked up, and a generator is run up to its first yield. What it raises until then is
    raised here; what it returns is the answer instead. `is_generator`: the handler has returned nothing but that. Loop's thread."""
    body = response.body
    if hasattr(response, "find_answer"):
        if body is None:
            response.find_answer(req.hm)
    elif isinstance(body, GENERATOR):
        req.detach()
        req.made = None  # (its place is there: when the generator has begun, nothing may fail that would leave it open)
        try:
            first = readers.generators.advance(body)
        except StopIteration as end:
            if end.value is None and not is_generator:
                response.body = ""
                return response
            req.made = value = text_or_html(req, to_response(end.value, response.status))
            return find_body(req, value, isinstance(end.value, GENERATOR))
        response.body = readers.generators.begun(body, first)
        req.made = response
    return response


def settled(req, value):
    """What a hook or error handler has returned. Without asyncio a coroutine is an error; but MicroPython can't tell it from a generator,
    so that runs up to its first yield. Raises RuntimeError, and what that raises."""
    if not isinstance(value, COROUTINE):
        return value
    if COROUTINE is not GENERATOR:
        raise readers.generators.refused(value)
    req.detach()
    return readers.generators.first(value)


def pairs_of(response, is_tls=False):
    """The fields of a Response as pairs, with its cookies. Over TLS these are Secure, unless `set_cookie` was told otherwise."""
    pairs = list(response.headers.items())
    for value in response.cookies:
        if is_tls and "; Secure" not in value and value[-1:] != ";":
            value += "; Secure"
        pairs.append(("Set-Cookie", value))
    return pairs


def send(c, req, response):
    """Send a Response that the after hooks have seen."""
    body = response.body
    hm = c.proto
    pairs = pairs_of(response, c.is_tls)
    if callable(body):
        if pairs:
            from .hook_fields import HookFields

            hm.set_extra(HookFields(pairs))
        hm.is_of_app = True
        body(c, req.hm)
        return
    content_type = response.content_type
    if response.status == 200 and body and not pairs and content_type in (_TEXT, _BYTES, _JSON):
        if isinstance(body, str):
            if reply_ok(c, hm, content_type.encode(), encode(body)):
                return
        elif isinstance(body, bytes) and reply_ok(c, hm, content_type.encode(), body):
            return
    if body and spelled(response.headers, "Content-Type") not in response.headers:
        pairs.append(("Content-Type", content_type))
    if isinstance(body, GENERATOR):  # a hook has made it
        req.detach()
        body = readers.generators.Begun(body)
    if hasattr(body, "begin"):
        body.begin(c, response.status, pairs)  # pyright: ignore
    else:
        c.http_reply(response.status, pairs, body)
    if hm.source is not body:  # there is no memory to send it, or the client has gone
        _close(c, body)


def respond_fast(c, hm, req):
    """`respond` with `req.result` for a route without hooks, fast for str and bytes."""
    result = req.result
    if isinstance(result, str):
        try:
            result = encode(result)
        except ValueError as er:
            return respond(c, req, er)
        is_sent = reply_ok(c, hm, b"text/plain; charset=UTF-8", result)
    else:
        is_sent = isinstance(result, bytes) and reply_ok(c, hm, b"application/octet-stream", result)
    if not is_sent:
        respond(c, req, req.result)
