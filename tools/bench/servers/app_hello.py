# mungo by its App: one route that returns a str; and for the slow table a route whose handler blocks, in a pool of 4 with a queue of 8.

import os
import time

from control import report

import mungo

app = mungo.App(workers=4, queue=8)


@app.get("/")
def index(req):
    return "hi\n"


@app.get("/slow", worker=True)
def slow(req):
    time.sleep(2)
    return "hi\n"


@app.get("/mem")
def mem(req):
    return report("/mem")


@app.get("/collect")
def collect(req):
    return report("/collect")


app.run("127.0.0.1", int(os.getenv("PORT")))
