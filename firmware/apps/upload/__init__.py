"""Stores files from a browser or from curl in flash, piece by piece: a file may be larger than memory.

    curl -F note=hello -F file=@photo.jpg localhost:8000/upload
    curl -T photo.jpg localhost:8000/files/
    curl localhost:8000/files

The page at / has a form with a progress bar. An interrupted upload can be resumed where it stopped:

    curl -I localhost:8000/files/photo.jpg                      # Upload-Offset: 70000, say
    curl -C 70000 -T photo.jpg localhost:8000/files/photo.jpg

Files go to the folder of the setting FOLDER. At the start the app removes incomplete uploads from it.
"""
import os

import mungo
import pages
import settings
from mungo.http import upload
from mungo.http.formdata import Form
from mungo.http.wholefile import WholeFile, offset

app = mungo.App()
pages.add(app, __file__)
LIMIT = 100000000  # bytes of an upload; the file system may have less room


@app.get("/files")
def files(req):
    names = [name for name in os.listdir(settings.FOLDER) if name[0] != "."]
    return [{"name": name, "size": os.stat(settings.FOLDER + "/" + name)[6]} for name in names]


@app.post("/upload", stream=True)
def form(req):
    up = yield from upload.receive(req, Form, settings.FOLDER, limit=LIMIT)
    return {"fields": up.fields, "files": [{"name": file.name, "size": file.size} for file in up.files]}


@app.put("/files/<name>", stream=True)
def put(req, name):
    up = yield from upload.receive(req, WholeFile, settings.FOLDER, name, limit=LIMIT)
    return "", 201 if up.is_whole else 202, {"Upload-Offset": up.offset}


@app.get("/files/<name>")
def so_far(req, name):
    return None, 204, {"Upload-Offset": offset(settings.FOLDER, name)}


def main():
    try:
        if not upload.stat(settings.FOLDER)[0]:
            os.mkdir(settings.FOLDER)
        upload.clean(settings.FOLDER)
    except OSError as er:
        raise settings.Wrong("FOLDER=%s: %r: want a folder that the app can write to, or a name for a new one" % (settings.FOLDER, er))
    app.run(settings.HOST, settings.PORT, bell=settings.BELL, **settings.LIMITS)
