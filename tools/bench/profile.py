"""Where a request's instructions go: mungo's server under callgrind. Prints Markdown.

    .venv/bin/python tools/bench/profile.py [c] [python] [--server mungo | mungo-app | bare | ...] [--requests 1000]

c       by C function of MicroPython: a server of tools/bench/servers, asked by 10 connections, kept alive, by browsers' requests
        whose headers differ.
python  by function of mungo: parts.py serves the same requests from one thread, with a mark before and after each call; what the
        marks cost is measured and taken off.

Instructions of user space alone: see callgrind.py. Needs valgrind, see tools/debian.sh.
"""

import argparse
import json
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

import callgrind
import load
import report

BENCH = Path(__file__).resolve().parent
CONNECTIONS = 10
WARM = 5  # rounds of all connections before it counts
MOST = 25  # functions in a table

GROUPS = (  # what a C function is there for, by its name
    ("the bytecode interpreter", ("mp_execute_bytecode", "fun_bc_call", "mp_setup_code_state", "mp_decode_uint", "mp_init_frame")),
    ("looking up names and attributes", ("mp_map_lookup", "mp_load_", "mp_store_", "mp_obj_class_lookup", "mp_obj_instance", "mp_convert")),
    ("calls", ("mp_call_", "fun_builtin", "mp_obj_fun", "mp_arg_", "bound_meth", "closure_", "mp_obj_new_bound")),
    ("allocation", ("gc_alloc", "m_malloc", "gc_realloc", "m_renew", "gc_free", "m_free", "memset", "__memset")),
    ("the collector", ("gc_", "mp_thread_gc", "gc_helper")),
    ("strings and bytes", ("str", "mp_obj_str", "qstr_", "vstr", "mp_vprintf", "mp_print", "memcpy", "__mem", "find_subbytes", "utf8")),
    ("sockets and poll", ("socket", "poll", "read", "write", "recv", "send", "__libc", "__poll", "mp_stream", "stream_", "mp_hal")),
    ("locks and signals", ("mp_thread", "pthread", "sem_", "mp_handle_pending", "__pthread", "thread_")),
)


def serve(name, count):
    """{C function: instructions} and the same of calls, both for `count` requests and one GET /mem."""
    from run import CONTENDERS

    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        script = [str(BENCH / "servers" / CONTENDERS[name])]
        with callgrind.running(folder, [callgrind.MEM], script, {"PORT": str(port)}) as process:
            connect(port, process)
            socks = [connect(port, process) for _ in range(CONNECTIONS)]
            blocks = load.heads(False, load.POOL)
            mark = load.heads(False, 1, "/mem")[0].replace(b"?n=0", b"")
            rounds = count // CONNECTIONS
            for n in range(WARM + rounds):
                if n == WARM:
                    ask(socks[:1], [mark])
                start = n * CONNECTIONS % (len(blocks) - CONNECTIONS)
                ask(socks, blocks[start : start + CONNECTIONS])
            ask(socks[:1], [mark])
            for sock in socks:
                sock.close()
        files = callgrind.dumps(folder)
        if len(files) < 2:
            raise OSError("callgrind saw no mark")
        own, calls = callgrind.functions(files[1])
        if sum(own.values()) != callgrind.total(files[1]):
            raise OSError("%d of %d instructions read" % (sum(own.values()), callgrind.total(files[1])))
    return own, calls


def connect(port, process):
    """A connection; the server has 30 seconds to come up."""
    deadline = time.monotonic() + 30
    while True:
        try:
            sock = socket.create_connection(("127.0.0.1", port), 30)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def ask(socks, blocks):
    """A request on each, and then all the answers."""
    for sock, block in zip(socks, blocks, strict=True):
        sock.sendall(block)
    for sock in socks:
        if b" 200 " not in sock.recv(65536):
            raise OSError("no answer")


def group(name):
    """What the function is there for."""
    if name.startswith("0x") or name == "(below main)":
        return "machine code that MicroPython has compiled (the scanner)"
    for title, starts in GROUPS:
        if name.startswith(starts):
            return title
    return "the rest"


