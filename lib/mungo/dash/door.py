# The routes of a dashboard in its App: the page, and one for all below /api, which loads what answers.
#
# The real routes below /api are those of an App of their own, `api`, and are made when a request asks for them. Before hooks of `api`
# look who asks, and whether another site's page has sent it.
import os
import sys

from ..app.csrf import Csrf
from ..app.response import HttpError
from ..app.routing import Route
from ..http.json_writer import dumps
from .widgets import LEVELS, abort

_PAGE = const("/www/dash")  # where the page is, beside the modules
_FOR_GOOD = const("max-age=31536000, immutable")  # files beside the page have names that tell their content
_USERS = ("session", "login", "logout", "users")  # what is below /api, and users.py has

PARTS = ("", "live", "rest", "users", "openapi.json", "files")  # what `load` takes

_FIELDS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Who:
    """Who sends a request: the `user`, a name or None; the `level`; the CSRF `token` and the `id` of the session, if there is one."""

    def __init__(self, user=None, level=0, token=None, id=None):
        self.user = user
        self.level = level
        self.token = token
        self.id = id


class NoSession:
    """In the place of a session while there are no users."""

    data = {}


class ApiRoute(Route):
    """All below /api. Its `option` is the Door."""

    def answer(self, c, req):
        """Have the route of `api` answer, if the user may. Loop's thread, after the before hooks."""
        door: Door = self.option  # pyright: ignore
        req.route, req.values = door.api.routes.find(door.api, req.hm)
        route = req.route
        try:
            door.check(req, getattr(route, "option", 1))
            if getattr(route, "needs_workers", False):
                door.dash.users.limit(req)
            route.answer(c, req)
        except HttpError as er:
            c.respond(req, er)


class Door:
    """The routes of `dash`; those below /api are in the App `api`."""

    def __init__(self, dash, api, path, www):
        self.dash = dash
        self.www = www or find_page()
        self.loaded = []
        self.api = api
        api.before_request(self.enter)
        self.csrf = Csrf(api, dash.origins)
        api.after_request(explain)
        dash.app.get(path)(self.page)
        dash.app.get("/dash/<path:rest>")(self.page)

    def page(self, req, rest=""):
        """A handler: the page, or a file beside it."""
        if self.www is None:
            return "The page is not on this device: want www/dash/index.html. /api/state has the state.\n", 404
        from ..http.files import send

        headers = dict(_FIELDS)
        headers["Cache-Control"] = _FOR_GOOD if rest else "no-cache"
        return send(self.www, rest or "index.html", headers=headers)

    def open(self):
        """Add the route of all below /api, after the program's own."""
        app = self.dash.app
        for method in ("GET", "PUT", "POST", "DELETE"):
            if method + " /api/<path" not in app.routes.shapes:
                route = ApiRoute("/api/<path:rest>", None, (app, self.api))
                route.option = self
                app.add(method, route)

    def route(self, method, path, fn, level=1, kind=Route):
        """Add a route below /api for users of this level: 0 is everybody."""
        route = kind("/api" + path, fn, (self.dash.app, self.api))
        route.option = level
        self.api.routes.add(method, route)

    def load(self, name):
        """Load the routes for what begins with /api/NAME."""
        if not name:
            from ..http import files  # noqa: F401  (for the page)

            return
        if name in _USERS:
            self.dash.load_users()
            name = "users"
        elif name == "live":
            from .live import open
        elif name == "openapi.json":
            from .openapi import open
        elif name == "files" and self.dash.has_files:
            from .folder import open
        else:
            from .rest import open

            name = "rest"
        if name not in self.loaded:
            self.loaded.append(name)
            if name != "users":
                open(self)

    def enter(self, req):
        """The before hook: who asks."""
        self.load((req.hm.uri + "/").split("/")[2])
        users = self.dash.users
        if users is None:
            req.g["session"] = NoSession
            req.g["who"] = Who(level=3)
        else:
            req.g["who"] = users.enter(req)

    def check(self, req, level):
        """Raise HttpError if who asks may not do what needs this level."""
        who = req.g["who"]
        if who.level < level:
            if who.user is None:
                abort(401, "log in first")
            abort(403, "this needs a user of the level %s" % LEVELS[level])


def explain(req, response):
    """The after hook: errors are JSON."""
    if response.status >= 400 and isinstance(response.body, str) and response.content_type != "application/json":
        response.body = dumps({"error": response.body.rstrip("\n")})
        response.content_type = "application/json"
        response.headers.pop("Content-Type", None)


def find_page():
    """The folder with the page; None if there is none."""
    for folder in sys.path:
        if exists(folder + _PAGE):
            return folder + _PAGE


def exists(path):
    """Whether there is a file or folder of this name."""
    try:
        os.stat(path)
        return True
    except OSError:
        return False
