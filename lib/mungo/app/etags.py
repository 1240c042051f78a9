# ETags of answers that handlers make, so that a client that has the same one already gets 304 (RFC 9110 sections 8.8.3 and 13.1.2).
from binascii import hexlify

from ..http.conditions import matches
from ..http.field_names import spelled
from ..http.header_lists import combined_value
from .digest import digest
from .response import Response


class ETags:
    """Gives the answers of `app` to GET and HEAD with status 200 whose body is str or bytes an ETag, a hash of the body, and sends 304
    without a body if the request's If-None-Match has it. The handler runs in any case; what is saved is the way to the client.

    It adds an after hook to `app`; `only(req)`, if it is given, says for which requests.
    """

    def __init__(self, app, only=None):
        self.only = only
        app.after_request(self.add)

    def add(self, req, response):
        """The after hook."""
        body = response.body
        if response.status != 200 or req.method not in ("GET", "HEAD") or not isinstance(body, (str, bytes)):
            return
        if self.only is not None and not self.only(req):
            return
        name = spelled(response.headers, "ETag")
        tag = response.headers.get(name)
        if tag is None:
            tag = '"%s"' % hexlify(digest(body)[:12]).decode()
            response.headers[name] = tag
        if matches(combined_value(req.headers, "if-none-match"), tag[2:] if tag[:2] == "W/" else tag, True):
            changed = Response("", 304, response.headers)
            changed.cookies = response.cookies
            return changed
