"""mungo inside an asyncio program: the two loops share one thread, and neither waits for the other.

    curl localhost:8000/ticks
    curl localhost:8000/slow
"""
import asyncio
import time

import mungo
import settings

app = mungo.App(workers=settings.WORKERS)
ticks = [0]


async def tick():
    """Another task of the program: it counts, a hundred times a second."""
    while True:
        await asyncio.sleep(0.01)
        ticks[0] += 1


@app.get("/ticks")
def count(req):
    return {"ticks": ticks[0]}


@app.get("/slow", worker=True)
def slow(req):
    time.sleep_ms(settings.DELAY_MS)
    return "hi, at last\n"


async def serve():
    task = asyncio.create_task(tick())
    try:
        await app.serve(settings.HOST, settings.PORT, bell=settings.BELL, **settings.LIMITS)
    finally:
        task.cancel()


def main():
    asyncio.run(serve())
