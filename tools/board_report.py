"""Measure a board and write a report to attach to an issue: make board-report BOARD= DEVICE= [OUT=board-report.md] [TESTS=module]

Runs the device tests, then small programs at the board's prompt: the heap at each stage, how soon the bell wakes the loop, and how many
sockets and threads there are. If settings.json has a network, the board joins it, and this machine asks its server: one fast request after
the other, the same next to a worker, six clients at once, and a page of 20 parts. The report has no names, passwords or addresses.
"""

import argparse
import concurrent.futures
import contextlib
import datetime
import http.client
import socket
import statistics
import sys
import threading
import time

import boards
import device
import device_test
from device import say

ASKS = 50  # requests of a measurement
PARTS = 20  # of a page, over six connections, as a browser asks for them
CLIENTS = 6
START_S = 60  # until the board has joined its network and listens

# Each prints lines "name value".
_HEAP = """
import gc
mgr = None
def show(name):
    for c in mgr.conns if mgr else ():
        c.is_closing = c.is_listening  # the next one listens at the same port
    if mgr:
        mgr.poll(0)
    gc.collect()
    print(name, gc.mem_free(), gc.mem_alloc())
show("at the prompt")
import mungo
mgr = mungo.Manager()
show("with a manager")
mgr.http_listen("http://%s:%d", None)
show("with an HTTP server")
app = mungo.App()
app.get("/fast")(lambda req: "hi")
app.attach(mgr, "http://%s:%d")
show("with an App")
app.get("/slow", worker=True)(lambda req: "hi")
app.attach(mgr, "http://%s:%d")
show("with an App that has a worker")
mgr.close()
"""

_BELL = """
import _thread, time, mungo
mgr = mungo.Manager()
left = [50]
def heard(c, ev, data, fn_data):
    if ev == mungo.EV_READ:
        print("us", time.ticks_diff(time.ticks_us(), int(data)))
        left[0] -= 1
def ring(sock):
    for _ in range(50):
        time.sleep_ms(5)
        sock.send(b"%d" % time.ticks_us())
    sock.close()
sock = mgr.mkpipe(heard)
_thread.start_new_thread(ring, (sock,))
start = time.ticks_ms()
while left[0] and time.ticks_diff(time.ticks_ms(), start) < 20000:
    mgr.poll(100)
print("bell", mgr.stats["bell"])
mgr.close()
"""

_ROOM = """
import _thread, gc, socket, time
held = []
try:
    while len(held) < 64:
        held.append(socket.socket())
except (OSError, MemoryError):
    pass
print("sockets", len(held))
while held:
    held.pop().close()
gc.collect()
lock = _thread.allocate_lock()
lock.acquire()
ended = []
def wait():
    with lock:
        ended.append(1)
n = 0
try:
    while n < 16:
        _thread.start_new_thread(wait, ())
        n += 1
except (OSError, RuntimeError, MemoryError):
    pass
print("threads", n)
lock.release()
while len(ended) < n:
    time.sleep_ms(1)
"""

_SERVER = """
import json, time
import mungo
def join():
    try:
        import network
        with open("settings.json") as file:
            told = json.loads(file.read())
        wlan = network.WLAN(network.STA_IF)
        wlan.active(True)
        if not wlan.isconnected():
            wlan.connect(told["WIFI_SSID"], told.get("WIFI_PASSWORD") or None)
    except ImportError:
        return "127.0.0.1"
    except (OSError, ValueError, KeyError):
        return None
    for _ in range(300):
        if wlan.isconnected():
            return wlan.ifconfig()[0]
        time.sleep_ms(100)
address = join()
if address is None:
    print("none")
else:
    app = mungo.App()
    app.get("/fast")(lambda req: "hi\\n")
    app.get("/part")(lambda req: "x" * 1000)
    @app.get("/slow", worker=True)
    def slow(req):
        time.sleep_ms(3000)
        return "hi\\n"
    @app.get("/stop")
    def stop(req):
        req.c.mgr.timer(100, lambda mgr: mgr.stop(), req.c.mgr)
        return "bye\\n"
    with mungo.Manager() as mgr:
        app.attach(mgr, "http://%s:%d")
        mgr.timer(100000, lambda mgr: mgr.stop(), mgr)
        print("ready", address)
        while mgr.poll(1000):
            pass
"""


def ask(address, path, connection=None):
    """The ms that a GET takes, with its connection unless there is one."""
    start = time.perf_counter()
    one = connection or http.client.HTTPConnection(*address, timeout=30)
    try:
        one.request("GET", path)
        answer = one.getresponse()
        answer.read()
        if answer.status != 200:
            raise OSError(f"{path} was answered by {answer.status}")
    finally:
        if not connection:
            one.close()
    return (time.perf_counter() - start) * 1000


def asks(address):
    """The ms of each of some fast requests, one after the other on a connection."""
    with contextlib.closing(http.client.HTTPConnection(*address, timeout=30)) as connection:
        return [ask(address, "/fast", connection) for _ in range(ASKS)]


def spread(figures, unit="ms"):
    """The median and the longest of some figures, as text."""
    return f"{statistics.median(figures):.1f} {unit} (longest {max(figures):.1f})" if figures else "none came"


