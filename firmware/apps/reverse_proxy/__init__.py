"""A reverse proxy: C1, the client's connection, is tied to C2, a connection to the backend, as the tutorial ties C1 to a worker.
The backend's answer goes out as it comes in, no faster than the client reads it; then both connections close.

    make run PORT=8001 &
    make run APP=reverse_proxy
    curl localhost:8000/fast

The setting URL, such as https://api.example.org, is a backend that gets requests with its own name as Host; TLS_CA is the file with the
authorities that may have signed its certificate. With TLS=1 the proxy itself serves https."""
import mungo
import settings
from mungo.http.urls import host_field, is_secure, split_url

PATIENCE_MS = 30000  # the longest wait for the first byte of the backend's answer
# Fields that are for one connection alone (RFC 9110 section 7.6.1), and those that the proxy writes itself.
HOPS = (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer", b"upgrade")
OURS = (b"host", b"expect", b"transfer-encoding", b"content-length", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto")

trusted = None  # the authorities of the backend, if it is reached over TLS
if is_secure(settings.URL):
    if not settings.TLS_CA:
        raise settings.Wrong("URL=%s: want TLS_CA, the file with the authorities to trust" % settings.URL)
    trusted = mungo.Tls(ca=settings.TLS_CA)
try:
    server, path = split_url(settings.URL or "http://" + settings.BACKEND, tls=trusted)
except ValueError:
    path = ""
if path != "/":
    raise settings.Wrong("URL=%s, BACKEND=%s: want http://host or https://host, or host:port" % (settings.URL, settings.BACKEND))


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
    elif ev == mungo.EV_ERROR:
        print("%s: %s" % (settings.URL or settings.BACKEND, ev_data))
    elif ev == mungo.EV_CLOSE and fn_data is not None:
        unlink_conns(fn_data, c)
        if fn_data.begun:
            fn_data.is_draining = True
        else:
            fn_data.http_reply(502, {}, "no answer from the backend\n")


# The client's handler. c is C1; while the backend handles its request, fn_data is C2.
def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        asked = hm.header("Host", server)
        host = host_field(server, trusted) if settings.URL else asked
        line = "%s %s %s\r\nHost: %s" % (hm.method, hm.target, min(hm.proto, "HTTP/1.1"), host)
        lines = [line.encode()] + forwarded(hm.head_bytes(), HOPS + OURS)
        if host != asked:
            lines.append(("X-Forwarded-Host: " + asked).encode())
        line = "X-Forwarded-For: %s\r\nX-Forwarded-Proto: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        line %= c.rem.rpartition(":")[0], "https" if c.is_tls else "http", len(hm.body)
        lines.append(line.encode() + hm.body)
        try:
            c.begun = False
            c.timer = c.mgr.timer(PATIENCE_MS, lambda c: c.fn_data and c.fn_data.error("no answer"), c)
            c.fn_data = c.mgr.connect(("tls://" if trusted else "tcp://") + server, backend, c, trusted)
            c.fn_data.send(b"\r\n".join(lines))
        except OSError:  # no socket or timer is free
            c.http_reply(503, {"Retry-After": 1}, "too many requests at once\n")
    elif ev == mungo.EV_WRITE and fn_data is not None:
        fn_data.is_full = False
    elif ev == mungo.EV_CLOSE and fn_data is not None:
        unlink_conns(c, fn_data)


def main():
    tls = mungo.Tls(cert=settings.TLS_CERT, key=settings.TLS_KEY) if settings.TLS else None
    url = "%s://%s:%d" % ("https" if tls else "http", settings.HOST, settings.PORT)
    with mungo.Manager(settings.BELL, **settings.LIMITS) as mgr:
        mgr.http_listen(url, fn, tls=tls)
        print("%s/ forwards to %s" % (url, settings.URL or settings.BACKEND))
        while mgr.poll(1000):
            pass
