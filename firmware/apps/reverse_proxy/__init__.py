"""A reverse proxy: C1, the client's connection, is tied to C2, a connection to the backend, as the tutorial ties C1 to a worker.
The backend's answer goes out as it comes in, no faster than the client reads it; then both connections close.

    make run PORT=8001 &
    make run APP=reverse_proxy
    curl localhost:8000/fast"""
import mungo
import settings

PATIENCE_MS = 30000  # the longest wait for the first byte of the backend's answer
# Fields that are for one connection alone (RFC 9110 section 7.6.1), and those that the proxy writes itself.
HOPS = (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer", b"upgrade")
OURS = (b"host", b"expect", b"transfer-encoding", b"content-length", b"x-forwarded-for")


# The lines of a head behind the first, without the fields of these names, and without those that its Connection names.
def forwarded(head, names):
    lines = head.split(b"\r\n")[1:-2]
    names = list(names)
    for line in lines:
        name, _, value = line.lower().partition(b":")
        if name == b"connection":
            names += [option.strip() for option in value.split(b",")]
    return [line for line in lines if line.lower().partition(b":")[0] not in names]


def unlink_conns(c1, c2):
    c1.timer.cancel()
    c1.fn_data = c2.fn_data = None
    c2.is_closing = True


# The backend's handler. c is C2; fn_data is C1, or None after unlink_conns.
def backend(c, ev, ev_data, fn_data):
    if ev == mungo.EV_READ and fn_data is not None:
        while not fn_data.begun:
            end = c.recv.find(b"\r\n\r\n") + 4
            if end < 4:
                return
            head = c.recv.read(end)
            if head[9:10] == b"1":  # an interim response, 103 for example: the answer follows
                continue
            lines = [head[: head.find(b"\r\n")]] + forwarded(head, HOPS)
            if b"\r\nconnection:" in head.lower():  # it was asked to close
                lines.append(b"Connection: close")
            fn_data.timer.cancel()
            fn_data.begun = True
            fn_data.send(b"\r\n".join(lines) + b"\r\n\r\n")
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
        line = "%s %s %s\r\nHost: %s" % (hm.method, hm.target, min(hm.proto, "HTTP/1.1"), hm.header("Host", settings.BACKEND))
        lines = [line.encode()] + forwarded(hm.head_bytes(), HOPS + OURS)
        line = "X-Forwarded-For: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (c.rem.rpartition(":")[0], len(hm.body))
        lines.append(line.encode() + hm.body)
        try:
            c.begun = False
            c.timer = c.mgr.timer(PATIENCE_MS, lambda c: c.fn_data and c.fn_data.error("no answer"), c)
            c.fn_data = c.mgr.connect("tcp://" + settings.BACKEND, backend, c)
            c.fn_data.send(b"\r\n".join(lines))
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
