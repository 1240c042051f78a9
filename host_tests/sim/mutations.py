"""Ways to break the library, each in one function; mutate_ast.py has the vocabulary. Each must be noticed by some seed.

python -m host_tests.sim.mutations             which seed notices what
python -m host_tests.sim.mutations --json      the same for the test
"""

import sys

from ..thorough import times
from . import broker, everyday, fleet
from .everyday_mutations import EVERYDAY
from .everyday_mutations import USUAL as EVERYDAY_USUAL
from .fleet_mutations import FLEET
from .fleet_mutations import USUAL as FLEET_USUAL
from .mqtt_mutations import MQTT, USUAL
from .mutate_ast import Misfit, Mutation, always, drop, never, plain_ticks, replace, twice, without_lock
from .secure import FIRST_SEED

SEEDS = 1000  # tried, from 0 on, after some from
HINTS = {  # where one that is seldom noticed was, to save time
    "a client that can't wait is kept": 1570,
    "a closed connection is resumed": 50,
    "on_done twice for a job with a pipe": 140,
    "what finds no memory waits for ever": 4580,
    "a held message that comes again is never acknowledged": 2_000_130,
    "PINGRESP is not noticed": 2_000_050,
    "a record follows one that is torn": 3_000_170,
    "the identifier of QoS 2 is not saved": 3_000_190,
    "PUBREC is not saved": 3_000_190,
    "a damaged record is taken": 3_000_220,
}

