"""A TCP echo with backpressure: while a client's echo waits in the send buffer, the server reads no more from that client.

    nc localhost 8000
"""
import mungo
import settings


def fn(c, ev, n, fn_data):
    if ev == mungo.EV_READ:
        c.send(c.recv.read())
        c.is_full = c.out is not None  # the socket did not take all: stop reading
    elif ev == mungo.EV_WRITE:
        c.is_full = False  # all was sent: read again
    elif ev == mungo.EV_ERROR and settings.LOG:
        print(c.rem, n)


def main():
    with mungo.Manager(settings.BELL, **settings.LIMITS) as mgr:
        mgr.listen("tcp://%s:%d" % (settings.HOST, settings.PORT), fn)
        print("mungo %s: listening at tcp://%s:%d" % (mungo.__version__, settings.HOST, settings.PORT))
        while mgr.poll(1000):
            pass
