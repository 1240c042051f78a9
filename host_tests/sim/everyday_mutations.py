"""Ways to break the everyday MQTT client, see mutations.py. The first are tried in each run of the tests, the others with THOROUGH=1."""

from .mutate_ast import Mutation, drop, never, replace

USUAL = 3

EVERYDAY = [
    Mutation("a SUBSCRIBE without an answer counts", "unix", "Subscriptions.begin", replace("not A or B.asked or C", "not A or C")),
    Mutation("a worker's message is not acknowledged", "esp32", "WorkerQueue.acknowledge", drop("A.msg.ack()")),
    Mutation("a message that was not written is not put back", "rp2-mungo", "FlashOutbox.write_waiting", drop("A.put_back(B)")),
    # --- the connection
    Mutation("a lost connection does not come back", "unix", "Link.lost", drop("self.retry_in(_PAUSE_MS)"), drop("self.retry_in(A or B)")),
    Mutation("subscriptions are not renewed", "unix", "Subscriptions.begin", drop("A.asked = None")),
    Mutation("a subscription is asked for again and again", "unix", "Subscriptions.ask", drop("A.asked = B")),
    # --- what is published
    Mutation("on_done is not called", "unix", "Client.command", drop("self.finish(A)")),
    Mutation(
        "on_done is called before the broker has it",
        "unix",
        "mqtt.client.Client.send",
        never("not qos"),
        replace("self.under_way.append(A)", "self.finish(A)"),
    ),
    Mutation("a message that was not taken is not put back", "esp32", "Client.send_next", drop("A.put_back(B)")),
    Mutation("a session that is lost keeps what it had", "unix", "Client.resume", drop("self.finish(self.under_way.pop(A))")),
    Mutation(
        "calls of on_done beyond one turn's are forgotten", "unix", "Client.deliver", drop("self.wake()"), replace("A < _CALLS", "A < 1")
    ),
    Mutation("the end forgets what is under way", "unix", "Client.on_keeper", replace("self.finish(A.pop(), B)", "A.pop()")),
    # --- workers
    Mutation("a handler is called twice", "unix", "WorkerQueue.start", drop("A.pop(B)")),
    Mutation("two messages of a topic at once", "unix", "WorkerQueue.start", drop("busy.append(topic)")),
    Mutation("what waits for a worker is not started", "esp32", "WorkerQueue.go_on", drop("self.start()")),
    Mutation("what was paused is not read again", "unix", "WorkerQueue.go_on", replace("A > B.receive_maximum", "True")),
    # --- the flash
    Mutation("a file is removed whose message is under way", "unix", "Journal.remove_done", replace("A or B < C.number <= D.last", "A")),
    Mutation("a file that could not be made is in the list", "unix", "Journal.write", drop("self.files.pop()")),
    Mutation("what has come is not restored", "unix", "FlashOutbox.restore", drop("A.received += B")),
    Mutation("a record follows one that is torn", "unix", "Journal.write", drop("self.is_whole = False")),
    Mutation("the identifier of QoS 2 is not saved", "unix", "FlashSession.put", never("A[0] & 6 == 4")),
    Mutation("PUBREC is not saved", "unix", "FlashSession.update", drop("self.save_now()")),
    Mutation("what has come is not saved", "unix", "FlashSession.receive", drop("self.save_now()")),
    Mutation("what was released is not saved", "unix", "FlashSession.release", drop("self.save_now()")),
    Mutation("a message that is over stays", "unix", "FlashSession.remove", drop("self.entries.remove(A)")),
    Mutation("a PUBREC is not restored", "unix", "FlashOutbox.restore", never("A.is_released")),
    Mutation("what was sent counts as not sent", "unix", "Journal.sent", drop("self.unsent = A + 1")),
    Mutation("what has its PUBREC is forgotten", "unix", "FlashOutbox.restore", drop("A.restore(B, None)")),
    Mutation("a damaged record is taken", "unix", "Journal.scan", replace("len(A) < 4 or B != C", "len(A) < 4")),
    Mutation("a state that could not be saved is left", "unix", "FlashOutbox.write_all", drop("self.save_now()")),
    Mutation("the folder has no limit", "unix", "Journal.has_room", replace("A <= self.most", "True")),
]
