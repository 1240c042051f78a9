# mungo by App: answers with a body, and an upload that is read in pieces. (app_hello.py has no upload, because an App with a stream
# route checks each request twice.)

import os

from control import CONTROL, FACTS, TEXT10K, TEXT100K, report

import mungo

app = mungo.App()


@app.get("/")
def index(req):
    return "hi\n"


@app.get("/json")
def facts(req):
    return FACTS


@app.get("/10k")
def text10k(req):
    return TEXT10K


@app.get("/100k")
def text100k(req):
    return TEXT100K


@app.post("/upload", stream=True)
def upload(req):
    size = 0
    while True:
        piece = yield req.stream
        if piece is None:
            return "%d\n" % size
        size += len(piece)


for path in CONTROL:
    app.get(path.decode())(lambda req: report(req.path))

app.run("127.0.0.1", int(os.getenv("PORT")))
