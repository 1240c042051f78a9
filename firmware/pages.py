# Helpers for pages: those of the apps, and the board's own, which are the portal and safe mode.
import sys

import store

HTML = {"Content-Type": "text/html; charset=UTF-8"}
NO_STORE = {"Content-Type": "text/html; charset=UTF-8", "Cache-Control": "no-store"}


def find(name):
    """The content of a file of www/, the folder beside the modules, as bytes; None if it is not there."""
    for folder in sys.path:
        data = store.read("%s/www/%s" % (folder, name))
        if data is not None:
            return data


def add(app, file):
    """Give this App the page.html in the folder of `file` (the app's __file__) at /, and the style sheet of all pages."""
    app.get("/")(lambda req: (store.read(file.rpartition("/")[0] + "/page.html"), 200, HTML))
    app.get("/style.css")(style)


def style(req):
    """A handler: the style sheet of all pages."""
    return find("style.css") or "", 200, {"Content-Type": "text/css", "Cache-Control": "max-age=600"}


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