MUTATIONS = [
    # --- the bell
    Mutation("a worker's send does not ring", "unix", "Pipe.send", drop("A.ring()")),
    Mutation("wakeup does not ring", "rp2-stock", "Wakeups.send", drop("A.ring()")),
    Mutation("a worker's close does not ring", "esp32", "Pipe.close", drop("A.ring()")),
    Mutation("no look at the mail between drain and sleep", "unix", "Loop.look", never("A.bell.first")),
    Mutation("the bell stays marked as rung", "rp2-mungo", "Loop.take", drop("A.rung = False")),
    Mutation(
        "the bell is rung under the lock",
        "unix",
        "Wakeups.send",
        replace("with A.lock: ...\nif B: C.ring()", "with A.lock:\n    ...\n    if B: C.ring()"),
    ),
    Mutation("the bell is closed while workers hold ends", "unix", "has_ended", replace("not A.pipe_ends and B", "B")),
    Mutation("the bell is closed while a thread rings", "unix", "Doorbell.end", replace("not self.ringing", "True")),
    Mutation("a closed bell is rung", "unix", "Doorbell.ring", never("self.is_closed")),
    # --- queues
    Mutation("a pipe's queue without its lock", "unix", "Pipe.send", without_lock()),
    Mutation("wakeup's queue without its lock", "rp2-stock", "Wakeups.send", without_lock()),
    Mutation("one message more than the queue may have", "unix", "Fifo.has_room", replace("A < B.queue", "A <= B.queue")),
    Mutation("bytes of a queue are not counted down", "esp32", "Fifo.pop", drop("A.size -= B")),
    Mutation("messages beyond one turn's are forgotten", "unix", "Pipe.deliver", drop("A.post(self)"), replace("A < _MESSAGES", "A < 2")),
    Mutation(
        "a message is handed over before it is taken off",
        "unix",
        "Fifo.pop",
        replace("A.first = B.next", "A.first = B.next if A.count > 2 else B"),
    ),
    Mutation(
        "a pipe's messages go on while it is full",
        "unix",
        "Pipe.deliver",
        replace("A and not B.state and C and D", "A and not B.is_closing and C and D"),
    ),
    # --- waiting
    Mutation("room in the queue wakes nobody", "unix", "Pipe.deliver", drop("A.wake(0)")),
    Mutation("a closing pipe wakes nobody", "unix", "PipeConnection.release", replace("A.wake(B)", "A.flags |= B")),
    Mutation("a reply wakes nobody", "unix", "PipeConnection.send", drop("A.waiters = None"), drop("release_waiters(A)")),
    Mutation("a waiter's timeout is not told to the loop", "unix", "Pipe._enlist", replace("A.post(self)", "False")),
    Mutation("all that wait give up when the first does", "unix", "PipeConnection.expired", always("A is not None and B <= 0")),
    # --- ids, events
    Mutation("ids are used again", "unix", "Loop.add", replace("A.last + 1", "len(A.conns) + 1")),
    Mutation("mail reaches a neighbour", "unix", "Loop.find", replace("A.index(B)", "A.index(B) - 1")),
    Mutation("two EV_CLOSE", "rp2-stock", "Connection.shut", twice("A.emit(_EV_CLOSE)")),
    Mutation("EV_CLOSE at once, inside the handler", "unix", "Connection.is_closing.setter", replace("A.closing += 1", "A.shut(self)")),
    Mutation("a closed connection is resumed", "unix", "Loop._resume", always("not A.is_closing")),
    Mutation("closed oldest first", "unix", "shutdown.shut_all", replace("A.conns[-1]", "A.conns[0]")),
    # --- sockets
    Mutation("no unregister before close", "unix", "Loop.unwatch", drop("A.unregister(B)")),
    Mutation("an accepted socket may block", "unix", "Listener.make_connection", drop("A.setblocking(False)")),
    Mutation("one connection more than max_conns", "unix", "Listener.accept", replace("A.accepted < B", "A.accepted <= B")),
    Mutation("accepted ones are not counted down", "esp32", "Connection.release", drop("A.accepted -= 1")),
    Mutation("a short write is taken for a whole one", "rp2-stock", "SendBuffer.drop", replace("A.sent += B", "A.sent = len(A.pieces[0])")),
    Mutation("a peer's end is not noticed", "unix", "Connection.ended", drop("A.state |= _ENDED"), drop("A.at_end()")),
    Mutation("a send does not ask for memory first", "rp2-stock", "send_memory.grant", never("memory is not None")),
    Mutation("peers that take nothing get all memory", "rp2-stock", "send_memory.grant", replace("cost + _RESERVE", "0")),
    Mutation("a paused connection is left unread", "rp2-stock", "Connection.look", replace("is_stuffed(A, B)", "B")),
    Mutation("a POLLOUT that lies is believed on and on", "rp2-stock", "SendBuffer.flush", drop("self.hold_back(A)")),
    Mutation("poll is never asked for room again", "rp2-stock", "SendBuffer.ask_again", drop("self.since = None")),
    Mutation("what was sent still counts", "unix", "SendBuffer.drop", drop("self.mgr.held -= A")),
    Mutation("what a closing connection had to send still counts", "esp32", "Connection.shut", drop("self.mgr.held -= A")),
    Mutation("an answered body still counts", "unix", "Exchange.end_answer", drop("self.release()")),
    Mutation("the body of a client that has gone still counts", "unix", "server.handler", drop("A.release()")),
    Mutation("a stream more than max_streams", "unix", "has_room_for_stream", replace("A < B.max_streams", "True")),
    Mutation("accepting goes on with no socket left", "esp32", "accept_failed", drop("A.pause(True)")),
    # --- time
    Mutation("a timer's wait is subtracted plainly", "rp2-stock", "Timers.time_left", plain_ticks()),
    Mutation("a timer's place is found by comparing ticks", "rp2-stock", "Timers.place", replace("ticks_diff(A, B) > C", "A - B > C")),
    Mutation("deadlines are subtracted plainly", "esp32", "Loop._look_at_deadline", plain_ticks()),
    Mutation("a deadline is compared plainly", "esp32", "Loop.due", replace("ticks_diff(A, B) < ticks_diff(C, D)", "A < C")),
    Mutation("the sweep forgets the next deadline", "unix", "Loop._look_at_deadline", drop("A.due(B)")),
    Mutation("a repeating timer drifts early", "unix", "Timers.repeat", replace("A * (B // C + 1)", "A * (B // C + 1) - 1")),
    Mutation("one timer more than max_timers", "unix", "Timers.add", replace("A >= B.max_timers", "A > B.max_timers")),
    # --- workers
    Mutation("a job's end is not posted", "unix", "WorkerPool.complete", replace("return A.post(self)", "return False")),
    Mutation("a refused start counts as a thread", "rp2-stock", "WorkerPool.start_threads", drop("A.count_thread(-1)")),
    Mutation("the worker that waits is not woken", "unix", "WorkerPool.submit", drop("A.lock.release()")),
    Mutation("a dropped job still counts as queued", "unix", "WorkerPool.abandon", drop("A.queued -= 1")),
    Mutation("on_done twice for a job with a pipe", "unix", "WorkerPool.finish", drop("if A != _DONE and A != _JOB_FAILED: return")),
    Mutation("a late result is handed over", "unix", "WorkerPool.complete", never("A != _RUNNING")),
    Mutation("jobs have no deadline", "unix", "WorkerPool.expired", always("ticks_diff(A, B) > 0")),
    Mutation("a pool is closed after the pipes of its jobs", "unix", "shutdown.shut_all", drop("A.pool.drop_all()")),
    # --- the collector
    Mutation("the loop asks for the free memory", "rp2-stock", "collect_early", replace("A.collect()", "A.mem_free()")),
    Mutation("the loop collects in each turn", "rp2-stock", "collect_early", always("ticks_diff(A, B) >= 0")),
    Mutation("the interval of collections has no lower bound", "rp2-stock", "Loop._set_up", replace("max(COLLECT_MS, A)", "1")),
    # --- the flash
    Mutation("the loop does not ask for the flash", "rp2-stock", "flash_queue.use_flash", never("not A.begin()")),
    Mutation("a file is looked up without the flash's lock", "rp2-stock", "send.find_answer", always("A.begin()")),
    Mutation("a lock that is taken is taken again", "rp2-stock", "Flash.begin", never("not A.acquire(B)")),
    Mutation("what waits for the flash is forgotten", "rp2-stock", "serve_flash_waiters", drop("A(B, C)")),
    # --- no memory, no descriptor
    Mutation("accepting goes on without memory", "unix", "Listener.event", drop("accept_failed(A, ENOMEM)")),
    Mutation("accepting takes the last descriptor", "unix", "Listener.event", never("SHARES_DESCRIPTORS")),
    Mutation("datagrams are asked for without memory", "unix", "UdpConnection.starve", drop("A.pause(True)")),
    Mutation("what finds no memory waits for ever", "unix", "reports.starve", drop("A.error(B)")),
    Mutation("to close needs memory", "unix", "Connection.is_closing.setter", replace("A.to_close[B] = self", "A.to_close[B] = [self][0]")),
    Mutation("a protocol without memory hides EV_OPEN", "unix", "Connection.emit", replace("A != _EV_OPEN and A != _EV_CLOSE", "True")),
    Mutation("a socket that is not watched stays in the table", "unix", "Loop.watch", drop("A.pop(B)")),
    Mutation("a socket without a connection stays open", "unix", "Listener.make_connection", drop("A.close()")),
    Mutation("a client that can't wait is kept", "unix", "overload.let_wait", drop("A.shut(B)")),
    Mutation(
        "a repeating timer needs memory",
        "unix",
        "Timers.fire",
        replace("A.repeat(B, C)", "A.all.pop(0)\nB.due = ticks_add(B.due, B.ms * (ticks_diff(C, B.due) // B.ms + 1))\nA.add(B)"),
    ),
    # --- HTTP
    Mutation("the next request before this one's answer", "unix", "server.serve", replace("A.phase < _WAITING", "A.phase <= _WAITING")),
    Mutation("a cut answer ends like a whole one", "unix", "Relay.on_done", always("A is None and not B and not C")),
    # --- names
    Mutation("the socket of the other address stays open", "unix", "Dialer.event", drop("self.drop(second)")),
    Mutation("a connection that closes forgets its second socket", "unix", "Dialer.closed", drop("self.drop(self.second)")),
    # --- TLS
    Mutation("a failed handshake leaves the TCP socket open", "esp32", "TlsConnection.release", replace("self.base.release(self)", "None")),
    Mutation("a TLS socket is closed while poll looks at it", "unix", "TlsConnection.close_tls", drop("A.unwatch(B)")),
    Mutation("TLS connections are not counted down", "esp32", "TlsConnection.close_tls", drop("A.tls_open -= 1")),
    Mutation("one TLS connection more than tls_conns", "unix", "TlsConnection.wrap", replace("A.tls_open >= B", "A.tls_open > B")),
    Mutation("handshakes have no deadline", "unix", "TlsListener.begin", drop("A.deadline(B, C)")),
    Mutation("a handshake without memory hides EV_OPEN", "rp2-mungo", "TlsListener.begin", replace("A.starve()", "raise")),
    Mutation("no room for TLS keeps a client for ever", "esp32", "TlsServer.no_room", replace("A >= B.busy_ms", "False")),
    # --- MQTT
    *MQTT[: times(USUAL, None)],
    *EVERYDAY[: times(EVERYDAY_USUAL, None)],
    *FLEET[: times(FLEET_USUAL, None)],
]


