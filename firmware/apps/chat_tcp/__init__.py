"""A chat: each line that one sends, all get. Who does not read while the others talk is dropped, and nobody waits for them.

    nc localhost 8000
"""
import mungo
import settings

LONGEST = 500  # bytes of a line

members = []


def tell(text):
    """Send a line to all. What a slow reader has not taken is kept up to `send_limit`; then that reader has to go."""
    text = text.encode()
    for c in members:
        if not c.send(text):
            c.is_closing = True


def fn(c, ev, ev_data, fn_data):
    if ev == mungo.EV_ACCEPT:
        members.append(c)
        tell("* %s has come, we are %d\n" % (c.rem, len(members)))
    elif ev == mungo.EV_READ:
        read(c)
    elif ev == mungo.EV_CLOSE and c in members:
        members.remove(c)
        tell("* %s has gone, we are %d\n" % (c.rem, len(members)))


def read(c):
    """Hand on the lines that are whole; the beginning of the next one stays in the buffer."""
    while not c.is_closing:
        n = c.recv.find(b"\n")
        if n > LONGEST or n < 0 and len(c.recv) > LONGEST:
            c.is_closing = True
        elif n < 0:
            return
        else:
            try:
                tell("%s: %s\n" % (c.rem, str(c.recv.read(n + 1), "utf-8").strip()))
            except UnicodeError:
                c.is_closing = True


def main():
    with mungo.Manager(settings.BELL, **settings.LIMITS) as mgr:
        mgr.listen("tcp://%s:%d" % (settings.HOST, settings.PORT), fn)
        print("mungo %s: listening at tcp://%s:%d" % (mungo.__version__, settings.HOST, settings.PORT))
        while mgr.poll(1000):
            pass
