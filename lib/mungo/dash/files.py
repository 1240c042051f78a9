# The files of a folder are on a page. folder.py answers the requests; it is loaded by the first of them.
import os

from ..app.body_streams import StreamRoute
from .door import exists


def add(dash, folder, limit):
    """The files in `folder` are on a page of `dash`, see `Dash.files`."""
    folder = folder.rstrip("/")
    own = "/" + dash.folder.strip("./") + "/"
    if not folder or own.startswith("/" + folder.strip("./") + "/") or folder.strip("./") == "":
        raise ValueError("files in %r: want a folder of their own, and not around %r" % (folder, dash.folder))
    if not exists(folder):
        os.mkdir(folder)
    dash.has_files = True
    door = dash.door
    door.folder = folder

    def put(req, name):
        from .folder import receive

        return receive(door, limit, req, name)

    dash.app.add("PUT", StreamRoute("/api/files/<name>", put, (dash.app, door.api)))
