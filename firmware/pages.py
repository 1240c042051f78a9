# Helpers for the board's own pages: the portal and safe mode.
import sys

import store

NO_STORE = {"Content-Type": "text/html; charset=UTF-8", "Cache-Control": "no-store"}


def find(name):
    """The content of a file of www/, the folder beside the modules, as bytes; None if it is not there."""
    for folder in sys.path:
        data = store.read("%s/www/%s" % (folder, name))
        if data is not None:
            return data


def escape(text):
    """`text` escaped for HTML, in attributes too."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def is_foreign(req):
    """Whether a page of another site has sent this request. A form may post to any site, so the Origin header must be checked."""
    origin = req.headers.get("Origin")
    return origin is not None and origin != "http://" + req.headers.get("Host", "")


def stop_soon(req):
    """End this manager's loop in a second, after the response has been sent."""
    req.c.mgr.timer(1000, _stop, req.c.mgr)


def _stop(mgr):
    mgr.stop()
