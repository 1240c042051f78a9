# Which other sites' scripts may read the answers of this one: the CORS protocol of the Fetch standard.
from ..http.field_names import spelled
from ..http.header_lists import vary
from .response import Response

_ALLOW = const("Access-Control-Allow-")
_REQUEST = const("Access-Control-Request-")


class Cors:
    """Lets scripts of `origins` use all routes of `app`: "*", or a list such as ("https://a.example", "http://localhost:3000").

    `methods` and `headers`: which of them the scripts may use; by default all that they ask for (a route refuses other methods by 405).
    `expose`: the fields of answers that they may read besides the usual ones. `credentials`: browsers send cookies and Authorization along,
    which needs a list of origins. `max_age`: the browser need not ask again for this number of seconds.

    It adds hooks to `app`. Browsers ask without credentials first, so add it before hooks that need them. Raises ValueError for wrong
    origins.
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
        """Whether the request comes from one of the origins."""
        origin = req.headers.get("Origin")
        return origin is not None and (self.origins == "*" or origin in self.origins)

    def before(self, req):
        """Answer a preflight: the question whether a request would be allowed."""
        if req.method != "OPTIONS" or _REQUEST + "Method" not in req.headers or not self.allows(req):
            return None
        headers = {}
        for name, asked, names in self.allowed:
            value = req.headers.get(_REQUEST + asked) if names is None else ", ".join(names)
            if value:
                headers[_ALLOW + name] = value
        if self.max_age is not None:
            headers["Access-Control-Max-Age"] = str(self.max_age)
        return Response("", 204, headers)

    def after(self, req, response):
        """Say who may read the answer."""
        headers = response.headers
        if self.origins != "*":  # caches must know that it depends on the origin
            vary(headers, "Origin")
        if self.allows(req):
            headers[spelled(headers, _ALLOW + "Origin")] = "*" if self.origins == "*" else req.headers["Origin"]
            if self.credentials:
                headers[spelled(headers, _ALLOW + "Credentials")] = "true"
            if self.expose:
                headers[spelled(headers, "Access-Control-Expose-Headers")] = self.expose
