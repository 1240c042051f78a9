# The server of test_conformance.py: a target's query says what the answer is, "/?status=404&Allow=GET"; the body, what was seen.

import os

import mungo

asked = []  # the targets of all requests that have reached the handler


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_HDRS and hm.uri == "/early":
        c.http_reply(200, {}, "early")
    elif ev == mungo.EV_HTTP_MSG:
        asked.append(hm.uri)
        status = 200
        headers = []
        body = " ".join([hm.method, hm.uri, "%r" % hm.header("Host"), hm.body.decode()])
        for pair in hm.query.split("&") if hm.query else ():
            name, value = pair.split("=", 1)
            if name == "status":
                status = int(value)
            elif name == "stream":
                body = iter(value.split(","))
            else:
                headers.append((name, value.replace("+", " ")))
        if hm.uri == "/asked":
            body = " ".join(asked)
        c.http_reply(status, headers, body)


mgr = mungo.Manager(linger_ms=100)
mgr.http_listen("http://%s:%s" % (os.getenv("HOST"), os.getenv("PORT")), fn)
print("listening on port", os.getenv("PORT"))
while mgr.poll(1000):
    pass