def find(mutation):
    """How the mutation is noticed: [the first seed that does, what it says, whether the library as it is passes that seed].

    None if no seed does; the error as text if the library has changed, and the mutation does not fit any more.
    """
    from .run import Runner, prepare

    prepare()
    try:
        runner = Runner(mutation.profile, mutation)
    except Misfit as er:
        return str(er)
    start = FIRST_SEED if mutation.function.startswith("Tls") else broker.FIRST_SEED if "mqtt" in mutation.file().parts else 0
    if any(mutation.what == one.what for one in EVERYDAY):  # (it comes from another process)
        start = everyday.FIRST_SEED
    if "fleet" in mutation.file().parts:
        start = fleet.FIRST_SEED
    first = HINTS.get(mutation.what, start)
    for seed in [*range(first, first + 50), *range(start, start + SEEDS)]:
        failure = runner.run(seed).failure
        if failure:
            return seed, failure, Runner(mutation.profile).run(seed).failure is None
    return None


def main():
    import json
    import os
    from concurrent.futures import ProcessPoolExecutor

    found = {}
    is_good = True
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for mutation, what in zip(MUTATIONS, pool.map(find, MUTATIONS), strict=True):
            found[mutation.what] = what
            is_good &= isinstance(what, tuple)
            if "--json" not in sys.argv:
                said = f"seed {what[0]:4}: {what[1][:90]!r}" if isinstance(what, tuple) else what or "not noticed"
                print(f"{mutation.what:50} {mutation.profile:10} {said}", flush=True)
    if "--json" in sys.argv:
        print(json.dumps(found))
    elif not is_good:
        sys.exit(1)


if __name__ == "__main__":
    main()
