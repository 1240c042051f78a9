"""A JSON API: checked input, errors as problem details, pages of a list, ETags, other origins.

    curl -i localhost:8000/notes -H 'Content-Type: application/json' -d '{"text": "water the plants", "tags": ["garden"]}'
    curl -i 'localhost:8000/notes?limit=2'
    curl -i localhost:8000/notes -H 'Content-Type: application/json' -d '{"text": 5}'
    PYTHONPATH=firmware .venv/bin/python tools/openapi.py apps.notes_api:app
"""
import mungo
import settings
from mungo.app import abort
from mungo.app.checks import check
from mungo.app.etags import ETags
from mungo.app.paging import page
from mungo.app.problems import Problems
from mungo.cors import Cors

NOTE = {"text": (str, 1, 100), "tags?": [str], "stars?": (int, 0, 5)}
MOST = 50

app = mungo.App()
Problems(app)
ETags(app)
Cors(app, "*")
notes = {}  # {id: note}
last_id = 0


@app.get("/notes")
def list_notes(req):
    """All notes, page by page."""
    return page(req, [notes[id] for id in sorted(notes)])


@app.post("/notes")
def add(req):
    """Add a note."""
    global last_id
    note = check(req.json, NOTE)
    if len(notes) >= MOST:
        abort(507, "want at most %d notes\n" % MOST)
    last_id += 1
    note["id"] = last_id
    notes[last_id] = note
    return note, 201, {"Location": app.url_for(get, id=last_id)}


@app.get("/notes/<int:id>")
def get(req, id):
    """One note."""
    return notes.get(id) or abort(404)


@app.put("/notes/<int:id>")
def change(req, id):
    """Put another note in its place."""
    get(req, id)
    notes[id] = dict(check(req.json, NOTE), id=id)
    return notes[id]


@app.delete("/notes/<int:id>")
def remove(req, id):
    """Remove a note."""
    get(req, id)
    del notes[id]


def main():
    app.run(settings.HOST, settings.PORT, bell=settings.BELL, **settings.LIMITS)
