# Users with levels, their sessions, and the requests for them.
#
# users.json is {name: [level, what passwords.py keeps, generation]}. A session has the user's name and generation: whatever ends all
# sessions of a user (another password or level, "logout everywhere") counts that up, also for cookies that were made before a restart.
import os

from ..app.rate_limit import RateLimit
from ..app.sessions import Sessions
from ..app.worker_routes import WorkerRoute
from ..port.flash import flash
from .door import Who
from .passwords import hash_password, is_right
from .rest import body
from .store import read, write
from .widgets import LEVELS, abort

_NAME_CHARACTERS = const("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
_GUESSES = const(5)  # in a minute, from one address
_USERS = const(16)

_LEVEL = const(0)  # places in a user's list
_HASH = const(1)
_GENERATION = const(2)


class Users:
    """The users of `dash`. Loop's thread, where nothing else is said."""

    def __init__(self, dash):
        self.dash = dash
        self.door = door = dash.door
        self.path = dash.folder + "/users.json"
        with flash:
            self.known = read(self.path)
        keys = () if dash.key is None else (dash.key,)
        self.sessions = Sessions(door.api, *keys, name="dash", same_site="Strict")
        self.load_session = door.api.before.pop()  # `enter` calls it
        self.tries = RateLimit(_GUESSES)
        route = door.route
        route("GET", "/session", self.session, 0)
        route("POST", "/login", self.login, 0, WorkerRoute)
        route("POST", "/logout", self.logout, 1)
        route("GET", "/users", self.list, 3)
        route("PUT", "/users/<name>", self.put, 1, WorkerRoute)
        route("DELETE", "/users/<name>", self.delete, 3)

    # --- who asks

    def enter(self, req):
        """The Who of a request."""
        self.load_session(req)
        return self.who(req)

    def limit(self, req):
        """A password is to be compared or made: for all but admins an address has a few tries. Raises HttpError 429."""
        if req.g["who"].level < 3:
            self.tries(req)

    def who(self, req):
        """The Who of a request whose session is loaded."""
        if not self.known:
            return Who(level=3)
        data = req.session
        name = data.get("user")
        if name in self.known and self.known[name][_GENERATION] == data.get("gen"):
            return Who(name, self.known[name][_LEVEL], self.door.csrf.token(req), req.g["session"].id)
        data.clear()
        return Who(level=self.dash.guest)

    def begin(self, req, name):
        """From here on the request's session is that of this user."""
        self.sessions.renew(req)
        req.session["user"] = name
        req.session["gen"] = self.known[name][_GENERATION]
        req.g["who"] = self.who(req)

    def session(self, req):
        """A handler: who asks."""
        who = req.g["who"]
        return {"open": self.dash.is_open, "user": who.user, "level": LEVELS[who.level], "csrf": who.token}

    # --- handlers

    def login(self, req):
        """A handler, in a worker."""
        given = body(req)
        name = given.get("user")
        password = given.get("password")
        if not isinstance(name, str) or not isinstance(password, str) or len(password) > 64:
            abort(422, "want user and password, texts of at most 64 bytes")
        known = self.known
        user = known.get(name)
        others = list(known.values())  # (a name that nobody has takes as long)
        if not others or not is_right(password, (user or others[0])[_HASH]) or user is None:
            abort(401, "the name or the password is wrong")

        def enter(req, response):
            if self.known.get(name) is not user:
                return {"error": "try again"}, 409
            self.begin(req, name)
            return self.session(req)

        req.after_request(enter)
        return {}

    def logout(self, req):
        """A handler."""
        who = req.g["who"]
        if body(req).get("everywhere") is True:
            if who.user is not None:
                self.save(who.user, self.known[who.user][:_GENERATION] + [self.known[who.user][_GENERATION] + 1])
            self.close(who.user)
        else:
            self.sessions.renew(req)
            self.close(who.user, who.id)

    def list(self, req):
        """A handler: all users."""
        return [{"name": name, "level": LEVELS[self.known[name][_LEVEL]]} for name in sorted(self.known)]

    def put(self, req, name):
        """A handler, in a worker: make or change a user."""
        who = req.g["who"]
        given = body(req)
        user = self.known.get(name)
        level = given.get("level", LEVELS[user[_LEVEL]] if user else "admin")
        password = given.get("password")
        is_first = not self.known
        if not 0 < len(name) <= 32 or name.strip(_NAME_CHARACTERS) or level not in LEVELS[1:]:
            abort(422, "want a name of 1 to 32 characters A-Z a-z 0-9 . _ -, and a level: read, operate or admin")
        if password is None and user is None or password is not None and not is_password(password):
            abort(422, "want a password of 8 to 64 bytes")
        if who.level < 3:
            old = given.get("old")
            if who.user != name or "level" in given or not isinstance(old, str) or len(old) > 64:
                abort(403, "want an admin, or the old password of this user")
            if not is_right(old, user[_HASH]):
                abort(403, "the old password is wrong")
        new = [3 if is_first else LEVELS.index(level), hash_password(password) if password else user[_HASH], 0]

        def keep(req, response):
            if self.known.get(name) is not user or is_first and self.known:
                return {"error": "another one has changed the users: try again"}, 409
            if user is None and len(self.known) >= _USERS:
                return {"error": "want at most %d users" % _USERS}, 409
            if user is not None and new[_LEVEL] < 3 and self.is_last_admin(name):
                return {"error": "this is the last admin"}, 409
            new[_GENERATION] = user[_GENERATION] + 1 if user else first_generation()
            self.save(name, new)
            self.close(None if is_first else name)
            if is_first or who.user == name:
                self.begin(req, name)
            return self.session(req) if is_first else {"name": name, "level": LEVELS[new[_LEVEL]]}

        req.after_request(keep)
        return {}

    def delete(self, req, name):
        """A handler: the user goes."""
        if name not in self.known:
            abort(404, "no such user")
        if self.is_last_admin(name):
            abort(409, "this is the last admin")
        self.save(name, None)
        self.close(name)

    # --- what they do

    def is_last_admin(self, name):
        """Whether nobody but this user is an admin."""
        return [one for one in self.known if self.known[one][_LEVEL] == 3] == [name]

    def save(self, name, user):
        """This is the user of this name from now on; None: there is none. Raises HttpError, and nothing has changed, if there is no room
        or a worker uses the flash."""
        known = dict(self.known)
        if user is None:
            del known[name]
        else:
            known[name] = user
        if not flash.begin():
            abort(503, {"error": "a worker uses the flash: try again"})  # (after hooks that raise have none behind them)
        try:
            write(self.path, known)
        except OSError as er:
            abort(507, {"error": "not saved: %s" % er})
        finally:
            flash.end()
        self.known = known

    def begin_with(self, name, password):
        """The first user, an admin. Raises HttpError if the flash has no room. It takes half a second: before the App is served."""
        self.save(name, [3, hash_password(password), first_generation()])

    def close(self, name, id=None):
        """Close the pages of this user, or of the session with this id."""
        for client in self.dash.clients[:]:
            if client.who.user == name and (id is None or client.who.id == id):
                client.close()


def is_password(value):
    """Whether it can be a new password."""
    return isinstance(value, str) and 8 <= len(value.encode()) <= 64


def first_generation():
    """A number that no former user of the same name has had."""
    return int.from_bytes(os.urandom(3), "big")
