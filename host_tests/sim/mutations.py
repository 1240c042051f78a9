"""Ways to break the library: (what it is, profile, file, old text, new text). Each must be noticed by some seed.

python host_tests/sim/mutations.py             which seed notices what
python host_tests/sim/mutations.py --json      the same for the test
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

_LIB = "lib/mungo/"
SEEDS = 1000  # tried, from 0 on, after some from
HINTS = {  # where one that is seldom noticed was, to save time
    "a pipe's messages go on while it is full": 380,
    "a closed connection is resumed": 95,
    "on_done twice for a job with a pipe": 140,
    "a cut answer ends like a whole one": 180,
}

MUTATIONS = [
    # --- the bell
    ("a worker's send does not ring", "unix", "threads/pipe.py", "            if arg[2]:\n                bell.ring()\n", ""),
    ("wakeup does not ring", "rp2-stock", "manager.py", "        if ring:\n            bell.ring()\n", ""),
    ("a worker's close does not ring", "esp32", "threads/pipe.py", "        if ring:\n            bell.ring()\n", ""),
    ("no look at the mail between drain and sleep", "unix", "core/loop.py", " or self.bell.first or", " or"),
    (
        "the bell stays marked as rung",
        "rp2-mungo",
        "core/doorbell.py",
        "            if self.first is None:\n                self.rung = False\n",
        "",
    ),
    (
        "the bell is rung under the lock",
        "unix",
        "manager.py",
        "            ring = bell.post(self.post)\n        if ring:\n            bell.ring()\n",
        "            ring = bell.post(self.post)\n            if ring:\n                bell.ring()\n",
    ),
    (
        "the bell is closed while workers hold ends",
        "unix",
        "core/shutdown.py",
        "        if not mgr.pipe_ends:\n            break\n",
        "        break\n",
    ),
    # --- queues
    (
        "a pipe's queue without its lock",
        "unix",
        "threads/pipe.py",
        "            with bell.lock:\n                done = step(arg)",
        "            if True:\n                done = step(arg)",
    ),
    (
        "wakeup's queue without its lock",
        "rp2-stock",
        "manager.py",
        "        with bell.lock:\n            if not self.find(id):",
        "        if True:\n            if not self.find(id):",
    ),
    ("one message more than the queue may have", "unix", "threads/pipe.py", "self.count >= limit", "self.count > limit"),
    ("bytes of a queue are not counted down", "esp32", "threads/pipe.py", "        self.size -= len(node[0])\n", ""),
    (
        "messages beyond one turn's are forgotten",
        "unix",
        "threads/pipe.py",
        "        if not stop and self.count:",
        "        if stop and self.count:",
    ),
    (
        "a message is handed over before it is taken off",
        "unix",
        "threads/pipe.py",
        "        self.head = node[1]\n",
        "        self.head = node[1] if self.count > 2 else node\n",
    ),
    (
        "a pipe's messages go on while it is full",
        "unix",
        "threads/pipe.py",
        "        return self.state & (_CLOSING | _FULL)\n",
        "        return self.state & _CLOSING\n",
    ),
    # --- waiting
    (
        "room in the queue wakes nobody",
        "unix",
        "threads/pipe.py",
        "            if end.waiters:  # there is room for another\n                end.wake()\n",
        "",
    ),
    (
        "a closing pipe wakes nobody",
        "unix",
        "threads/pipe.py",
        "        self.end.wake(_GONE)\n",
        "        self.end.flags |= _GONE\n",
    ),
    ("a reply wakes nobody", "unix", "threads/inbox.py", "    end.wake()\n", ""),
    (
        "waiters are woken, and kept in the list",
        "unix",
        "threads/pipe.py",
        "            waiters = self.waiters\n            self.waiters = None\n        wake(waiters)\n\n    def _try",
        "            waiters = self.waiters\n        wake(waiters)\n\n    def _try",
    ),
    (
        "a waiter's timeout is not told to the loop",
        "unix",
        "threads/pipe.py",
        "                            arg[2] = bell.post(self)\n            if",
        "                            pass\n            if",
    ),
    (
        "all that wait give up when the first does",
        "unix",
        "threads/patience.py",
        "waiter[_DUE] is not None and ticks_diff(waiter[_DUE], now) <= 0",
        "True",
    ),
    # --- ids, events
    ("ids are used again", "unix", "core/loop.py", "self.last = c.id = id = self.last + 1", "self.last = c.id = id = len(self.conns) + 1"),
    ("mail reaches a neighbour", "unix", "core/loop.py", "[self._ids.index(id)]", "[self._ids.index(id) - 1]"),
    (
        "two EV_CLOSE",
        "rp2-stock",
        "core/connection.py",
        "        self.emit(_EV_CLOSE)\n",
        "        self.emit(_EV_CLOSE)\n        self.emit(_EV_CLOSE)\n",
    ),
    (
        "EV_CLOSE at once, inside the handler",
        "unix",
        "core/connection.py",
        "            self.state |= _CLOSING\n            self.mgr.doomed.append(self)",
        "            self.shut()",
    ),
    (
        "a closed connection is resumed",
        "unix",
        "core/loop.py",
        "            if not c.state & _CLOSING:\n                c.emit",
        "            if True:\n                c.emit",
    ),
    ("closed oldest first", "unix", "core/shutdown.py", "mgr.conns[-1].shut()", "mgr.conns[0].shut()"),
    # --- sockets
    ("no unregister before close", "unix", "core/loop.py", "            poller.unregister(sock)\n", ""),
    (
        "an accepted socket may block",
        "unix",
        "core/listener.py",
        "            sock.setblocking(False)\n            sock.setsockopt(6",
        "            sock.setsockopt(6",
    ),
    ("one connection more than max_conns", "unix", "core/listener.py", "mgr.accepted >= mgr.max_conns", "mgr.accepted > mgr.max_conns"),
    ("accepted ones are not counted down", "esp32", "core/connection.py", "            self.mgr.accepted -= 1\n", "            pass\n"),
    (
        "a short write is taken for a whole one",
        "rp2-stock",
        "core/send_buffer.py",
        "            self.at += done\n",
        "            self.at += n\n",
    ),
    (
        "a peer's end is not noticed",
        "unix",
        "core/connection.py",
        "                            self.state |= _ENDED\n                            self.is_draining = True\n",
        "",
    ),
    ("accepting goes on with no socket left", "esp32", "core/overload.py", "    listener.stop(_PAUSED, True)\n    if", "    if"),
    # --- time
    (
        "a timer's wait is subtracted plainly",
        "rp2-stock",
        "core/timer.py",
        "min(_LONGEST, ticks_diff(self.all[0].due, now))",
        "min(_LONGEST, self.all[0].due - now)",
    ),
    (
        "a timer's place is found by comparing ticks",
        "rp2-stock",
        "core/timer.py",
        "ticks_diff(self.all[middle].due, timer.due) > 0",
        "self.all[middle].due > timer.due",
    ),
    (
        "deadlines are subtracted plainly",
        "esp32",
        "core/loop.py",
        "if ticks_diff(self.now, c.since) < c.wait:",
        "if self.now - c.since < c.wait:",
    ),
    ("a deadline is compared plainly", "esp32", "core/loop.py", "ticks_diff(due, self._due) < 0", "due < self._due"),
    (
        "the sweep forgets the next deadline",
        "unix",
        "core/loop.py",
        "                    self.due(c)\n                else:",
        "                    pass\n                else:",
    ),
    ("a repeating timer drifts early", "unix", "core/timer.py", "timer.ms * (late // timer.ms + 1)", "timer.ms * (late // timer.ms)"),
    ("one timer more than max_timers", "unix", "core/timer.py", "end >= self.mgr.max_timers", "end > self.mgr.max_timers"),
    # --- workers
    (
        "a job's end is not posted",
        "unix",
        "threads/pool.py",
        "            return self.mgr.bell.post(self)\n        self.stats",
        "            return False\n        self.stats",
    ),
    (
        "a refused start counts as a thread",
        "rp2-stock",
        "threads/crew.py",
        "            pool.count_thread(-1)\n            pool.tries",
        "            pool.tries",
    ),
    ("the worker that waits is not woken", "unix", "threads/pool.py", "        wake(waiter)\n        if ring", "        if ring"),
    ("a dropped job still counts as queued", "unix", "threads/crew.py", "            pool.queued -= 1\n", ""),
    (
        "on_done twice for a job with a pipe",
        "unix",
        "threads/pool.py",
        "        if job[_STATE] != _DONE:\n            return\n        job[_STATE] = _OVER",
        "        job[_STATE] = _OVER",
    ),
    ("a late result is handed over", "unix", "threads/pool.py", "        if job[_STATE] == _RUNNING:\n", "        if True:\n"),
    ("jobs have no deadline", "unix", "threads/crew.py", "ticks_diff(job[_UNTIL], ticks_ms()) <= 0", "False"),
    # --- HTTP
    (
        "the next request before this one's answer",
        "unix",
        "http/server.py",
        "    while hm.phase < _WAITING and c.out",
        "    while hm.phase <= _WAITING and c.out",
    ),
    (
        "a cut answer ends like a whole one",
        "unix",
        "app/relay.py",
        "if er is None and not self.c2.end.count and not self.c2.error_text:",
        "if er is None:",
    ),
]


def edits(mutation):
    _, _, file, old, new = mutation
    return ((_LIB + file, old, new),)


def find(mutation):
    """[the first seed that notices the mutation, what it says, whether the library as it is passes that seed], or None."""
    from sim.run import Runner, prepare

    prepare()
    try:
        runner = Runner(mutation[1], edits(mutation))
    except ValueError as er:  # the library has changed
        print(er, file=sys.stderr)
        return None
    first = HINTS.get(mutation[0], 0)
    for seed in [*range(first, first + 50), *range(SEEDS)]:
        failure = runner.run(seed).failure
        if failure:
            return seed, failure, Runner(mutation[1]).run(seed).failure is None
    return None


def main():
    import json
    import os
    from concurrent.futures import ProcessPoolExecutor

    found = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for mutation, what in zip(MUTATIONS, pool.map(find, MUTATIONS), strict=True):
            found[mutation[0]] = what
            if "--json" not in sys.argv:
                said = f"seed {what[0]:4}: {what[1][:90]!r}" if what else "not noticed"
                print(f"{mutation[0]:50} {mutation[1]:10} {said}", flush=True)
    if "--json" in sys.argv:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
