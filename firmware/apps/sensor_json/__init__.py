"""A sensor that takes its time is read in a worker, and the reading goes out as JSON.

    curl localhost:8000/sensor
    curl localhost:8000/health
    curl localhost:8000/stats

While the sensor is being read, /health is answered at once. If more clients ask than the pool has room for, they get a 503
that tells them to come again.
"""
import time

import mungo
import settings

app = mungo.App(workers=settings.WORKERS)
app.get("/stats")(app.stats)


def read_sensor():
    """Degrees Celsius. On a board: start the conversion, wait as its data sheet says, read it. Here the wait is all there is."""
    time.sleep_ms(settings.DELAY_MS)
    return 20 + time.ticks_diff(time.ticks_ms(), 0) % 100 / 10


@app.get("/sensor", worker=True)
def sensor(req):
    start = time.ticks_ms()
    return {"celsius": read_sensor(), "took_ms": time.ticks_diff(time.ticks_ms(), start)}


@app.get("/health")
def health(req):
    return {"ok": True}


def main():
    app.run(settings.HOST, settings.PORT, bell=settings.BELL, **settings.LIMITS)
