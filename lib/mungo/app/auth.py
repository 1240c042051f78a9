# Authentication: hooks that answer 401 before a handler runs, in the loop, so that a refusal costs no worker. RFC 9110 section 11,
# RFC 7617 (Basic), RFC 6750 (Bearer).
#
#     app.before_request(Basic({"anna": "her password"}))
#
# protects all routes of an App and of the Apps that are mounted in it. To protect some routes, mount an App that has the hook.
from binascii import a2b_base64

from ..core import utf8
from .digest import same
from .response import abort


class Auth:
    """What Basic and Bearer share. As a hook, it sets `req.user`, or aborts with 401.

    `realm` is what the client shows its user. Raises ValueError for a realm that can't be quoted.
    """

    scheme = ""  # of the Authorization field
    parameters = ""  # of the challenge
    failure = ""  # added to the challenge when there were credentials, but wrong ones

    def __init__(self, known, realm="mungo"):
        for x in realm:
            if x < " " or x > "~" or x in '"\\':
                raise ValueError("realm %r: want printable ASCII without quotes" % realm)
        self.known = known
        self.challenge = '%s realm="%s"%s' % (self.scheme, realm, self.parameters)

    def __call__(self, req):
        scheme, _, text = req.headers.get("Authorization", "").partition(" ")
        challenge = self.challenge
        if scheme.lower() == self.scheme.lower():
            user = self.find(text.strip(" "))
            if user:
                req.user = user
                return
            challenge += self.failure
        abort(401, None, {"WWW-Authenticate": challenge})

    def find(self, text):
        """The user with these credentials (str), or None."""

    def find_secret(self, given, secret):
        """The name among all known ones whose `secret(name)` is `given`, or None. It compares with all of them, so the time does not tell
        which one it is."""
        found = None
        for name in self.known:
            if same(given, secret(name)):
                found = name
        return found


class Basic(Auth):
    """A hook for Basic authentication. `known` is a dict, {name: password} (str), or a function of name and password that returns the user
    (anything true), or None; `digest.same` compares passwords for it. `req.user` is the name, or what the function returns.

    Whoever can listen can read the password: use TLS, or a network of your own. Raises ValueError for a name with a colon.
    """

    scheme = "Basic"
    parameters = ', charset="UTF-8"'

    def __init__(self, known, realm="mungo"):
        super().__init__(known, realm)
        if not callable(known) and ":" in "".join(known):
            raise ValueError("a name has a colon")

    def find(self, text):
        """The user with these credentials, base64 of name:password, or None."""
        try:
            text = utf8.text(a2b_base64(text))
        except ValueError:
            return None
        name, colon, password = text.partition(":")
        if callable(self.known):
            return self.known(name, password) if colon else None
        return self.find_secret(text, lambda name: name + ":" + self.known[name])


class Bearer(Auth):
    """A hook for Bearer tokens. `known` is a dict, {token: user}, or a function of the token that returns the user, or None."""

    scheme = "Bearer"
    failure = ', error="invalid_token"'

    def find(self, text):
        """The user with this token, or None."""
        if callable(self.known):
            return self.known(text)
        return self.known.get(self.find_secret(text, str))
