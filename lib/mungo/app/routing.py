# Routes, their patterns, and the route of a request.
from ..http.percent import unquote
from .request import call_handler
from .response import HttpError, Response


class Route:
    """A handler and the pattern of its path, which serves requests in the loop. WorkerRoute and StreamRoute have another `answer`.

    `apps`: the Apps whose hooks and error handlers apply, the outermost first. `timeout_ms` is for workers. Raises ValueError for a path
    that can't be one.
    """

    has_fast_path = False  # there is nothing to do but to call the handler with the request: no hooks, no values
    option: object = None  # what a kind of routes needs besides
    starts_early = False  # it is served when the head has come (EV_HTTP_HDRS), not the body
    needs_workers = False

    def __init__(self, path, fn, apps, timeout_ms=None):
        self.path = path
        self.fn = fn
        self.apps = apps
        self.timeout_ms = timeout_ms
        self.parts, self.shape = read_pattern(path)

    def answer(self, c, req):
        """Call the handler and answer. Loop's thread, after the before hooks."""
        req.run(call_handler)
        c.respond(req, req.result)


class NoRoute:
    """In place of a Route for a request that has none: `result` is an error, or the Response to OPTIONS."""

    starts_early = False

    def __init__(self, result, app):
        self.result = result
        self.apps = (app,)

    def answer(self, c, req):
        """Answer with the error or Response, after the before hooks."""
        c.respond(req, self.result)


class Routes:
    """The routes of an App."""

    def __init__(self):
        self.by_request_line = {}  # {b"GET /fast": Route}: those without names
        self.shapes = set()  # of all, "GET /users/<int"
        # Lists of (method, Route): by the path of those without names; by the first part, if that is text; by None, for the others.
        self.by_key = {}

    def add(self, method, route):
        """Add a route for a method. ValueError if there is one of the same shape."""
        shape = method + " " + route.shape
        if shape in self.shapes:
            raise ValueError("%s: there is such a route already" % shape)
        self.shapes.add(shape)
        key = route.parts[1]
        if "<" not in route.path:
            self.by_request_line[shape.encode()] = route
            key = route.path
        elif isinstance(key, tuple):
            key = None
        self.by_key.setdefault(key, []).append((method, route))

    def all(self):
        """All (method, Route), as a list."""
        found = []
        for routes in self.by_key.values():
            found += routes
        return found

    def find(self, app, hm):
        """(Route, {name: value}) for a request to `app`; (NoRoute, {}) if there is none: 404, 405, 400, or OPTIONS."""
        try:
            parts = [unquote(part) for part in hm.uri.encode().split(b"/")]
        except ValueError:
            return NoRoute(HttpError(400), app), {}
        if hm.uri == "*":  # OPTIONS of the server as a whole (RFC 9110 section 9.3.7)
            return NoRoute(Response("", 204, allow([method for method, _ in self.all()])), app), {}
        known = {}  # {method: (Route, values)}: the first that fits
        for key in ("/".join(parts), parts[1] if parts[1:] else "", None):
            for method, route in self.by_key.get(key, ()):
                values = match(route.parts, parts)
                if values is not None:
                    known.setdefault(method, (route, values))
        if "GET" in known:
            known.setdefault("HEAD", known["GET"])
        return known.get(hm.method) or (_no_route(app, hm.method, known), {})


def _no_route(app, method, known):
    # `known` has the routes of the path, all of other methods.
    if not known:
        return NoRoute(HttpError(404), app)
    headers = allow(known)
    found = NoRoute(Response("", 204, headers) if method == "OPTIONS" else HttpError(405, None, headers), app)
    for route, _ in known.values():
        found.apps = route.apps
        found.starts_early |= route.starts_early
    return found


def allow(methods):
    """{"Allow": ..} for these methods, with those that an App adds."""
    methods = set(methods)
    methods.add("OPTIONS")
    if "GET" in methods:
        methods.add("HEAD")
    return {"Allow": ", ".join(sorted(methods))}


def read_pattern(path):
    """(parts, shape) of a route's path. A part is a str, or a tuple (converter, name), with the converter "", "int" or "path". The shape
    is the path without the names: routes of the same shape exclude each other. Raises ValueError for a path that can't be one."""
    parts = []
    shape = []
    names = []
    is_bad = path[:1] != "/"
    for text in path.split("/"):
        is_bad = is_bad or shape[-1:] == ["<path"]  # it must be the last
        if text[:1] == "<" and text[-1] == ">":
            converter, _, text = text[1:-1].rpartition(":")
            converter = "" if converter == "string" else converter
            is_bad = is_bad or converter not in ("", "int", "path") or not text or text in names
            names.append(text)
            parts.append((converter, text))
            shape.append("<" + converter)
        else:
            parts.append(text)
            shape.append(text)
        for character in text:
            is_bad = is_bad or character in "<>%?#"
    if is_bad:
        raise ValueError("path %r: want /text, /<name>, /<int:name>, at its end /<path:name>" % path)
    return parts, "/".join(shape)


def match(pattern, parts):
    """The values of a path with these decoded parts for the names of a pattern, as a dict; None if the path does not fit it."""
    n = len(pattern)
    if len(parts) > n and isinstance(pattern[-1], tuple) and pattern[-1][0] == "path":
        parts = parts[: n - 1] + ["/".join(parts[n - 1 :])]
    if len(parts) != n:
        return None
    values = {}
    for want, part in zip(pattern, parts):
        if isinstance(want, str):
            if want != part:
                return None
            continue
        converter, name = want
        if not part and converter != "path":
            return None
        if converter != "int":
            values[name] = part
        elif len(part) > 18 or part.strip("0123456789"):
            return None
        else:
            values[name] = int(part)
    return values
