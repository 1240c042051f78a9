from .pipe import Fifo

_SHUT = const(2)  # bits of a pipe's flags, see pipe.py
_WANT = const(4)
_ROOM = const(16)


def put(c, data):
    """PipeConnection.send: give `data` to the worker at the pipe `c`."""
    node = [data, None, 0]  # 0: how much of it was received
    mgr = c.mgr
    end = c.end
    if c.is_closing or end.flags & _SHUT:
        return False
    if end.inbox is None:
        end.inbox = Fifo()
    with mgr.bell.lock:
        sent = end.inbox.push(node, mgr.queue, mgr.queue_bytes)
        if not sent:
            end.flags = end.flags & ~_ROOM | _WANT
            mgr.stats["queue_full"] += 1
    end.wake()
    return sent
