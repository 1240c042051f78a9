"""A small site from a folder: a page with a dozen assets, some of which have a gzip twin.

    curl -i localhost:8000/
    curl -i --compressed localhost:8000/style.css
    curl -i -r 0-99 localhost:8000/story.txt
    curl -i localhost:8000/docs
    curl -i localhost:8000/list/

`gzip -k9n` makes the twins: repeat it when a file changes. `tools/pack.py` makes a module of the folder, which can be frozen into a
firmware; `files.send` takes this module in place of the folder's name.
"""
import mungo
import settings
from mungo.http import files

app = mungo.App()
WWW = __file__.rsplit("/", 1)[0] + "/www"


@app.get("/api/fast")
def fast(req):
    return "hi\n"


@app.get("/list/<path:rest>")  # the files of the folder, without the index pages
def listing(req, rest):
    return files.send(WWW, rest, index="", listing=True)


@app.get("/<path:rest>")
def assets(req, rest):
    # Pictures seldom change. For other files the browser asks each time, and mostly gets 304.
    cache = "max-age=86400" if rest.endswith((".svg", ".png")) else "no-cache"
    return files.send(WWW, rest, headers={"Cache-Control": cache})


@app.errorhandler(404)
def missing(req, error):
    return "There is no %s here.\n" % req.path


def main():
    app.run(settings.HOST, settings.PORT, bell=settings.BELL, **settings.LIMITS)
