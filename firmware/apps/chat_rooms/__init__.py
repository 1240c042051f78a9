"""Chat rooms: WebSockets, server-sent events and plain requests, in the same rooms. A worker says the time in each.

Open http://localhost:8000/ in two windows, and look on from a terminal:

    curl -N localhost:8000/rooms/kitchen/events
    curl -d 'the soup is ready' localhost:8000/rooms/kitchen
"""
import mungo
import settings
from mungo.app import abort
from mungo.app.rooms import Room

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Rooms</title>
<h1 id="name"></h1>
<ul id="lines"></ul>
<form id="form"><input id="line" placeholder="say something" autocomplete="off" autofocus></form>
<script>
const find = id => document.getElementById(id), name = location.hash.slice(1) || "kitchen";
const show = text => find("lines").appendChild(document.createElement("li")).textContent = text;
find("name").textContent = name;
const chat = new WebSocket(location.origin.replace("http", "ws") + "/rooms/" + encodeURIComponent(name));
chat.onmessage = event => show(event.data);
chat.onclose = event => show("gone (" + event.code + ")");
find("form").onsubmit = event => { event.preventDefault(); chat.send(find("line").value); find("line").value = ""; };
onhashchange = () => location.reload();
</script>
</html>
"""
MOST = 8  # rooms

app = mungo.App()
rooms = {}  # {name: Room}


def room_of(name):
    """The room of this name."""
    if name not in rooms:
        for known in [known for known in rooms if not len(rooms[known])]:
            del rooms[known]
        if len(rooms) >= MOST:
            abort(503, "want at most %d rooms\n" % MOST)
        rooms[name] = Room()
    return rooms[name]


@app.get("/")
def index(req):
    return PAGE, {"Content-Type": "text/html; charset=UTF-8"}


@app.get("/rooms")
def list_rooms(req):
    return {name: len(rooms[name]) for name in rooms}


@app.websocket("/rooms/<name>")
def talk(req, ws, name):
    room = room_of(name)
    room.add(ws)
    while True:
        room.send((yield))


@app.events("/rooms/<name>/events")
def look_on(req, stream, name):
    room_of(name).add(stream)


@app.post("/rooms/<name>")
def say(req, name):
    room_of(name).send(req.body.decode())


def main():
    app.run(settings.HOST, settings.PORT, bell=settings.BELL, **settings.LIMITS)
