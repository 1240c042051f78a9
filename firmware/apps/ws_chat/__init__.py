"""A chat over WebSockets: every open page shows all messages.

    open http://localhost:8000/ in two windows
    curl -i -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 8' localhost:8000/chat
"""
import mungo
import mungo.ws as ws
import settings

PAGE = """<!DOCTYPE html>
<meta name="viewport" content="width=device-width"><title>mungo chat</title>
<ul id="lines"></ul>
<form id="form"><input id="line" placeholder="say something" autocomplete="off" autofocus disabled></form>
<script>
const lines = document.getElementById("lines"), line = document.getElementById("line");
function show(text) { lines.appendChild(document.createElement("li")).textContent = text; }
function open() {
  const chat = new WebSocket("ws://" + location.host + "/chat");
  chat.onopen = () => { line.disabled = false; };
  chat.onmessage = event => show(event.data);
  chat.onclose = event => { line.disabled = true; show("gone (" + event.code + ")"); setTimeout(open, 1000); };
  document.getElementById("form").onsubmit = event => { event.preventDefault(); chat.send(line.value); line.value = ""; };
}
open();
</script>
"""

app = mungo.App(workers=settings.WORKERS)
people = []


def chat(c, ev, data, fn_data):
    if ev == mungo.EV_WS_OPEN:
        people.append(c)
        ws.broadcast(people, "%d here" % len(people))
    elif ev == mungo.EV_WS_MSG:
        ws.broadcast(people, data)
    elif ev == mungo.EV_CLOSE and c in people:
        people.remove(c)
        ws.broadcast(people, "%d here" % len(people))


@app.get("/chat")
def join(req):
    return lambda c, hm: ws.upgrade(c, hm, chat)


@app.get("/people")
def count(req):
    return {"people": len(people)}


@app.get("/")
def page(req):
    return PAGE, 200, {"Content-Type": "text/html; charset=UTF-8"}


def main():
    app.run(settings.HOST, settings.PORT, bell=settings.BELL, **settings.LIMITS)
