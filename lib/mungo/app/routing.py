# From a request to its handler, and from an error to its own: what App does beyond paths that are known as they are.
from ..http.form import unquote
from ..http.response import reason
from .app import HttpError, Request, Response, Route, make


def read(route):
    """Read the pattern: its `parts` are str, or (kind, name). ValueError if it can't be one."""
    parts = []
    names = []
    shape = kind = ""
    bad = route.path[:1] != "/"
    for part in route.parts:
        bad = bad or kind == "path"
        kind = None
        if part[:1] == "<" and part[-1] == ">":
            kind, _, part = part[1:-1].rpartition(":")
            bad = bad or kind not in ("", "int", "path") or not part or part in names
            names.append(part)
        for x in part:
            bad = bad or x in "<>%?#"
        parts.append(part if kind is None else (kind, part))
        shape += "/" + (part if kind is None else "<" + kind)
    if bad:
        raise ValueError("path %r: want /text, /<name>, /<int:name>, at its end /<path:name>" % route.path)
    route.parts = parts
    route.shape = shape[1:]


def fit(mine, parts):
    """The dict of what a path with these parts has for the names of the pattern `mine`, or None if it does not fit."""
    n = len(mine)
    if len(parts) > n and "path" in mine[-1][:1]:  # (a str may be empty)
        parts = parts[: n - 1] + ["/".join(parts[n - 1 :])]
    values = {}
    for want, part in zip(mine, parts):
        if want != part:
            if isinstance(want, str):
                return
            kind, name = want
            if not part and kind != "path":
                return
            if kind == "int":
                if len(part) > 18 or part.strip("0123456789"):
                    return
                part = int(part)
            values[name] = part
    return values if len(parts) == n else None


def find(app, c, hm):
    """A Request with its route, or with one that answers 404, 405, 400, or to OPTIONS."""
    known = {}
    method = hm.method
    try:
        parts = [unquote(part) for part in hm.uri.encode().split(b"/")]
    except ValueError:
        answer = HttpError(400)
    else:
        answer = HttpError(404)
        for name, route in app.table.get("/".join(parts), []) + app.table.get("<" + parts[1 % len(parts)], []) + app.table[None]:
            values = fit(route.parts, parts)  # (a slash that was encoded is no separator)
            if values is not None:
                known.setdefault(name, (route, values))
        if "GET" in known:
            known.setdefault("HEAD", known["GET"])
    stream = False
    apps = (app,)
    if known and method not in known:
        for route, _ in known.values():
            stream = stream or route.stream
            apps = route.apps
        known["OPTIONS"] = None
        headers = {"Allow": ", ".join(sorted(known))}
        answer = Response("", 204, headers) if method == "OPTIONS" else HttpError(405, None, headers)
    route, values = known.get(method) or (Route("/", lambda req: answer, apps, (False, stream, None)), {})
    req = Request(c, hm, route)
    req.values = values
    return req


def rescue(c, req, er):
    """The Response for an error. One of another part has a `status`, and may have `headers`; what has none is a bug."""
    it = er
    if not isinstance(er, HttpError):
        it = HttpError(er.status, "%s\n" % er, getattr(er, "headers", None)) if hasattr(er, "status") else HttpError(500)
    response = it.response
    by_class = fn = None
    for app in req.route.apps:
        best = None
        for kind in app.errors:
            if isinstance(kind, type) and isinstance(er, kind) and (best is None or issubclass(kind, best)):
                best = kind
        by_class = app.errors.get(best) or by_class
        fn = app.errors.get(it.status) or fn
    if it is er:
        fn = fn or by_class
    elif by_class:
        fn = by_class
    elif not hasattr(er, "status"):
        c.mgr.report(er)
    if fn:
        headers = response.headers
        response = make(fn(req, er), it.status)
        for name in headers:
            response.headers.setdefault(name, headers[name])
    elif response.body is None:
        response.body = (reason(it.status).decode() or "Error") + "\n"
    return response
