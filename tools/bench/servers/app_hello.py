# mungo by its App: one route that returns a str; one that a worker of the pool answers at once; and for the slow table one whose
# handler blocks, in a pool of 4 with a queue of 8. (CONNS: more connections than by default.)

import os
import time

from control import CONTROL, report

import mungo

app = mungo.App(workers=4, queue=int(os.getenv("QUEUE") or 8))


@app.get("/")
def index(req):
    return "hi\n"


@app.get("/work", worker=True)
def work(req):
    return "hi\n"


@app.get("/slow", worker=True)
def slow(req):
    time.sleep(2)
    return "hi\n"


for path in CONTROL:
    app.get(path.decode())(lambda req: report(req.path))

limits = {"max_conns": int(os.getenv("CONNS"))} if os.getenv("CONNS") else {}
app.run("127.0.0.1", int(os.getenv("PORT")), **limits)
