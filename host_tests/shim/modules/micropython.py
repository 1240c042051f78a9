"""MicroPython's `micropython` module, as far as it means anything on CPython.

`native` and `viper` are missing on purpose: code that decorates with them must fall back to its plain twin, as it
does on a port without an emitter. RingIO is missing too: CPython has nothing to poll it with.
"""

_locks = 0


def const(value):
    return value


def opt_level(level=None):
    return None if level is not None else 0


def heap_lock():
    global _locks
    _locks += 1


def heap_unlock():
    global _locks
    _locks -= 1
    return _locks


def heap_locked():
    return _locks


def mem_info(verbose=None):
    print("mem: not known on CPython")


def qstr_info(verbose=None):
    print("qstr: not known on CPython")


def stack_use():
    return 0


def kbd_intr(char):
    pass


def alloc_emergency_exception_buf(size):
    pass
