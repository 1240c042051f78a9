"""A clock that counts, told to all who look at it by server-sent events. It survives a restart of the server: the readers come back
and say what they have seen last, and it goes on from there.

    curl -N localhost:8000/clock
    curl -N -H 'Last-Event-ID: 1000' localhost:8000/clock

Its page is at http://localhost:8000/; stop the server, start it again, and look at it.
"""
import mungo
import mungo.sse as sse
import settings

PAGE = """<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A clock</title>
<h1 id="count">..</h1><p id="state">connecting</p>
<script>
const show = (id, text) => document.getElementById(id).textContent = text;
const clock = new EventSource("/clock");
clock.onopen = () => show("state", "connected");
clock.onerror = () => show("state", "the server has gone, waiting for it");
clock.onmessage = (message) => show("count", message.data);
</script>
"""
app = mungo.App()
readers = []
count = 0


@app.get("/")
def page(req):
    return PAGE, 200, {"Content-Type": "text/html; charset=UTF-8"}


@app.get("/clock")
def clock(req):
    return sse.stream(begin)


def begin(c, last_id):
    """A reader has come, or come back."""
    global count
    if last_id.isdigit() and len(last_id) < 10:
        count = max(count, int(last_id))
    sse.send(c, str(count), id=count, retry=500)  # ms until it tries to connect again
    readers.append(c)


def tick(_):
    global count
    count += 1
    sse.broadcast(readers, str(count), id=count)


def main():
    with mungo.Manager(bell=settings.BELL, **settings.LIMITS) as mgr:
        mgr.timer(settings.DELAY_MS // 2, tick, repeat=True)
        app.open(mgr, settings.HOST, settings.PORT)
        while mgr.poll(1000):
            pass
