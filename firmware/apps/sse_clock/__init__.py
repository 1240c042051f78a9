"""A counting clock, sent to all readers as server-sent events. It survives a restart of the server: readers connect again and send the
last number that they have seen, and the clock continues from there.

    curl -N localhost:8000/clock
    curl -N -H 'Last-Event-ID: 1000' localhost:8000/clock

Open its page at http://localhost:8000/, stop the server, start it again, and watch the page.
"""
import mungo
import mungo.sse as sse
import pages
import settings

app = mungo.App()
pages.add(app, __file__)
readers = []
count = 0


@app.get("/clock")
def clock(req):
    return sse.stream(begin)


def begin(c, last_id):
    """Handle a new reader, or one that connects again and has seen `last_id`."""
    global count
    if last_id.isdigit() and len(last_id) < 10:
        count = max(count, int(last_id))
    sse.send(c, str(count), id=count, retry=500)  # ms until the browser connects again
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
