# The requests for the files of a folder: a list, uploads, downloads, deleting.
import os

from ..http import upload
from ..http.files import send
from ..http.folder import entries
from ..http.wholefile import WholeFile
from ..port.flash import flash
from .widgets import abort


def receive(door, limit, req, name):
    """The generator of an upload."""
    door.check(req, 2)
    if "/" in name or "\\" in name:
        abort(400, "want no folder")
    up = yield from upload.receive(req, WholeFile, door.folder, name, limit=limit)
    return {"name": up.files[0].name, "size": up.offset}, 201


def open(door):
    """Add the other routes, and remove what a power cut has left."""
    folder = door.folder
    upload.clean(folder)

    def list(req):
        if not flash.begin():
            abort(503, "a worker uses the flash: try again")
        try:
            found = [{"name": name, "size": os.stat(folder + "/" + name)[6]} for name in names(folder)]
            return {"files": found, "free": upload.free_bytes(folder)}
        finally:
            flash.end()

    def get(req, name):
        return send(folder, name, download_as=name, headers={"Content-Security-Policy": "sandbox"})

    def delete(req, name):
        if not flash.begin():
            abort(503, "a worker uses the flash: try again")
        try:
            if name not in names(folder):
                abort(404, "no such file")
            os.remove(folder + "/" + name)
        finally:
            flash.end()

    door.route("GET", "/files", list)
    door.route("GET", "/files/<name>", get)
    door.route("DELETE", "/files/<name>", delete, 2)


def names(folder):
    """The files in it that are no longer being written, in their order."""
    return sorted([entry[0] for entry in entries(os.ilistdir(folder)) if entry[1] & 0x8000 and entry[0][0] != "."])
