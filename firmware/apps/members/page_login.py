# Made by tools/templates.py from page_login.html: change that.
from mungo.app.html import escape


def page_login(*, error, token, next):
    yield '<!doctype html>\n<html lang="en">\n<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Members</title>\n<link rel="stylesheet" href="/style.css">\n<main>\n\n<h1>Members</h1>\n<p>Sessions, a login, and protection against forged requests and guessed passwords. Log in as anna, with the password rose.</p>\n'
    if error:
        yield '\n<p class="note" role="alert">%s</p>\n' % (escape(error),)
    yield '\n<form method="post">\n<input type="hidden" name="csrf_token" value="%s">\n<input type="hidden" name="next" value="%s">\n<label>Name <input class="wide" name="name" autocomplete="username" required autofocus></label>\n<label>Password <input class="wide" name="password" type="password" autocomplete="current-password" required></label>\n<p><button>Log in</button></p>\n</form>\n<h2>In a terminal</h2>\n<pre>curl -i localhost:8000/notes\ncurl -i -d \'name=anna&amp;password=tulip\' localhost:8000/login</pre>\n<p class="soft">Both are refused: the first has no session, the second has no token, and a wrong password.</p>\n\n</main>\n</html>\n' % (escape(token), escape(next),)
