"""A reverse proxy: C1, the client's connection, is tied to C2, a connection to the backend, as the tutorial ties C1 to a worker.
The backend's answer goes out as it comes in, no faster than the client reads it; then both connections close.

    make run PORT=8001 &
    make run APP=reverse_proxy
    curl localhost:8000/fast"""
import mungo
import settings

PATIENCE_MS = 30000  # the longest wait for the first byte of the backend's answer
OURS = ("connection", "keep-alive", "te", "transfer-encoding", "upgrade", "expect", "content-length", "x-forwarded-for")


def unlink_conns(c1, c2):
    c1.timer.cancel()
    c1.fn_data = c2.fn_data = None
    c2.is_closing = True


# The backend's handler. c is C2; fn_data is C1, or None after unlink_conns.
def backend(c, ev, ev_data, fn_data):
    if ev == mungo.EV_READ and fn_data is not None:
        fn_data.timer.cancel()
        fn_data.begun = True
        fn_data.send(c.recv.read())
        c.is_full = fn_data.out is not None
    elif ev == mungo.EV_CLOSE and fn_data is not None:
        unlink_conns(fn_data, c)
        if fn_data.begun:
            fn_data.is_draining = True
        else:
            fn_data.http_reply(502, {}, "no answer from the backend\n")


# The client's handler. c is C1; while the backend handles its request, fn_data is C2.
def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        lines = ["%s %s%s %s" % (hm.method, hm.uri, hm.query and "?" + hm.query, "HTTP/1.0" if hm.is_old else "HTTP/1.1")]
        lines += ["%s: %s" % field for field in hm.headers() if field[0].lower() not in OURS]
        lines += ["X-Forwarded-For: " + c.rem.rpartition(":")[0], "Content-Length: %d" % len(hm.body), "Connection: close\r\n\r\n"]
        try:
            c.begun = False
            c.timer = c.mgr.timer(PATIENCE_MS, lambda c: c.fn_data and c.fn_data.error("no answer"), c)
            c.fn_data = c.mgr.connect("tcp://" + settings.BACKEND, backend, c)
            c.fn_data.send("\r\n".join(lines).encode() + hm.body)
        except OSError:  # no socket or timer is free
            c.http_reply(503, {"Retry-After": 1}, "too many requests at once\n")
    elif ev == mungo.EV_WRITE and fn_data is not None:
        fn_data.is_full = False
    elif ev == mungo.EV_CLOSE and fn_data is not None:
        unlink_conns(c, fn_data)


def main():
    with mungo.Manager(settings.BELL, **settings.LIMITS) as mgr:
        mgr.http_listen("http://%s:%d" % (settings.HOST, settings.PORT), fn)
        print("http://%s:%d/ forwards to %s" % (settings.HOST, settings.PORT, settings.BACKEND))
        while mgr.poll(1000):
            pass
