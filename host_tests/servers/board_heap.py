"""The tutorial's app in a heap that is small, and free in pieces of less than 8 KB alone: /heap prints what it takes."""
import gc

import micropython

# (Names that the library has, too: in MicroPython's table of names there is room for a few more, and then it doubles.)
size = 256  # bytes of a piece; its object is one block of 32 more
limit = 26  # so that between two pieces that stay less than 8 KB are free

# Fill the heap, which goes from its beginning to its end, and give all back but a piece here and there.
gc.collect()
pieces = [None] * 500
kept = [None] * 20
try:
    for n in range(500):
        pieces[n] = bytearray(size)
except MemoryError:
    pass
for n in range(0, 500, limit):
    kept[n // limit] = pieces[n]
pieces = None
gc.collect()
print("bytes of pins %d" % (sum([1 for piece in kept if piece]) * (size + 32)))
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
