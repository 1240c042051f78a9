"""The tutorial's app in a heap that is small, and free in pieces of less than 8 KB alone: /heap prints what it takes."""
import gc

import micropython

CHUNK = 256  # bytes; its object is one block of 32 more
EACH = 26  # so that between two chunks that stay less than 8 KB are free

# Fill the heap, which goes from its beginning to its end, and give all back but a chunk here and there.
gc.collect()
chunks = [None] * 400
pins = [None] * 20
try:
    for i in range(400):
        chunks[i] = bytearray(CHUNK)
except MemoryError:
    pass
for i in range(0, 400, EACH):
    pins[i // EACH] = chunks[i]
chunks = None
gc.collect()
print("pins", sum([1 for pin in pins if pin]) * (CHUNK + 32))
print("before")
micropython.mem_info()

import mungo  # noqa: E402
import settings  # noqa: E402
from apps import multi_threaded as app  # noqa: E402


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG and hm.match("/heap"):
        print("now")  # with what is garbage by now
        micropython.mem_info()
        gc.collect()
        print("live")
        micropython.mem_info()
        c.http_reply(200, {}, "%d\n" % app.threads)
    else:
        app.fn(c, ev, hm, fn_data)


mgr = mungo.Manager()
mgr.http_listen("http://%s:%d" % (settings.HOST, settings.PORT), fn)
print("listening")
while mgr.poll(1000):
    pass
