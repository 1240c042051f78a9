"""What the library imports, for the world that runs at the moment."""

import contextlib
import sys
import time
from types import SimpleNamespace

from .net import FileSocket, Poll, RingIO, Socket
from .world import Lock


class Current:
    """Which world it is."""

    world = None
    net = None
    made = None  # {name: module}


current = Current()


def point():
    """Between two statements of code that threads share."""
    world = current.world
    if world is not None:  # else a module is being loaded
        world.left -= 1
        if world.left <= 0:
            world.choose()


def make(profile):
    """{name: module} for the profile."""
    return {
        "time": _time(profile),
        "socket": _socket(profile),
        "select": SimpleNamespace(POLLIN=1, POLLOUT=4, POLLERR=8, POLLHUP=16, poll=lambda: Poll(current.net)),
        "_thread": _thread(profile),
        "errno": SimpleNamespace(**profile.errno, errorcode={number: name for name, number in profile.errno.items()}),
        "gc": _gc(profile),
        "sys": _sys(profile),
        "uctypes": SimpleNamespace(bytearray_at=lambda at, n: bytearray(n)),
        "micropython": SimpleNamespace(RingIO=lambda size: RingIO(current.net, size), const=lambda value: value, kbd_intr=lambda _: None),
    }


def _gc(profile):
    def collect():
        _spend("collect", profile.collect_us)

    def mem_free():
        _spend("mem_free", profile.mem_free_us)
        return profile.heap

    return SimpleNamespace(collect=collect, mem_free=mem_free, mem_alloc=lambda: 0, threshold=lambda *_: -1, enable=lambda: None)


def _spend(what, us):
    """The collector takes this long, and only the other threads run meanwhile; once the loop runs."""
    world = current.world
    if world is not None and world.current is not None and not world.may_block:
        world.collected(what, us)
        world.sleep(us)


def _time(profile):
    period = profile.period
    half = period // 2

    def ticks_ms(us=None):
        return (current.world.ticks_start + (current.world.now if us is None else us) // 1000) % period

    def ticks_us():
        return current.world.now % period

    def ticks_add(ticks, delta):
        if not -half < delta < half:
            raise OverflowError("ticks interval overflow")
        return (ticks + delta) % period

    def ticks_diff(end, start):
        return (end - start + half) % period - half

    def sleep_ms(ms):
        world = current.world
        world.note("sleep_ms", ms)
        if ms > 0:
            world.sleep(ms * 1000)
        else:
            world.choose()

    return SimpleNamespace(
        ticks_ms=ticks_ms,
        ticks_us=ticks_us,
        ticks_add=ticks_add,
        ticks_diff=ticks_diff,
        sleep_ms=sleep_ms,
        sleep=lambda s: sleep_ms(int(s * 1000)),
        time=lambda: current.world.now // 1_000_000,
        time_ns=lambda: current.world.now * 1000,
        gmtime=time.gmtime,
    )


def _socket(profile):
    kinds = {1: "tcp", 2: "udp"}
    cls = FileSocket if profile.has_fileno else Socket

    def getaddrinfo(host, port, *_):
        if host.strip("0123456789.") and ":" not in host:
            current.world.fail(f"getaddrinfo blocks: {host} is a name")
        return [(10 if ":" in host else 2, 1, 0, "", current.net.address(host, port))]

    def sockaddr(raw):
        host, port = current.net.port_of(raw)
        if ":" in host:
            return 10, bytes.fromhex("".join("%04x" % int(x, 16) for x in host.split(":"))), port, 0, 0
        return 2, bytes(int(x) for x in host.split(".")), port

    def inet_ntop(family, ip):
        return ":".join(ip[n : n + 2].hex() for n in range(0, 16, 2)) if family == 10 else ".".join(str(x) for x in ip)

    return SimpleNamespace(
        socket=lambda af=2, kind=1, proto=0: cls(current.net, kinds[kind]),
        getaddrinfo=getaddrinfo,
        sockaddr=sockaddr,
        inet_ntop=inet_ntop,
        AF_INET=2,
        SOCK_STREAM=1,
        SOCK_DGRAM=2,
        SOL_SOCKET=1,
        SO_REUSEADDR=2,
    )


def _thread(profile):
    def allocate_lock():
        if current.world is None:  # a module's, made at import: the scenario makes another if threads share it
            return contextlib.nullcontext()
        current.world.allocate("lock")
        return Lock(current.world)

    def start_new_thread(function, args, kwargs=None):
        world = current.world
        world.point()
        for lock in world.guards:
            if lock.owner is world.current:
                world.fail("a thread is started under the lock")
        world.allocate("thread")
        if world.threads >= profile.threads or world.chance(world.thread_faults):
            world.note("no thread")
            raise OSError("core1 in use" if profile.threads == 1 else "can't create thread")
        world.threads += 1
        board = world.board

        def run():
            try:
                function(*args)
            except MemoryError:  # a program's thread may end by that
                if not world.memory_faults:
                    raise
                world.note("a thread ends without memory")
            finally:
                # The flag is cleared a little later than the last line of Python has run.
                if not world.is_over:
                    world.after(world.rng.randrange(1, 4000), gone)

        def gone():
            if board is not None:
                world.enter(board)
            world.threads -= 1

        world.thread_count += 1
        world.spawn(f"thread{world.thread_count}", run, is_thread=True)
        return world.thread_count

    return SimpleNamespace(
        allocate_lock=allocate_lock,
        LockType=Lock,
        start_new_thread=start_new_thread,
        stack_size=lambda size=0: 0,
        get_ident=lambda: current.world.current.number,
        exit=lambda: None,
    )


def _sys(profile):
    return SimpleNamespace(
        implementation=SimpleNamespace(name="micropython", version=(1, 29, 0, ""), _thread="unsafe"),
        platform=profile.platform,
        print_exception=lambda er, *_: current.world.on_report(er),
        byteorder="little",
        modules=sys.modules,
    )
