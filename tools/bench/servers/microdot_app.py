# microdot as at the start of its documentation: a route that returns a str, and others. It answers with HTTP/1.0 and always closes.

import os
import time

from control import FACTS, TEXT10K, TEXT100K, report
from microdot import Microdot, Request

Request.max_content_length = 1000000  # the default is 16 KB; larger bodies come as a stream
app = Microdot()


@app.get("/")
async def index(request):
    return "hi\n"


@app.get("/json")
async def facts(request):
    return FACTS


@app.get("/10k")
async def text10k(request):
    return TEXT10K


@app.get("/100k")
async def text100k(request):
    return TEXT100K


@app.post("/upload")
async def upload(request):
    size = 0
    while size < request.content_length:
        size += len(await request.stream.read(4096))
    return "%d\n" % size


@app.get("/slow")
def slow(request):
    time.sleep(2)
    return "hi\n"


@app.get("/mem")
async def mem(request):
    return report("/mem")


@app.get("/heap")
async def heap(request):
    return report("/heap")


@app.get("/collect")
async def collect(request):
    return report("/collect")


app.run(host="127.0.0.1", port=int(os.getenv("PORT")))
