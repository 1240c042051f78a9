"""A long table that a worker makes row by row and sends at once: the whole table is never in memory.

    curl 'localhost:8000/log.csv?rows=20'

Each row that the generator yields is sent to the client as a chunk. If the client is slow, the generator waits; if the client leaves,
the generator is closed at its current yield. Other clients are served meanwhile.
"""
import time

import mungo
import settings

app = mungo.App(workers=settings.WORKERS)


def table(rows):
    """The lines of the table, with a pause before each as for a measurement."""
    start = time.ticks_ms()
    try:
        yield "row,ms\n"
        for row in range(rows):
            time.sleep_ms(settings.DELAY_MS // 100)
            yield "%d,%d\n" % (row, time.ticks_diff(time.ticks_ms(), start))
    finally:
        print("table: closed")  # a real program releases its file or bus here


@app.get("/log.csv", worker=True)
def log(req):
    rows = req.args.get("rows", "10")
    if not rows.isdigit():
        return "rows: want a whole number\n", 400
    return table(int(rows)), 200, {"Content-Type": "text/csv"}


@app.get("/fast")
def fast(req):
    return "hi\n"


def main():
    app.run(settings.HOST, settings.PORT, bell=settings.BELL, **settings.LIMITS)
