"""Print the way of a request through the library: the files that the loop's thread passes, in order, with the functions called in each.

    .venv/bin/python tools/path.py             the two ways below
    .venv/bin/python tools/path.py app         a request to an App whose route has worker=True
    .venv/bin/python tools/path.py mkpipe      a request to the tutorial's program: a pipe, and a thread that the program starts
    .venv/bin/python tools/path.py --json      {way: [[file, [function, ..]], ..]}

A reader who follows a request opens as many files as there are, and turns to another as often as a function is called that is in
another file than the function called before. Returns are not counted.

The program runs on CPython through the shim. The request is GET /slow, on a connection that has sent some before, so all is loaded and
all threads run. Of several the shortest is shown: a worker that is still busy with the last one makes the loop look for others.
The path begins with the turn of the loop that reads the request, and ends with the turn that sends the answer.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIB = f"{ROOT}/lib/mungo/"
WAYS = ("app", "mkpipe")

REQUEST = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
WARM_UP = 3  # requests before those that count
REQUESTS = 10  # on a busy machine some take more turns
WORK_MS = 50  # how long the worker takes, so that the loop sleeps meanwhile


def install_shim():
    """Give this process MicroPython's modules, and the library."""
    sys.pycache_prefix = f"{ROOT}/build/pycache"
    sys.path.insert(0, f"{ROOT}/host_tests")
    import shim

    shim.install()
    sys.path[0:1] = [f"{ROOT}/lib", f"{ROOT}/firmware"]


def attach(way, mgr, url):
    """Serve the program of a way."""
    import time

    import mungo

    if way == "app":
        app = mungo.App(workers=2)

        @app.get("/slow", worker=True)
        def slow(req):
            time.sleep_ms(WORK_MS)
            return "hi\n"

        app.attach(mgr, url)
    else:
        import settings
        from apps import multi_threaded

        settings.DELAY_MS = WORK_MS
        mgr.http_listen(url, multi_threaded.fn)


def calls(way, port):
    """The library's functions that the loop's thread calls for one request: a list of (file, function)."""
    import socket

    import mungo

    found = []
    ways = []

    def note(frame, event, arg):
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(LIB):
            found.append((file[len(LIB) :], frame.f_code.co_qualname))

    with mungo.Manager() as mgr:
        attach(way, mgr, f"http://127.0.0.1:{port}")
        client = socket.socket()
        client.connect(("127.0.0.1", port))
        client.setblocking(False)
        for _ in range(WARM_UP + REQUESTS):
            client.write(REQUEST)
            found.clear()
            answer = b""
            while not answer.endswith(b"hi\n"):
                sys.setprofile(note)
                mgr.poll(1000)
                sys.setprofile(None)
                answer += client.read(1000) or b""
            ways.append(list(found))
        client.close()
    return min(ways[WARM_UP:], key=len)


def path(found):
    """The calls as a path: a list of [file, [function, ..]], one for each change of file."""
    steps = []
    for file, function in found:
        if not steps or steps[-1][0] != file:
            steps.append([file, []])
        steps[-1][1].append(function)
    return steps


def free_port():
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", metavar="app | mkpipe", help="default: both")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if set(args.ways) - set(WAYS):
        parser.error(f"{' '.join(args.ways)}: want {' or '.join(WAYS)}")
    ports = [free_port() for _ in WAYS]
    install_shim()
    found = {way: path(calls(way, port)) for way, port in zip(args.ways or WAYS, ports)}
    if args.json:
        print(json.dumps(found))
        return
    for way, steps in found.items():
        print(f"{way}: {len({file for file, _ in steps})} files, {len(steps)} changes of file")
        for file, functions in steps:
            print(f"    {file:24} {', '.join(functions)}")


if __name__ == "__main__":
    main()
