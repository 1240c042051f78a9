# microdot as its documentation starts: one route that returns a str. It answers HTTP/1.0 and always closes.

import os
import time

from control import report
from microdot import Microdot

app = Microdot()


@app.get("/")
async def index(request):
    return "hi\n"


@app.get("/slow")
def slow(request):
    time.sleep(2)
    return "hi\n"


@app.get("/mem")
async def mem(request):
    return report("/mem")


@app.get("/collect")
async def collect(request):
    return report("/collect")


app.run(host="127.0.0.1", port=int(os.getenv("PORT")))
