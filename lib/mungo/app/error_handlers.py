# Error handlers: steps of a request, see hooks.py.
from ..http.field_names import spelled
from ..http.status_error import StatusError
from .response import (
    COROUTINE,
    GENERATOR,
    HttpError,
    as_http_error,
    error_response,
    find_body,
    prepare,
    text_or_html,
    to_response,
)


def awaited(value):
    """A step: what a hook has returned at last. Raises what it has raised."""
    if isinstance(value, COROUTINE):
        value = yield value
        if isinstance(value, BaseException):
            raise value
    return value


def made_response(c, req, result):
    """A step: `prepare` of response.py, with error handlers. One of these may fail, and the one for that, too."""
    for attempt in range(3):
        try:
            if not isinstance(result, Exception):
                return prepare(c, req, result)
            er = as_http_error(result)
            handler, is_of_class = _find_handler(req.route.apps, er)
            response = error_response(c, er, is_of_class)
            if handler:
                made = yield from awaited(handler(req, er))
                response = _with_fields(response, _find_made(req, made, response, getattr(er, "status", 500)))
            return to_response(response)
        except Exception as er:
            if attempt == 2:
                raise
            result = er


def _find_handler(apps, er):
    # The error handler for an exception, or None, and whether there is one of its class. That of the innermost App counts.
    by_status = by_class = None
    for app in apps:
        by_status = app.errors.get(getattr(er, "status", 500)) or by_status
        by_class = app.errors.get(_closest_class(app.errors, er)) or by_class
    found = by_status or by_class if isinstance(er, HttpError) else by_class or by_status
    return found, by_class is not None


def _closest_class(errors, er):
    # The class among the keys of `errors` that is the closest to that of `er`; None if none is a base of it.
    closest = None
    for key in errors:
        if isinstance(key, type) and isinstance(er, key) and (closest is None or issubclass(key, closest)):
            closest = key
    return closest


def _find_made(req, made, plain, status):
    # The Response that the error handler has `made`, or the `plain` one if that is a file that is not there.
    response = text_or_html(req, to_response(made, status))
    try:
        return find_body(req, response, isinstance(made, GENERATOR))
    except StatusError:
        return plain


def _with_fields(plain, response):
    for name in plain.headers:
        response.headers.setdefault(spelled(response.headers, name), plain.headers[name])
    return response
