# Sessions: `req.session`, a dict for each browser, kept in a cookie that only this server can make (cookies.py). The board stores nothing
# but the ids of sessions that have ended before their time, so that an old cookie cannot bring one back.
#
#     Sessions(app, KEY)
#     @app.get("/count")
#     def count(req):
#         req.session["n"] = req.session.get("n", 0) + 1
import json
from binascii import hexlify
from os import urandom
from time import time

from ..http.field_names import spelled
from ..http.json_writer import dumps
from .cookies import Signed, set_cookie

_COOKIE = const(4000)  # bytes: browsers refuse cookies of more than 4,096, attributes included


class Session:
    """What `req.g["session"]` is: the dict `data`, which is `req.session`, and the session's `id`."""

    def __init__(self, id, data, text):
        self.id = id
        self.data = data
        self.text = text  # the dict as the browser has it, JSON; None: it has no cookie
        self.is_renewed = False


class Sessions:
    """Gives the requests of `app` a `session`: a dict of what JSON can express, in the loop and in workers. It is sent when it has changed,
    as a cookie that the browser can read but not change; an empty one deletes the cookie.

    `keys`: see `Signed`; without one a random key is made, and a restart ends all sessions. A session ends `max_age` seconds after its last
    change. Up to `most_ended` sessions can be ended early within that time; for one more, all end that have not changed since the first of
    these was ended.
    Other arguments are those of `set_cookie`. Add it before hooks that use the session. ValueError as for `Signed`; an answer with a
    session of more than 4,000 bytes is a ValueError too, and so a 500.
    """

    def __init__(self, app, *keys, name="session", max_age=86400, most_ended=64, **attributes):
        self.signed = Signed(*(keys or (urandom(16),)), max_age=max_age)
        self.name = name
        self.max_age = max_age
        self.most_ended = most_ended
        self.attributes = attributes
        self.ended = {}  # {id: when it ended, in seconds}
        self.valid_from = 0  # cookies that were made earlier do not count
        app.before_request(self.load)
        app.after_request(self.save)

    def load(self, req):
        """The before hook."""
        text = self.signed.get(req, self.name)
        session = Session(new_id(), {}, None if text is None else "")
        try:
            id, made_at, text = (text or "").split(" ", 2)
            if id not in self.ended and int(made_at) >= self.valid_from:
                session = Session(id, json.loads(text), text)
        except ValueError:  # none, or not a session's
            pass
        req.g["session"] = session

    def save(self, req, response):
        """The after hook."""
        session = req.g.get("session")
        if session is None:
            return
        text = dumps(session.data)
        if session.data and (session.is_renewed or text != session.text):
            self.signed.set(response, self.name, "%s %d %s" % (session.id, time(), text), **self.attributes)
            if len(response.cookies[-1]) > _COOKIE:
                raise ValueError("session of %d bytes as a cookie: at most 4000" % len(response.cookies.pop()))
        elif not session.data and session.text is not None:
            set_cookie(response, self.name, "", 0, **self.attributes)
        else:
            return
        response.headers.setdefault(spelled(response.headers, "Cache-Control"), "no-store")

    def renew(self, req):
        """Empty the request's session and give it a new id; the old one is not valid any more. For the moments when a user's rights change.
        Loop's thread."""
        session = req.g["session"]
        session.data.clear()
        if session.text:
            self.end(session.id)
        session.id = new_id()
        session.is_renewed = True

    def end(self, id):
        """End the session with this id (`req.g["session"].id`) wherever it is used. Loop's thread."""
        now = int(time())
        ended = self.ended
        for old in list(ended):
            if now - ended[old] > self.max_age:
                del ended[old]
        while len(ended) >= self.most_ended:
            oldest = min(ended, key=ended.get)  # pyright: ignore
            self.valid_from = ended.pop(oldest) + 1
        ended[id] = now


def new_id():
    """An id that nobody can guess."""
    return hexlify(urandom(16)).decode()
