# What the board's own pages share, the portal's and safe mode's.
import sys

import store

NO_STORE = {"Content-Type": "text/html; charset=UTF-8", "Cache-Control": "no-store"}


def find(name):
    """The content of a file of www/, which is beside the modules; None if it was not copied."""
    for folder in sys.path:
        data = store.read("%s/www/%s" % (folder, name))
        if data is not None:
            return data


def escape(text):
    """`text` as it can stand in HTML, also in an attribute."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def is_foreign(req):
    """Whether another site's page has made a browser send this: forms need nobody's leave to post anywhere."""
    origin = req.headers.get("Origin")
    return origin is not None and origin != "http://" + req.headers.get("Host", "")


def stop_soon(req):
    """End this manager's loop, but let the answer go out before."""
    req.c.mgr.timer(1000, _stop, req.c.mgr)


def _stop(mgr):
    mgr.stop()
