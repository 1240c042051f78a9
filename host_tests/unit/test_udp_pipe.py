# mkpipe(udp=True): what udp_pipe.py tabulates.

import errno

import mungo
from raising import raised_errno
from waiting import reads, recorder, turns, until

MIN_HEAP = "160k"

EMSGSIZE = 90


def manager(**limits):
    return mungo.Manager(datagram=2000, **limits)


def test_bare_pipe():
    mgr = manager(max_pipes=1)
    handler, events = recorder()
    mgr.mkpipe(None).close()
    turns(mgr, 2)
    ends = mgr.mkpipe(handler, "data", udp=True)
    c2 = mgr.conns[-1]
    assert events == [(mungo.EV_OPEN, None)] and c2.fn_data == "data"
    assert ends.send(b"one") == 3
    ends.send(b"two")
    until(lambda: len(events) == 3, mgr)
    assert reads(events) == [b"one", b"two"]
    assert c2.send(b"to the worker")
    assert ends.recv(99) == b"to the worker"  # it blocks
    assert ends.send(bytes(1472)) == 1472
    assert raised_errno(ends.send, bytes(65508)) == EMSGSIZE
    until(lambda: len(events) == 4, mgr)
    # The worker's close is not heard of.
    ends.close()
    turns(mgr, 3)
    assert len(events) == 4 and c2 in mgr.conns
    c2.is_closing = True
    turns(mgr, 1)
    assert events[4:] == [(mungo.EV_CLOSE, None)]
    assert mgr.close()


def test_bare_pipe_loses_what_does_not_fit():
    mgr = manager()
    got = [0]

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            got[0] += 1

    end = mgr.mkpipe(handler, udp=True)
    for _ in range(3000):
        end.send(b"x" * 100)
    turns(mgr, 200)
    assert 0 < got[0] < 3000, got
    end.close()
    assert mgr.close()


def test_bare_pipe_whose_client_leaves():
    mgr = manager()
    end = mgr.mkpipe(None, udp=True)
    mgr.conns[-1].is_closing = True
    turns(mgr, 1)

    def send():
        for _ in range(3):
            end.send(b"x")

    assert raised_errno(send) == errno.ECONNREFUSED
    end.close()
    assert mgr.close()
