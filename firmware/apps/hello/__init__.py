"""The smallest App: two handlers that run in the loop, and a slow one that runs in a worker.

    curl localhost:8000/fast
    curl 'localhost:8000/hello/you?times=2'
    curl localhost:8000/slow

With the setting TLS=1 it serves https: see docs/names-tls.md.
"""
import time

import mungo
import settings

app = mungo.App(workers=settings.WORKERS)


@app.get("/fast")
def fast(req):
    return "hi\n"


@app.get("/hello/<name>")
def hello(req, name):
    return "hello, %s\n" % name * min(int(req.args.get("times", "1")), 100)


@app.errorhandler(ValueError)
def not_a_number(req, error):
    return "times: want a whole number\n", 400


@app.get("/slow", worker=True)  # runs in a thread, so the loop goes on answering other requests
def slow(req):
    time.sleep_ms(settings.DELAY_MS)
    return "hi, at last\n"


def main():
    tls = mungo.Tls(cert=settings.TLS_CERT, key=settings.TLS_KEY) if settings.TLS else None
    app.run(settings.HOST, settings.PORT, tls=tls, bell=settings.BELL, **settings.LIMITS)
