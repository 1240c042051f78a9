"""A UDP echo: each datagram goes back to its sender. As always with UDP, datagrams get lost if they come faster than they are handled.

    nc -u localhost 8000
"""
import mungo
import settings


def fn(c, ev, data, fn_data):
    if ev == mungo.EV_READ:
        if settings.LOG:
            print(c.rem, len(data), "bytes")
        c.send(data)


def main():
    with mungo.Manager(settings.BELL, **settings.LIMITS) as mgr:
        mgr.listen("udp://%s:%d" % (settings.HOST, settings.PORT), fn)
        print("mungo %s: listening at udp://%s:%d" % (mungo.__version__, settings.HOST, settings.PORT))
        while mgr.poll(1000):
            pass