def at_once(address, path, n, clients):
    """The ms until n requests, by so many clients at once, are answered; and each of them."""
    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(clients) as threads:
        each = list(threads.map(lambda _: ask(address, path), range(n)))
    return (time.perf_counter() - start) * 1000, each


def measure(address):
    """Rows of the table about requests from this machine: (what, figure)."""
    ask(address, "/fast")
    say("  one fast request after the other")
    rows = [("`/fast`, one after the other", spread(asks(address)))]
    say("  the same next to a worker")
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        slow = threads.submit(ask, address, "/slow")
        rows.append(("`/fast`, next to a worker that sleeps", spread(asks(address))))
        slow.result()
    say(f"  {CLIENTS} clients at once")
    took, each = at_once(address, "/fast", CLIENTS, CLIENTS)
    rows.append((f"a burst of {CLIENTS} clients, each with a connection of its own", f"{took:.1f} ms in all, {spread(each)}"))
    say(f"  a page of {PARTS} parts")
    took, each = at_once(address, "/part", PARTS, CLIENTS)
    rows.append((f"a page of {PARTS} parts of 1000 bytes, {CLIENTS} at a time", f"{took:.1f} ms in all, {spread(each)}"))
    return rows


def requests(port, place):
    """Start the server on the board and measure it; the rows, or the reason why there are none."""
    ready, said = threading.Event(), []

    def read(line):
        word, _, rest = line.partition(" ")
        if word in ("ready", "none"):
            said.append(rest)
            ready.set()

    def serve():
        try:
            with device.Device(port) as link:
                link.run(_SERVER % place, each=read)
        finally:
            ready.set()

    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        running = threads.submit(serve)
        ready.wait(START_S)
        if not said or not said[0]:
            if said:
                running.result()
            return "the board is in no network: write WIFI_SSID and WIFI_PASSWORD into its settings.json and do this again"
        address = said[0], place[1]
        try:
            return measure(address)
        except OSError as error:
            return f"this machine could not ask the board ({type(error).__name__})"
        finally:
            with contextlib.suppress(OSError):
                ask(address, "/stop")
            running.result()


def lines(link, code):
    """What a program on the board prints: a list of lists of words."""
    said = []
    link.run(code, each=lambda line: said.append(line.split()))
    return said


def table(head, rows):
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def report(board, port, tests, place):
    """The text of the report."""
    say("1/4 device tests")
    counts, failed = device_test.run_all(board, port, tests)
    say("2/4 heap, sockets and threads")
    with device.Device(port) as link:
        machine = link.check(board)
        system = link.run(
            "import sys; i = sys.implementation; print(i.name, '.'.join(str(n) for n in i.version[:3]), sys.platform)"
        ).split()
        heap = [(" ".join(words[:-2]), words[-2], words[-1]) for words in lines(link, _HEAP % (place * 3))]
    with device.Device(port) as link:
        room = {words[0]: int(words[1]) for words in lines(link, _ROOM)}
    say("3/4 the bell")
    with device.Device(port) as link:
        rung = lines(link, _BELL)
    bell = [int(words[1]) / 1000 for words in rung if words[0] == "us"]
    kind = next((words[1] for words in rung if words[0] == "bell"), "?")
    say("4/4 requests from this machine")
    asked = requests(port, place)
    rows = [
        ("sockets that can be open at once", f"{room['sockets']}{' or more' if room['sockets'] == 64 else ''}"),
        ("threads beside the first", f"{room['threads']}{' or more' if room['threads'] == 16 else ''}"),
        (f"from a worker's `send` to the loop's handler, bell `{kind}`", spread(bell)),
    ]
    parts = [
        f"# Report on a {board.name}",
        f"{machine}, {system[0]} {system[1]} on {system[2]}, {datetime.date.today()}.",
        "## Device tests",
        f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped." + "".join(f"\n- failed: `{name}`" for name in failed),
        "## Heap",
        table(("when", "free bytes", "used bytes"), heap),
        "## Limits and the bell",
        table(("what", "figure"), rows),
        "## Requests",
        table(("what", "figure"), asked) if isinstance(asked, list) else f"Not measured: {asked}.",
    ]
    return "\n\n".join(parts) + "\n"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="")
    parser.add_argument("--device", default="")
    parser.add_argument("--out", default="board-report.md")
    parser.add_argument("tests", nargs="*", help="modules of host_tests/unit; default: all that can run on the board")
    args = parser.parse_args(argv)
    board = boards.named(args.board)
    if args.tests:
        device_test.modules(args.tests)
    port = device.find(args.device)
    place = ("0.0.0.0", 80)
    if board.port == "unix":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            place = ("127.0.0.1", probe.getsockname()[1])
    text = report(board, port, args.tests, place)
    try:
        with open(args.out, "w") as file:
            file.write(text)
    except OSError as error:
        raise boards.Complaint(f"OUT={args.out} can't be written ({error.strerror}): want the name of a file in a folder that is there.")
    say(f"{args.out}: done; read it and attach it to an issue")
    return 0


if __name__ == "__main__":
    sys.exit(device.main(main))
