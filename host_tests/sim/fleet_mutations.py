"""Ways to break a fleet, see mutations.py. The first are tried in each run of the tests, the others with THOROUGH=1."""

from .mutate_ast import Mutation, drop, never, replace, twice

USUAL = 3

FLEET = [
    Mutation(
        "one job more than at_once",
        "unix",
        "Worker.start",
        replace("A.busy < A.at_once and A.waiting", "A.busy <= A.at_once and A.waiting"),
    ),
    Mutation("a job's on_done is called twice", "unix", "Submitter.finish", twice("A.call(...)")),
    # --- the board that submits
    Mutation("a job that is over stays", "unix", "Submitter.finish", drop("self.jobs.pop(A)")),
    Mutation("a job that is lost is not sent again", "unix", "Submitter.resend", drop("self.wait(A, True)")),
    Mutation("a job that no board has room for is forgotten", "esp32", "Submitter.full", drop("self.wait(A, True)")),
    Mutation("what is not under way counts", "unix", "Submitter.take_back", drop("A.under_way -= 1")),
    Mutation(
        "late results are not counted", "unix", "Submitter.deliver", drop("A['duplicates' if id in self.sent_again else 'late'] += 1")
    ),
    Mutation("a client that leaves keeps its jobs", "unix", "fleet.submitter.Submitter.client_gone", drop("self.cancel(A)")),
    Mutation("deadlines do not matter", "unix", "fleet.submitter.Submitter.look", never("A <= 0")),
    Mutation("a fleet that stops forgets its jobs", "unix", "fleet.submitter.Submitter.stop", drop("self.end(A, B)")),
    Mutation("two boards may begin a job that may run once", "unix", "Submitter.on_taken", replace("A or B or C and D != E", "A or B")),
    # --- the board that works
    Mutation("a job that has ended still counts", "unix", "fleet.worker.Worker.done", drop("A.busy -= 1")),
    Mutation("a job that comes again is one more", "unix", "fleet.worker.Worker.take", never("A in self.runs or B")),
    Mutation("a job that is done is not acknowledged", "unix", "fleet.worker.Worker.answer", drop("A.ack()")),
    Mutation("a job that is dropped is not acknowledged", "unix", "fleet.worker.Worker.drop", drop("A.ack()")),
    Mutation("a job that is dropped keeps its place", "unix", "fleet.worker.Worker.drop", drop("A.busy -= 1")),
    Mutation("what may run once does not wait for go", "unix", "fleet.worker.Worker.ready", never("A and not B.idempotent")),
    Mutation("a board that has room again does not join", "unix", "fleet.worker.Worker.start", drop("self.join(A)")),
    Mutation("the pool gives up what runs", "unix", "fleet.worker.Worker.call", replace("_FOREVER_MS", "100")),
    # --- pieces
    Mutation(
        "a piece that comes twice is data", "unix", "Pieces.on_piece", replace("A is None or B != C or D != E", "A is None or D != E")
    ),
    Mutation("large results are kept for ever", "unix", "Pieces.look", drop("self.results = A")),
    Mutation("a board's own large result is its job's data", "unix", "Pieces.on_get", drop("data = kept[2]")),
]
