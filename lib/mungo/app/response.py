# From what a handler returns or raises to the answer that is sent:
#
#   to_response      makes a Response of what a handler returns
#   error_response   makes one of what it raises: the status in words
#   prepare          does one of these
#   send             sends the Response
#   answer           does both, and if something goes wrong, again for the error. (If there are hooks or error handlers, hooks.py does
#                    that in its steps.)
#
# Threads must not import, and answers to errors need code that is there before the error. So what these need is imported at the top.
from ..http.field_names import spelled
from ..http.percent import escaped
from ..http.response import reason
from ..http.server import reply_ok
from ..http.status_error import StatusError
from ..port.flash import Busy, close
from .readers import readers

_TYPE = const("Content-Type")
_CHALLENGE = const("WWW-Authenticate")
_TEXT = const("text/plain; charset=UTF-8")
_HTML = const("text/html; charset=UTF-8")
_BYTES = const("application/octet-stream")
_JSON = const("application/json")

_TRIES = const(3)  # to make an answer: of the result, of the error that this was, of the error in answering that

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
            for name in headers or ():
                value.headers[spelled(value.headers, name)] = headers[name]
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
        response.body = readers.json_writer.dumps(body)
        content_type = _JSON
    elif isinstance(body, (bytes, bytearray, memoryview)):
        content_type = _BYTES
    elif body is None:
        response.body = ""
    elif not isinstance(body, (str, GENERATOR)) and not is_file and not hasattr(body, "begin"):
        raise TypeError("%s is no answer" % type(body))
    response.content_type = response.content_type or content_type
    return response


def error_response(c, er, is_known=False):
    """The Response for the exception `er`: the status in words, unless it has a Response. An exception without `status` is a bug: the
    status is 500, and it is reported, unless it `is_known`."""
    er = as_http_error(er)
    if isinstance(er, HttpError):
        response = er.response
    elif hasattr(er, "status"):
        response = Response("%s\n" % er, er.status, getattr(er, "headers", None))
    else:
        response = Response(None, 500)
        if not is_known:
            c.mgr.report(er)
    if response.body is None:
        response.body = (reason(response.status).decode() or "Error") + "\n"
    return response


def as_http_error(er):
    """The exception, or the HttpError that stands for a plain StatusError."""
    return HttpError(er.status, er.text or None, er.headers) if type(er) is StatusError else er


def answer(c, req, result):
    """`respond` of serving.py for an answer without steps in between."""
    for _ in range(_TRIES):
        body = None
        try:
            if not is_unanswered(c, req):
                return unwanted(c, result)
            response = prepare(c, req, result)
            body = response.body
            return send(c, req, response)
        except Busy:
            return put_off(c, req, result)
        except Exception as er:
            if not failed(c, req, er, body):
                return
            result = er
    c.mgr.report(result)
    c.http_reply(500)


def put_off(c, req, result):
    """Do `respond` again when workers do not use the file system any more."""
    req.detach()
    c.mgr.when_flash_is_free(lambda c, args: c.respond(*args), c, (req, req.made or result))


def unwanted(c, result):
    """Report what a handler has returned or raised, if anything, though the request is answered; not if the client has left."""
    if result is not None and not c.is_closing:
        c.mgr.report(result if isinstance(result, Exception) else RuntimeError("answered already: return None after http_reply"))


def failed(c, req, er, body):
    """An answer could not be made or sent: whether there can be another one."""
    if is_unanswered(c, req):
        c.proto.set_extra(None)
        drop(c, body)
        return True
    if not c.is_closing:  # some of the answer is sent
        c.mgr.report(er)
        c.error(repr(er))


def is_unanswered(c, req):
    """Whether the connection `c` still waits for the answer to `req`, and not for that to a later request."""
    return c.proto.is_unanswered and c.proto.data is req.hm.data


def drop(c, body):
    """A body is not sent: close its file or generator."""
    if hasattr(body, "close"):
        c.mgr.use_flash(close, c, body)


def prepare(c, req, result):
    """The Response for what a handler or hook has returned or raised, as the after hooks see it: a file is looked up, and a generator is
    run up to its first yield. Raises what that raises. Loop's thread."""
    if isinstance(result, Exception):
        return to_response(error_response(c, result))
    return find_body(req, text_or_html(req, to_response(result)), isinstance(result, GENERATOR))


def text_or_html(req, response):
    """The Response, with the type of text that its App wants."""
    if req.route.apps[-1].is_html and getattr(response, "content_type", None) == _TEXT:
        response.content_type = _HTML
    return response


def find_body(req, response, is_generator=False):
    """The Response, whose file is looked up, or whose generator is begun. `is_generator`: the handler has returned nothing but that."""
    if hasattr(response, "find_answer"):
        if response.body is None:
            response.find_answer(req.hm)
    elif isinstance(response.body, GENERATOR):
        return req.app.parts.generators.begin(req, response, is_generator)
    return response


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
    status = response.status
    if status == 200 and body and not pairs and (content_type == _TEXT or content_type == _JSON):
        if reply_ok(c, hm, content_type.encode(), body):
            return
    headers = response.headers
    if body and spelled(headers, _TYPE) not in headers:
        pairs.append((_TYPE, content_type))
    if status == 401 and spelled(headers, _CHALLENGE) not in headers:
        # RFC 9110 section 11.6.1 demands a challenge. No browser asks for a password because of this one.
        pairs.append((_CHALLENGE, 'Session realm="mungo"'))
    if isinstance(body, GENERATOR):  # a hook has made it
        req.detach()
        body = req.app.parts.generators.Begun(body)
    if hasattr(body, "begin"):
        body.begin(c, status, pairs)  # pyright: ignore
    else:
        c.http_reply(status, pairs, body)
    if hm.source is not body:  # there is no memory to send it, or the client has gone
        drop(c, body)
