# Measures the time from a worker's send to the loop's handler, while the loop sleeps in poll. Runs on MicroPython:
#
#     MICROPYTHON wake.py bare | udp | ring [ROUNDS]
#
# "bare" is a loop by hand: the worker sends over two connected UDP sockets, and the loop sleeps in ipoll. "udp" and "ring"
# are mungo's pipe with that bell. A message contains the time at which it was sent.

import _thread
import array
import json
import sys
from time import sleep_us, ticks_diff, ticks_us


def worker(sock, rounds):
    for i in range(rounds):
        sleep_us(1000 + i * 379 % 1000)
        sock.send(ticks_us().to_bytes(8, "little"))
    sock.close()


def bare(rounds, took):
    import select
    import socket

    port = 20000 + (ticks_us() & 0x3FFE)
    ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    addrs = [socket.getaddrinfo("127.0.0.1", port + i)[0][-1] for i in range(2)]
    for i in range(2):
        ends[i].bind(addrs[i])
        ends[i].connect(addrs[1 - i])
    sock = ends[0]
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    _thread.start_new_thread(worker, (ends[1], rounds))
    n = 0
    while n < rounds:
        for _ in poll.ipoll(5000):
            data = sock.recv(64)
            took[n] = ticks_diff(ticks_us(), int.from_bytes(data, "little"))
            n += 1
    return "udp"


def pipe(rounds, took, bell):
    import mungo

    done = [0, False]

    def fn(c, ev, data, fn_data):
        if ev == mungo.EV_READ:
            took[done[0]] = ticks_diff(ticks_us(), int.from_bytes(data, "little"))
            done[0] += 1
        elif ev == mungo.EV_CLOSE:
            done[1] = True

    mgr = mungo.Manager(bell=bell)
    _thread.start_new_thread(worker, (mgr.mkpipe(fn, None), rounds))
    while not done[1]:
        mgr.poll(1000)
    if done[0] != rounds:
        raise ValueError("%d of %d messages came" % (done[0], rounds))
    return mgr.stats["bell"]


kind = sys.argv[1]
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
took = array.array("i", [0] * rounds)
bell = bare(rounds, took) if kind == "bare" else pipe(rounds, took, kind)
ranked = sorted(took)
print(
    json.dumps(
        {
            "bell": bell,
            "rounds": rounds,
            "p50_us": ranked[rounds // 2],
            "p90_us": ranked[rounds * 9 // 10],
            "p99_us": ranked[rounds * 99 // 100],
            "max_us": ranked[-1],
        }
    )
)
