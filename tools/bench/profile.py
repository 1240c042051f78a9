"""Count the instructions of a request by function, under callgrind. Prints Markdown.

    .venv/bin/python -m tools.bench.profile [c] [python] [--server mungo | mungo-app | bare | ..] [--requests 2000]
        [--kind hello | json | 10k | 100k | upload] [--close]

c       by C function of MicroPython: a server of tools/bench/servers answers browsers' requests with different headers, on 10
        kept-alive connections, or with --close on a new one for each request.
python  by function of mungo: parts.py serves the same requests from one thread, with a mark before and after each call. The cost of
        the marks is measured and subtracted.

The counts are for user space only, see callgrind.py. Needs valgrind, see tools/debian.sh.
"""

import argparse
import json
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

from . import callgrind, load, markdown
from .contenders import CONTENDERS
from .process import free_port, needed

BENCH = Path(__file__).resolve().parent
CONNECTIONS = 10
WARM = 5  # rounds of all connections before the count
MOST = 25  # rows of a table of functions

GROUPS = (  # (purpose of C functions, starts of their names)
    ("the bytecode interpreter", ("mp_execute_bytecode", "fun_bc_call", "mp_setup_code_state", "mp_decode_uint", "mp_init_frame")),
    ("looking up names and attributes", ("mp_map_lookup", "mp_load_", "mp_store_", "mp_obj_class_lookup", "mp_obj_instance", "mp_convert")),
    ("calls", ("mp_call_", "fun_builtin", "mp_obj_fun", "mp_arg_", "bound_meth", "closure_", "mp_obj_new_bound")),
    ("allocation", ("gc_alloc", "m_malloc", "gc_realloc", "m_renew", "gc_free", "m_free", "memset", "__memset")),
    ("the collector", ("gc_", "mp_thread_gc", "gc_helper")),
    ("strings and bytes", ("str", "mp_obj_str", "qstr_", "vstr", "mp_vprintf", "mp_print", "memcpy", "__mem", "find_subbytes", "utf8")),
    ("sockets and poll", ("socket", "poll", "read", "write", "recv", "send", "__libc", "__poll", "mp_stream", "stream_", "mp_hal")),
    ("locks and signals", ("mp_thread", "pthread", "sem_", "mp_handle_pending", "__pthread", "thread_")),
)


def count_server(name, count, kind=None, close=False):
    """({C function: instructions}, {C function: calls}, instructions of gc.mem_free()), each for `count` requests and one GET /mem.

    The first dict is without gc.mem_free(): mungo's loop calls it by the clock, so it runs too often under callgrind, which is slow.
    """
    one = CONTENDERS[name]
    close = close or one.closes
    kind = kind or ("work" if name.startswith("threads") else "hello")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, needed(one.needs) as site:
        path = ("lib:.frozen:" if one.uses_mungo else ".frozen:") + site
        script = [str(BENCH / "servers" / (one.bodies if kind not in ("hello", "work") and one.bodies else one.script))]
        with callgrind.running(folder, [callgrind.MEM], script, {"PORT": str(port), "MICROPYPATH": path}) as process:
            connect(port, process)
            blocks = load.blocks(kind, close)
            asking = AskingOnce(port) if close else Asking(port)
            mark = load.plain("/mem", close)
            rounds = count // CONNECTIONS
            for n in range(WARM + rounds):
                if n == WARM:
                    asking.ask([mark])
                start = n * CONNECTIONS % (len(blocks) - CONNECTIONS)
                asking.ask(blocks[start : start + CONNECTIONS])
            asking.ask([mark])
            asking.close()
        files = callgrind.dumps(folder)
        if len(files) < 2:
            raise OSError("callgrind saw no mark")
        own, calls = callgrind.functions(files[1])
        if abs(sum(own.values()) / callgrind.total(files[1]) - 1) > 0.001:  # (with threads the sums differ a little)
            raise OSError("%d of %d instructions read" % (sum(own.values()), callgrind.total(files[1])))
    return own, calls, own.pop("gc_info", 0)


class Asking:
    """Kept-alive connections. All requests are sent before the first answer is read."""

    def __init__(self, port):
        self.socks = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(CONNECTIONS)]

    def ask(self, blocks):
        for sock, block in zip(self.socks, blocks):
            sock.sendall(block)
        for sock, _ in zip(self.socks, blocks):
            if b" 200 " not in sock.recv(65536):
                raise OSError("no answer")

    def close(self):
        for sock in self.socks:
            sock.close()


class AskingOnce(Asking):
    """A new connection for each request, as many at once."""

    def __init__(self, port):
        self.port = port

    def ask(self, blocks):
        super().__init__(self.port)
        super().ask(blocks)
        for sock, _ in zip(self.socks, blocks):
            while sock.recv(65536):
                pass
        self.close()


