"""A chat: each line that a member sends goes to all members. A member that reads too slowly is dropped, and does not delay the others.

    nc localhost 8000
"""
import mungo
import settings

LONGEST = 500  # bytes of a line

members = []


def tell(text):
    """Send a line to all members. A slow reader's data waits in its send buffer up to `send_limit`; then the reader is dropped."""
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
    """Pass on the complete lines; the beginning of the next one stays in the buffer."""
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
