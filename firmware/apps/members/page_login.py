# Made by tools/templates.py from page_login.html: change that.
from mungo.app.html import escape


def page_login(*, error, token, next):
    yield '<!doctype html>\n<html lang="en">\n<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Members</title>\n<link rel="stylesheet" href="/style.css">\n<main>\n\n<h1>Members</h1>\n'
    if error:
        yield '\n<p role="alert">%s</p>\n' % (escape(error),)
    yield '\n<form method="post">\n<input type="hidden" name="csrf_token" value="%s">\n<input type="hidden" name="next" value="%s">\n<label>Name <input name="name" autocomplete="username" required autofocus></label>\n<label>Password <input name="password" type="password" autocomplete="current-password" required></label>\n<button>Log in</button>\n</form>\n\n</main>\n</html>\n' % (escape(token), escape(next),)
