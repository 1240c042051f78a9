"""A chat over WebSockets: every open page shows all messages.

    open http://localhost:8000/ in two windows
    curl -i -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 8' localhost:8000/chat
"""
import mungo
import mungo.ws as ws
import pages
import settings

app = mungo.App(workers=settings.WORKERS)
pages.add(app, __file__)
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


def main():
    app.run(settings.HOST, settings.PORT, bell=settings.BELL, **settings.LIMITS)
