# mungo by App: a route that returns a str; a worker route that answers at once; and for the slow table a worker route that blocks. The
# pool has 4 workers and a queue of 8. (CONNS: another limit of connections than the default.)

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
