"""A web server with a thread for each request, after Mongoose's tutorial. docs/tutorial.md walks through it.

The loop itself answers /fast. For any other URI a thread answers after two seconds, with "hi" or the request's body."""
import _thread
import time

import mungo
import settings

threads = 0  # running threads; guarded by the lock
lock = _thread.allocate_lock()


# The worker thread: it gets the pipe's other end and a copy of the data, works, and writes the result into the pipe.
def thread_function(sock, data, delay_ms):
    try:
        time.sleep_ms(delay_ms)  # simulate a long processing time
        sock.send(data or b"hi\n")  # sends all of it, or raises; wakes the event manager
    except OSError as er:
        print("nobody waits for this result any more:", er)
    finally:
        sock.close()
        count(-1)


# Tie the two connections together: each becomes the other's fn_data.
def link_conns(c1, c2):
    c1.fn_data = c2
    c2.fn_data = c1


def unlink_conns(c1, c2):
    if c1 is not None and c1.fn_data is c2:
        c1.fn_data = None
    if c2 is not None:
        c2.fn_data = None
        c2.is_closing = True


# The pipe's handler. c is C2, the connection to the pipe; when tied, fn_data is C1, the connection to the outside world.
def pcb(c, ev, ev_data, fn_data):
    if ev == mungo.EV_OPEN:
        link_conns(fn_data, c)
    elif ev == mungo.EV_READ and fn_data is not None:  # the worker's result: send it out
        fn_data.http_reply(200, {}, ev_data)
        unlink_conns(fn_data, c)
    elif ev == mungo.EV_CLOSE and fn_data is not None:  # the worker ended without a result
        unlink_conns(fn_data, c)
        fn_data.http_reply(500, {}, "the worker has failed\n")


# The HTTP handler. c is C1; while a worker handles its request, fn_data is C2.
def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_MSG:
        if settings.LOG:
            print(c.rem, hm.method, hm.uri)
        if hm.match("/fast"):
            c.http_reply(200, {}, "hi\n")  # a quick answer, without a thread
        elif hm.uri.startswith("/demo"):  # the page that shows the difference
            from .demo import answer

            answer(c, hm)
        elif not start_thread(c, hm.body):  # the body is a copy: hm is invalid after this handler
            c.http_reply(503, {"Retry-After": 2}, "all threads are busy\n")
    elif ev == mungo.EV_CLOSE and fn_data is not None:  # the client has left: close the worker's pipe
        unlink_conns(c, fn_data)


def start_thread(c, body):
    if not count(1):
        return False
    sock = None
    try:
        sock = c.mgr.mkpipe(pcb, c, udp=settings.PIPE == "udp")
        _thread.start_new_thread(thread_function, (sock, body, settings.DELAY_MS))
    except (OSError, RuntimeError, MemoryError):  # no core, socket or memory is free
        if sock is not None:
            sock.close()
            unlink_conns(c, c.fn_data)
        count(-1)
        return False
    return True


def count(n):
    global threads
    with lock:
        if threads + n > settings.MAX_THREADS:
            return False
        threads += n
        return True


def main():
    mgr = mungo.Manager(settings.BELL, **settings.LIMITS)
    mgr.http_listen("http://%s:%d" % (settings.HOST, settings.PORT), fn)
    print("mungo %s: http://%s:%d/" % (mungo.__version__, settings.HOST, settings.PORT))
    try:
        while mgr.poll(1000):
            pass
    finally:
        mgr.close()