def connect(port, process):
    """Wait up to 30 seconds until the server listens. Raises ConnectionRefusedError if it does not."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 30).close()
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def group(name):
    """The purpose of a C function."""
    if name.startswith("0x") or name == "(below main)":
        return "machine code that MicroPython has compiled (the scanner)"
    for title, starts in GROUPS:
        if name.startswith(starts):
            return title
    return "the rest"


def by_c(name, count, kind, close):
    own, calls, looks = count_server(name, count, kind, close)
    whole = sum(own.values())
    print("## %s: %d instructions a request, by C function\n" % (name, whole / count))
    print("Not counted: gc.mem_free(), %d a request. The loop calls it by the clock, too often for a slow run.\n" % (looks / count))
    groups = {}
    for function, n in own.items():
        groups[group(function)] = groups.get(group(function), 0) + n
    rows = [(title, *share(n, whole, count)) for title, n in sorted(groups.items(), key=lambda pair: -pair[1])]
    show(markdown.table(("what for", "instructions a request>", "percent>"), rows))
    most = sorted(own.items(), key=lambda pair: -pair[1])[:MOST]
    rows = [("`%s`" % function, *share(n, whole, count), "%.2f" % (calls.get(function, 0) / count)) for function, n in most]
    show(markdown.table(("C function", "instructions a request>", "percent>", "calls a request>"), rows))


def share(n, whole, count):
    return "%.0f" % (n / count), "%.1f" % (n * 100 / whole)


def show(lines):
    print("\n".join(lines) + "\n")


def own_costs(names, marks, counts):
    """The log of parts.py as a list of (function, {function: own instructions}, {function or pair: calls}), one for each outermost call.

    marks[i] is +n where function n begins and -n where it ends. counts[i] is the number of instructions before that mark. The calls of
    a pair (caller, function) are those from that caller.
    """
    found, stack = [], []
    own, calls = {}, {}
    for mark, n in zip(marks, counts, strict=True):
        if stack:
            own[stack[-1]] = own.get(stack[-1], 0) + n
        else:
            own, calls = {}, {}
            found.append((names[mark - 1], own, calls))
        if mark > 0:
            name = names[mark - 1]
            calls[name] = calls.get(name, 0) + 1
            if stack:
                calls[stack[-1], name] = calls.get((stack[-1], name), 0) + 1
            stack.append(name)
        else:
            stack.pop()
    return found


def overhead(found):
    """(instructions that a wrapper adds to its function, those that it adds to the caller), from parts.py's calibration."""
    one = {name: (own, calls) for name, own, calls in found if name.startswith("cal ")}
    times = one["cal marked 2"][1]["cal nothing 2"]
    empty = one["cal empty"][0]["cal empty"] / times
    plain = one["cal plain 2"][0]["cal plain 2"] / times - empty
    own = one["cal marked 2"][0]
    return own["cal nothing 2"] / times - plain, own["cal marked 2"] / times - empty


def turns_of(polls, turns):
    """The sums of the polls of each turn: with threads a turn has two polls."""
    size = len(polls) // turns
    merged = []
    for at in range(0, len(polls), size):
        sums = ({}, {})
        for pair in polls[at : at + size]:
            for into, counts in zip(sums, pair):
                for key, n in counts.items():
                    into[key] = into.get(key, 0) + n
        merged.append(sums)
    return merged


def count_functions(kind, turns):
    """(a sorted list of (instructions a request, calls a request, function of mungo), the two figures of `overhead`)."""
    heads = b"".join(load.blocks("work" if kind == "threads" else "hello", kind == "close", CONNECTIONS * (turns + 5)))
    with tempfile.TemporaryDirectory() as folder:
        script = ["-X", "heapsize=64m", str(BENCH / "servers/parts.py"), kind, str(turns), str(free_port())]
        names, marks = json.loads(callgrind.run(folder, [callgrind.TICKS], script, heads))
        counts = [callgrind.total(path) for path in callgrind.dumps(folder)]
    found = own_costs(names, marks, counts)
    inner, outer = overhead(found)
    served = turns_of([(own, calls) for name, own, calls in found if name == "Loop.poll"], turns)
    rows = []
    for name in names:
        costs, often = [], []
        for own, calls in served:
            below = sum(n for pair, n in calls.items() if pair[0] == name and isinstance(pair, tuple))
            costs.append((own.get(name, 0) - inner * calls.get(name, 0) - outer * below) / CONNECTIONS)
            often.append(calls.get(name, 0) / CONNECTIONS)
        if any(often):
            rows.append((statistics.median(costs), statistics.median(often), name))
    return sorted(rows, reverse=True), inner, outer


def by_python(kind, turns):
    rows, inner, outer = count_functions(kind, turns)
    whole = sum(cost for cost, _, _ in rows)
    print("## By function of mungo: %d instructions a request\n" % whole)
    print("Each function without the functions that it calls. Medians of %d turns with %d requests each.\n" % (turns, CONNECTIONS))
    columns = ("function", "instructions a request>", "percent>", "calls a request>", "a call>")
    cells = []
    for cost, often, name in rows:
        a_call = "%.0f" % (cost / often) if often else "-"
        cells.append(("`%s`" % name, "%.0f" % cost, "%.1f" % (cost * 100 / whole), "%.1f" % often, a_call))
    show(markdown.table(columns, cells))
    print("A mark adds %.0f instructions to its function and %.0f to the caller; they are subtracted.\n" % (inner, outer))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", default=["c", "python"], metavar="c | python")
    parser.add_argument("--server", default="mungo")
    parser.add_argument("--kind", choices=load.KINDS, help="of the requests; by default hello, or work for threads")
    parser.add_argument("--close", action="store_true", help="a new connection for each request")
    parser.add_argument("--requests", type=int, default=2000, help="of the table by C function")
    parser.add_argument("--turns", type=int, default=8, help="of the table by Python function, with 10 requests each")
    args = parser.parse_args()
    if not callgrind.is_there():
        return "valgrind is not installed: see tools/debian.sh"
    if "c" in args.tables:
        by_c(args.server, args.requests, args.kind, args.close)
    if "python" in args.tables:
        by_python("threads" if args.server.startswith("threads") else "close" if args.close else "hello", args.turns)
    return None


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
