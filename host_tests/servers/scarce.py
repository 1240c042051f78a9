# An App of which little is loaded before it is asked for. /turns says how many turns the loop has made, and how often accept failed.

import mungo
import settings

app = mungo.App()
turns = [0]


@app.get("/")
def index(req):
    return "hi\n"


@app.get("/turns")
def count(req):
    return "%d %d" % (turns[0], mgr.stats["starved"])


@app.get("/worker", worker=True)
def work(req):
    return "done\n"


@app.get("/pieces", worker=True)
def pieces(req):
    for i in range(3):
        yield "%d\n" % i


@app.get("/stream")
def stream(req):
    return (piece for piece in ("a", "b"))


@app.get("/file")
def file(req):
    with open("README.md") as opened:
        return opened.readline()


mgr = mungo.Manager(ask_ms=600000, busy_ms=600000)  # no connection is idle, which would make room
app.attach(mgr, "http://%s:%d" % (settings.HOST, settings.PORT))
print("listening on port", settings.PORT)
while mgr.poll(1000):
    turns[0] += 1
