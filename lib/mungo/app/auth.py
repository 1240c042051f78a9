# Who asks? Hooks that answer 401 before a handler runs: in the loop, so that it costs no worker. RFC 9110 section 11, RFC 7617, RFC 6750.
#
#     app.before_request(Basic({"anna": "her password"}))
#
# protects all routes of an App and of what is mounted in it; to protect some, mount an App that has the hook.
from binascii import a2b_base64

from .digest import same
from .response import abort


class Auth:
    """What Basic and Bearer share: `hook(req)` sets `req.user`, or aborts with 401.

    `realm` is what the client shows its user. ValueError if it can't be quoted.
    """

    kind = extra = wrong = ""

    def __init__(self, known, realm="mungo"):
        for x in realm:
            if x < " " or x > "~" or x in '"\\':
                raise ValueError("realm %r: want printable ASCII without quotes" % realm)
        self.known = known
        self.challenge = '%s realm="%s"%s' % (self.kind, realm, self.extra)

    def __call__(self, req):
        kind, _, text = req.headers.get("Authorization", "").partition(" ")
        challenge = self.challenge
        if kind.lower() == self.kind.lower():
            user = self.find(text.strip(" "))
            if user:
                req.user = user
                return
            challenge += self.wrong
        abort(401, None, {"WWW-Authenticate": challenge})

    def find(self, text):
        """Whose credentials these are, or None."""

    def look(self, given, secret):
        """Look at all that are known, whichever it is: `secret(name)` is what `given` is compared with. The name, or None."""
        found = None
        for name in self.known:
            if same(given, secret(name)):
                found = name
        return found


class Basic(Auth):
    """A hook for Basic authentication. `known` is a dict, name: password (str), or a function of name and password that returns the user,
    which is not false, or None; `digest.same` compares passwords for it. `req.user` is the name, or what the function returns.

    The password is readable to whoever can listen: use TLS, or a network that is your own. ValueError: a name with a colon.
    """

    kind = "Basic"
    extra = ', charset="UTF-8"'

    def __init__(self, known, realm="mungo"):
        super().__init__(known, realm)
        if not callable(known) and ":" in "".join(known):
            raise ValueError("a name has a colon")

    def find(self, text):
        """The user of these credentials, base64 of name:password."""
        try:
            text = str(a2b_base64(text), "utf-8")
        except ValueError:  # and UnicodeError, which is one
            return None
        name, colon, password = text.partition(":")
        if callable(self.known):
            return self.known(name, password) if colon else None
        return self.look(text, lambda name: name + ":" + self.known[name])


class Bearer(Auth):
    """A hook for Bearer tokens. `known` is a dict, token: user, or a function of the token that returns the user or None."""

    kind = "Bearer"
    wrong = ', error="invalid_token"'

    def find(self, text):
        """The user with this token."""
        if callable(self.known):
            return self.known(text)
        return self.known.get(self.look(text, str))
