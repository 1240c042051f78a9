# An App and asyncio in one thread. Runs on MicroPython:
#
#     MICROPYTHON app_asyncio.py run | serve | ticks | serve-ticks [SECONDS]
#
# run: an App with `app.run()`. serve: the same App with `await app.serve()`. ticks: asyncio alone, with a task that sleeps 10 ms again
# and again. serve-ticks: that task beside the App. The last two print after SECONDS how late the task was, in us, as a JSON list.

import asyncio
import json
import os
import sys
import time

import mungo

app = mungo.App()
late = []


@app.get("/")
def index(req):
    return "hi\n"


async def tick():
    while True:
        before = time.ticks_us()
        await asyncio.sleep_ms(10)
        late.append(time.ticks_diff(time.ticks_us(), before) - 10000)


async def main(serves, ticks, seconds):
    if serves:
        asyncio.create_task(app.serve("127.0.0.1", port))
    if ticks:
        asyncio.create_task(tick())
    await asyncio.sleep(seconds)
    print(json.dumps(late))


what = sys.argv[1]
port = int(os.getenv("PORT"))
if what == "run":
    app.run("127.0.0.1", port)
else:
    asyncio.run(main("serve" in what, "ticks" in what, float(sys.argv[2]) if len(sys.argv) > 2 else 3600))
