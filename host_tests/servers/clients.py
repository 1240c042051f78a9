# The server of test_real_clients.py.
import mungo
import mungo.ws as ws
import settings

app = mungo.App()


def echo(c, ev, data, fn_data):
    if ev == mungo.EV_WS_MSG:
        ws.send(c, data)


@app.get("/hello")
def hello(req):
    return "hello\n"


@app.route("/echo", ("POST", "PUT"))
def body(req):
    return req.body, 200, {"X-Seen": "%s %s" % (req.method, req.headers.get("Content-Type", ""))}


@app.get("/stream")
def stream(req):
    for i in range(200):
        yield "%05d\n" % i


@app.get("/redirect")
def redirect(req):
    return mungo.app.redirect("http://%s:%d/hello" % (settings.HOST, settings.PORT))  # (micropython-lib's client takes no less)


@app.get("/say/<word>")
def say(req, word):
    return word + req.args.get("more", "")


@app.get("/ws")
def upgrade(req):
    return lambda c, hm: ws.upgrade(c, hm, echo)


app.run(settings.HOST, settings.PORT)
