"""A worker reads a slow sensor, and the answer is the value as JSON.

    curl localhost:8000/sensor
    curl localhost:8000/health
    curl localhost:8000/stats

During a reading, /health is still answered at once. When the pool's queue is full, new requests for /sensor get 503 with
Retry-After.
"""
import time

import mungo
import settings

app = mungo.App(workers=settings.WORKERS)
app.get("/stats")(app.stats)


def read_sensor():
    """Degrees Celsius. On a board: start the conversion, wait as long as the data sheet says, read the result. This one only waits."""
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
