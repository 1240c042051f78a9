"""A TCP echo with backpressure: who takes the echo slowly is read slowly, so that little of it ever waits here.

    nc localhost 8000
"""
import mungo
import settings


def fn(c, ev, n, fn_data):
    if ev == mungo.EV_READ:
        c.send(c.recv.read())
        c.is_full = c.out is not None  # the socket did not take all: read no more
    elif ev == mungo.EV_WRITE:
        c.is_full = False  # by now it has: go on
    elif ev == mungo.EV_ERROR and settings.LOG:
        print(c.rem, n)


def main():
    with mungo.Manager(settings.BELL, **settings.LIMITS) as mgr:
        mgr.listen("tcp://%s:%d" % (settings.HOST, settings.PORT), fn)
        print("mungo %s: listening at tcp://%s:%d" % (mungo.__version__, settings.HOST, settings.PORT))
        while mgr.poll(1000):
            pass
