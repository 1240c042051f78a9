"""Pages for members: sessions, a login, protection against forged requests and guessed passwords, pages from templates.

Open http://localhost:8000/ and log in as anna, with the password "rose". Or see what others get:

    curl -i localhost:8000/notes
    curl -i -d 'name=anna&password=tulip' localhost:8000/login

The pages are compiled: .venv/bin/python tools/templates.py firmware/apps/members/page_*.html
"""
import mungo
import pages
import settings
from mungo.app import redirect
from mungo.app.csrf import Csrf
from mungo.app.digest import same
from mungo.app.login import Login
from mungo.app.rate_limit import RateLimit
from mungo.app.secure_headers import SecureHeaders
from mungo.app.sessions import Sessions

from .page_login import page_login
from .page_notes import page_notes

PASSWORDS = {"anna": "rose", "bob": "lily"}  # an example's: yours are in a file that is not in the repository

app = mungo.App()
app.html = True
app.log = print
sessions = Sessions(app)  # its key is made anew at each start, which ends all sessions; give it one to keep them
csrf = Csrf(app)
login = Login(sessions)
SecureHeaders(app)
tries = RateLimit(5)  # in a minute, from one address
notes = {name: [] for name in PASSWORDS}
app.get("/style.css")(pages.style)


@app.get("/")
def index(req):
    return redirect(app.url_for(list_notes))


@app.get("/login")
def ask(req, error=""):
    return page_login(token=csrf.token(req), next=login.next_path(req, app.url_for(list_notes)), error=error)


@app.post("/login")
def enter(req):
    tries(req)
    name = req.form.get("name", "")
    if same(req.form.get("password", ""), PASSWORDS.get(name, "")) and name in PASSWORDS:
        login.login(req, name)
        return redirect(login.next_path(req, app.url_for(list_notes)), 303)
    return ask(req, "Name or password is wrong."), 403


@app.post("/logout")
def leave(req):
    login.logout(req)
    return redirect(app.url_for(ask), 303)


@app.get("/notes")
@login.required
def list_notes(req):
    return page_notes(
        user=req.user, notes=notes[req.user], token=csrf.token(req), add_url=app.url_for(add_note), leave_url=app.url_for(leave)
    )


@app.post("/notes")
@login.required
def add_note(req):
    mine = notes[req.user]
    mine.append(req.form.get("text", "")[:100])
    del mine[:-20]  # a board has little memory
    return redirect(app.url_for(list_notes), 303)


def main():
    app.run(settings.HOST, settings.PORT, bell=settings.BELL, **settings.LIMITS)
