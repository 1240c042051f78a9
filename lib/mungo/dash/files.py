# The files of a folder: a list, uploads, downloads, deleting.
import os

from ..app.body_streams import StreamRoute
from ..app.response import Response
from ..http import upload
from ..http.files import send
from ..http.folder import entries
from ..http.wholefile import WholeFile
from ..port.flash import flash
from .store import exists
from .widgets import refuse


def add(dash, folder, limit):
    """The files in `folder` are on a page of `dash`, see `Dash.files`."""
    folder = folder.rstrip("/")
    own = "/" + dash.folder.strip("./") + "/"
    if not folder or own.startswith("/" + folder.strip("./") + "/") or folder.strip("./") == "":
        raise ValueError("files in %r: want a folder of their own, and not around %r" % (folder, dash.folder))
    if not exists(folder):
        os.mkdir(folder)
    upload.clean(folder)
    dash.has_files = True
    door = dash.door

    def put(req, name):
        door.check(req, 2)
        up = yield from upload.receive(req, WholeFile, folder, name, limit=limit)
        return {"name": up.files[0].name, "size": up.offset}, 201

    def list(req):
        if not flash.begin():
            refuse(503, "a worker uses the flash: try again")
        try:
            found = [{"name": name, "size": os.stat(folder + "/" + name)[6]} for name in names(folder)]
            return {"files": found, "free": upload.free_bytes(folder)}
        finally:
            flash.end()

    def get(req, name):
        return send(folder, name, download_as=name, headers={"Content-Security-Policy": "sandbox"})

    def delete(req, name):
        if not flash.begin():
            refuse(503, "a worker uses the flash: try again")
        try:
            if name not in names(folder):
                refuse(404, "no such file")
            os.remove(folder + "/" + name)
        finally:
            flash.end()
        return Response("", 204)

    route = StreamRoute("/api/files/<name>", put, (dash.app, door.api))
    dash.app.add("PUT", route)
    door.route("GET", "/files", list)
    door.route("GET", "/files/<name>", get)
    door.route("DELETE", "/files/<name>", delete, 2)


def names(folder):
    """The files in it that are no longer being written, in their order."""
    return sorted([entry[0] for entry in entries(os.ilistdir(folder)) if entry[1] & 0x8000 and entry[0][0] != "."])
