"""An HTTP client inside the server: it fetches a URL every few seconds, and the page at / shows the answer.

    curl localhost:8000/last                    # the same as JSON
    URL=http://192.168.1.20/ make run APP=http_fetch
    URL=https://192.168.1.20/ TLS_CA=ca.pem make run APP=http_fetch

If the setting URL is empty, the app fetches its own /time. Client and server share the loop, and neither waits for the other.
"""
import time

import mungo
import pages
import settings

URL = settings.URL or "http://127.0.0.1:%d/time" % settings.PORT
TLS = mungo.Tls(ca=settings.TLS_CA) if settings.TLS_CA else None
last = {"url": URL, "count": 0, "status": None, "body": None, "error": None, "over": True}
app = mungo.App()
pages.add(app, __file__)
app.get("/last")(lambda req: last)
app.get("/time")(lambda req: "ticks_ms says %d\n" % time.ticks_ms())


def text(body):
    try:
        return body.decode()
    except UnicodeError:
        return "%d bytes, not text" % len(body)


def ask(mgr):
    if last["over"]:  # one request at a time
        mgr.http_connect(URL, came, headers={"Connection": "close"}, tls=TLS)


def came(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        last.update(status=hm.status, body=text(hm.body), error=None, count=last["count"] + 1)
    elif ev == mungo.EV_ERROR:
        last["error"] = hm
    last["over"] = ev == mungo.EV_CLOSE


def main():
    with mungo.Manager(bell=settings.BELL, **settings.LIMITS) as mgr:
        app.attach(mgr, "http://%s:%d" % (settings.HOST, settings.PORT))
        mgr.timer(settings.DELAY_MS, ask, mgr, repeat=True)
        print("http://%s:%d fetches %s" % (settings.HOST, settings.PORT, URL))
        while mgr.poll(1000):
            pass
