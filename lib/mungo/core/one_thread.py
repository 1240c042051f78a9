# All loops of a program belong to one thread. They share modules, which load when they are used: two threads would load them at the same
# time, and read dicts that grow meanwhile.
import _thread

_lock = _thread.allocate_lock()
_owner = None  # the id of that thread
_count = 0  # of the loops that are open


def claim(n):
    """Make this thread the one of all open loops, of which there are `n` more from here on. RuntimeError if another thread has one."""
    global _owner, _count
    me = _thread.get_ident()
    with _lock:
        if _owner != me and _count + n > 1:
            raise RuntimeError("another thread has a manager: want all in one thread; for slow work there is mgr.workers()")
        _owner = me
        _count += n


def give_back():
    """A loop is closed. When the last one is, any thread may make the next."""
    global _count
    with _lock:
        _count -= 1
