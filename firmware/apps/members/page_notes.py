# Made by tools/templates.py from page_notes.html: change that.
from mungo.app.html import escape


def page_notes(*, user, notes, add_url, token, leave_url):
    yield '<!doctype html>\n<html lang="en">\n<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Notes of %s</title>\n<link rel="stylesheet" href="/style.css">\n<main>\n\n<h1>Notes of %s</h1>\n<p>Only you see these. They are in memory, so they last until the server ends.</p>\n<ul>\n' % (escape(user), escape(user),)
    _rows1 = list(notes)
    for note in _rows1:
        yield '\n<li>%s</li>\n' % (escape(note),)
    if not _rows1:
        yield '\n<li>none yet</li>\n'
    yield '\n</ul>\n<form method="post" action="%s">\n<input type="hidden" name="csrf_token" value="%s">\n<label>A note <input class="wide" name="text" maxlength="100" required autofocus></label> <button>Add</button>\n</form>\n<form method="post" action="%s">\n<input type="hidden" name="csrf_token" value="%s">\n<button>Log out</button>\n</form>\n\n</main>\n</html>\n' % (escape(add_url), escape(token), escape(leave_url), escape(token),)
