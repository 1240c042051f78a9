# Nothing that each request asks for names has a full dict, see docs/internals.md: ROOM.

from app_client import Served
from mungo.app import App

LANES = ("upy",)

SIZES = (1, 2, 4, 6, 8, 10, 12, 17, 23, 29, 37, 47, 59, 73, 97, 127)  # py/map.c of MicroPython


def full(names):
    # A large one is slow when it is nearly full: with 53 names in 59 places a missing one is compared with most of them.
    n = len(names)
    place = [size for size in SIZES if size >= n][0]
    return place == n and n > 8 or n > 50 and 8 * (place - n) < n


def classes_of(kind):
    found = [kind]
    for base in kind.__bases__:
        if base is not object:
            found += classes_of(base)
    return found


def test_no_dict_on_the_way_of_a_request_is_full():
    seen = {}
    app = App()

    @app.get("/")
    def index(req):
        for one in (req, req.c, req.hm, req.c.mgr, req.c.mgr.bell, req.c.recv):
            for kind in classes_of(type(one)):
                seen[kind.__name__] = kind.__dict__
        seen["a manager"] = req.c.mgr.__dict__
        return ""

    with Served(app) as site:
        assert site.ask("/").status == 200
    assert {"Connection", "HttpConnection", "AppConnection", "Exchange", "Loop", "Manager", "Request"} <= set(seen)
    found = [name for name in seen if full(seen[name])]
    assert not found, found
