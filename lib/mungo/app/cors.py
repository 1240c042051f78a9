# Which other sites' scripts may read what this one answers: the CORS protocol of the Fetch standard.
from .response import Response

_ALLOW = const("Access-Control-Allow-")
_ASKED = const("Access-Control-Request-")


class Cors:
    """Lets scripts of `origins` use all routes of `app`: "*", or a list such as ("https://a.example", "http://localhost:3000").

    `methods` and `headers`: which they may use, by default what they ask for (routes refuse other methods by 405). `expose`: fields of
    answers that they may read beyond the usual. `credentials`: cookies and Authorization come along, which wants
    a list of origins. `max_age`: for how many seconds the browser need not ask again.

    It adds hooks to `app`. A browser asks first without credentials, so add it before hooks that want some.
    """

    def __init__(self, app, origins, methods=None, headers=None, expose=(), credentials=False, max_age=None):
        if credentials and origins == "*" or isinstance(origins, str) and origins != "*":
            raise ValueError('origins %r: want a list, or "*" without credentials' % origins)
        self.origins = origins
        self.allowed = (("Methods", "Method", methods), ("Headers", "Headers", headers))
        self.expose = ", ".join(expose)
        self.credentials = credentials
        self.max_age = max_age
        app.before_request(self.before)
        app.after_request(self.after)

    def allows(self, req):
        """Whether the request is from one of the origins."""
        origin = req.headers.get("Origin")
        return origin is not None and (self.origins == "*" or origin in self.origins)

    def before(self, req):
        """Answer a preflight: the question whether a request would be allowed."""
        if req.method != "OPTIONS" or _ASKED + "Method" not in req.headers or not self.allows(req):
            return None
        headers = {}
        for name, asked, names in self.allowed:
            value = req.headers.get(_ASKED + asked) if names is None else ", ".join(names)
            if value:
                headers[_ALLOW + name] = value
        if self.max_age is not None:
            headers["Access-Control-Max-Age"] = str(self.max_age)
        return Response("", 204, headers)

    def after(self, req, response):
        """Say who may read the answer."""
        headers = response.headers
        if self.origins != "*":  # caches must know that it depends on who asks
            for name in list(headers):
                if name.lower() == "vary":
                    headers["Vary"] = headers.pop(name) + ", Origin"
            headers.setdefault("Vary", "Origin")
        if self.allows(req):
            headers[_ALLOW + "Origin"] = "*" if self.origins == "*" else req.headers["Origin"]
            if self.credentials:
                headers[_ALLOW + "Credentials"] = "true"
            if self.expose:
                headers["Access-Control-Expose-Headers"] = self.expose
