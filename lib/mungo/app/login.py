# Login: who a session belongs to, and routes for users who have logged in.
#
#     login = Login(Sessions(app, KEY))
#     @app.post("/login")
#     def enter(req):
#         if password_is_right(req.form):
#             login.login(req, req.form["name"])
#             return redirect(login.next_path(req))
#     @app.get("/secret")
#     @login.required
#     def secret(req):
#         return "for %s\n" % req.user
from ..http.percent import percent_decode
from .response import abort, redirect
from .urls import quote


class Login:
    """Users by session. `url` is the path of the page for logging in."""

    def __init__(self, sessions, url="/login"):
        self.sessions = sessions
        self.url = url

    def login(self, req, user):
        """From the next request on this browser's session is that of `user` (a name, or another value of JSON that is true). The session
        is a new one, and empty: what somebody else may have put into the browser's does not count. Loop's thread."""
        self.sessions.renew(req)
        req.session["user"] = user
        req.user = user

    def logout(self, req):
        """End this session, for everybody who has its cookie. Loop's thread."""
        self.sessions.renew(req)
        req.user = None

    def required(self, fn):
        """A decorator of a handler, below the route's: without a user, a page is answered by a redirect to `url`, with the path to return
        to as `next`, and any other request by 401. With one, `req.user` is the user."""

        def guarded(req, *live, **values):  # `live`: the WebSocket or stream of a route that has one
            user = req.session.get("user")
            if user:
                req.user = user
                return fn(req, *live, **values)
            if req.method not in ("GET", "HEAD") or "text/html" not in req.headers.get("Accept", ""):
                abort(401)
            return redirect("%s?next=%s" % (self.url, quote(req.url, "/")))

        return guarded

    def next_path(self, req, default="/"):
        """Where to go after the login: the field `next` of the form or query, if that is a path of this server, else `default`."""
        path = req.has_form and req.form.get("next") or req.args.get("next") or ""
        return path if is_local(path) else default


def is_local(path):
    """Whether a browser stays on this server when it is sent to `path`. (It takes a backslash for a slash, "//x" for the server x, and
    leaves out control characters. What a gateway makes of their escapes is not known.)"""
    if path[:1] != "/" or "\\" in path:
        return False
    for x in path.encode():  # (of str MicroPython would intern each character for good)
        if not 32 < x < 127:
            return False
    decoded = bytes(percent_decode(path.encode()))
    return decoded[1:2] not in (b"/", b"\\") and min(decoded) > 31
