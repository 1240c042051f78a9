# Cross-site request forgery: another site's page makes a browser send a request, with the cookies that the browser has for this server.
from binascii import hexlify
from os import urandom

from ..http.origin import is_own
from .digest import same
from .response import abort

_TOKEN = const("_csrf")  # its name in the session


class Csrf:
    """Refuses with 403 what pages of other sites make a browser send: requests by methods other than GET, HEAD, OPTIONS and TRACE whose
    Sec-Fetch-Site or, in older browsers, Origin names another site; and those that have neither, if they have a session with content but
    not its token. A wrong token is refused in any case.

    `token(req)` goes into a hidden field `csrf_token` of each form, or into the field X-CSRF-Token of a script's requests. `origins`: other
    sites that may send requests, ("https://a.example",). It adds a hook to `app`, after that of its Sessions.
    """

    def __init__(self, app, origins=()):
        self.origins = origins
        app.before_request(self.check)

    def token(self, req):
        """The token of this session, which is made when it is first asked for. Any thread."""
        token = req.session.get(_TOKEN)
        if token is None:
            token = req.session[_TOKEN] = hexlify(urandom(16)).decode()
        return token

    def check(self, req):
        """The before hook."""
        if req.method in ("GET", "HEAD", "OPTIONS", "TRACE"):
            return
        site = req.headers.get("Sec-Fetch-Site")
        origin = req.headers.get("Origin")
        is_ours = False
        if origin is None or origin not in self.origins:
            if site is not None:
                is_ours = site == "same-origin"
                if not is_ours and site != "none":
                    abort(403, "%s request\n" % site)
            if origin is not None:
                is_ours = is_own(origin.lower(), req.headers.get("Host", "").lower(), req.scheme == "https")
                if not is_ours:
                    abort(403, "request from %s\n" % origin)
        else:
            is_ours = True
        given = req.headers.get("X-CSRF-Token") or (req.form.get("csrf_token") if req.has_form else None)
        if given is None:
            if not is_ours and req.session:
                abort(403, "no CSRF token\n")
        elif not same(given, req.session.get(_TOKEN, "")) or not given:
            abort(403, "wrong CSRF token\n")