def by_c(name, count):
    own, calls = serve(name, count)
    looks = own.pop("gc_info", 0)
    whole = sum(own.values())
    print("## %s: %d instructions a request, by C function\n" % (name, whole / count))
    print("Not counted: gc.mem_free(), which the loop calls by the clock, and callgrind's time is slow (%d a request).\n" % (looks / count))
    groups = {}
    for function, n in own.items():
        groups[group(function)] = groups.get(group(function), 0) + n
    report.head("what for", "instructions a request>", "percent>")
    for title, n in sorted(groups.items(), key=lambda pair: -pair[1]):
        report.row(title, "%.0f" % (n / count), "%.1f" % (n * 100 / whole))
    print()
    report.head("C function", "instructions a request>", "percent>", "calls a request>")
    for function, n in sorted(own.items(), key=lambda pair: -pair[1])[:MOST]:
        report.row("`%s`" % function, "%.0f" % (n / count), "%.1f" % (n * 100 / whole), "%.2f" % (calls.get(function, 0) / count))
    print()


def own_costs(names, marks, counts):
    """What parts.py has logged, as a list of (function, own instructions, [calls by name]) for each outermost call, in order.

    marks[i] is +n where function n begins, -n where it ends; counts[i] instructions came before it.
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
    """(instructions that a mark's wrapper adds to the function, to its caller), from parts.py's calibration with two arguments."""
    one = {name: (own, calls) for name, own, calls in found if name.startswith("cal ")}
    times = one["cal marked 2"][1]["cal nothing 2"]
    empty = one["cal empty"][0]["cal empty"] / times
    plain = one["cal plain 2"][0]["cal plain 2"] / times - empty
    own = one["cal marked 2"][0]
    return own["cal nothing 2"] / times - plain, own["cal marked 2"] / times - empty


def by_python(turns):
    heads = b"".join(load.heads(False, CONNECTIONS * (turns + 5)))
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
        probe.close()
        script = ["-X", "heapsize=64m", str(BENCH / "servers/parts.py"), str(turns), port]
        names, marks = json.loads(callgrind.run(folder, [callgrind.TICKS], script, heads))
        counts = [callgrind.total(path) for path in callgrind.dumps(folder)]
    found = own_costs(names, marks, counts)
    inner, outer = overhead(found)
    served = [(own, calls) for name, own, calls in found if name == "Loop.poll"]
    rows = []
    for name in names:
        costs, often = [], []
        for own, calls in served:
            below = sum(n for pair, n in calls.items() if pair[0] == name and isinstance(pair, tuple))
            costs.append((own.get(name, 0) - inner * calls.get(name, 0) - outer * below) / CONNECTIONS)
            often.append(calls.get(name, 0) / CONNECTIONS)
        if any(often):
            rows.append((statistics.median(costs), statistics.median(often), name))
    rows.sort(reverse=True)
    whole = sum(cost for cost, _, _ in rows)
    print("## By function of mungo: %d instructions a request\n" % whole)
    print("Each function without what it calls; medians of %d turns with %d requests each.\n" % (len(served), CONNECTIONS))
    report.head("function", "instructions a request>", "percent>", "calls a request>", "a call>")
    for cost, often, name in rows:
        report.row("`%s`" % name, "%.0f" % cost, "%.1f" % (cost * 100 / whole), "%.1f" % often, "%.0f" % (cost / often) if often else "-")
    print("\nA mark added %.0f instructions to its function and %.0f to the caller; they are taken off.\n" % (inner, outer))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", default=["c", "python"], metavar="c | python")
    parser.add_argument("--server", default="mungo")
    parser.add_argument("--requests", type=int, default=2000, help="for the table by C function")
    parser.add_argument("--turns", type=int, default=8, help="for the table by Python function: each has 10 requests")
    args = parser.parse_args()
    if not callgrind.is_there():
        return "there is no valgrind"
    if "c" in args.tables:
        by_c(args.server, args.requests)
    if "python" in args.tables:
        by_python(args.turns)
    return None


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
