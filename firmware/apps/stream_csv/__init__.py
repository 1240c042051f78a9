"""A long table, made row by row in a worker and sent as it is made: it never is in memory as a whole.

    curl 'localhost:8000/log.csv?rows=20'

Each row that the generator yields is a chunk to the client. If the client is slow, the generator waits; if it leaves, the generator is
closed, wherever it is. Everybody else is served meanwhile.
"""
import time

import mungo
import settings

app = mungo.App(workers=settings.WORKERS)


def table(rows):
    """The table's lines, each after the time that a measurement takes."""
    start = time.ticks_ms()
    try:
        yield "row,ms\n"
        for row in range(rows):
            time.sleep_ms(settings.DELAY_MS // 100)
            yield "%d,%d\n" % (row, time.ticks_diff(time.ticks_ms(), start))
    finally:
        print("table: closed")  # here a file or a bus would be given back


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
