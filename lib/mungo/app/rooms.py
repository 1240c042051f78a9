# A message for many: WebSockets (`@app.websocket`) and readers of events (`@app.events`) that belong together.
from .members import packed, unpacked


class Room:
    """A group of WebSockets and event streams. They leave it by themselves when they close.

        room = Room()
        @app.websocket("/chat")
        def chat(req, ws):
            room.add(ws)
            while True:
                room.send((yield))

    `pipe`: whether other threads may use `post`, which costs one of `max_pipes`.
    """

    def __init__(self, pipe=False):
        self.members = []
        self.wants_pipe = pipe
        self.end = None  # the worker's end of a pipe to this room

    def __len__(self):
        return len(self.members)

    def add(self, member):
        """Let `member`, what a handler got with its request, take part; if it is not open yet, from then on. Loop's thread."""
        if self not in member.rooms:
            member.rooms.append(self)
        if member.is_open and member not in self.members:
            self.members.append(member)
            if self.wants_pipe and self.end is None:
                self.end = member.c.mgr.mkpipe(self.from_pipe)

    def discard(self, member):
        """Let `member` not take part any more. Loop's thread."""
        if member in self.members:
            self.members.remove(member)
        if self in member.rooms:
            member.rooms.remove(self)

    def send(self, data, **fields):
        """Send to all members: a str, bytes (WebSockets only), or what JSON can express; `event=`, `id=` and `retry=` are for events.
        The message is made once for each kind of member. One that is so slow that `send_limit` is reached is closed. Loop's thread."""
        kinds = {type(member): member for member in self.members}
        for kind in kinds:
            kinds[kind].send_to([member.c for member in self.members if type(member) is kind], data, fields)

    def post(self, data):
        """`send` for any thread, of a str or bytes, in a room that was made with `pipe=True`. Waits while the pipe is full; does nothing
        while the room has no members. Raises OSError when the manager is closed."""
        if self.end is not None:
            self.end.send(packed(data))

    def from_pipe(self, c, ev, data, fn_data):
        """The handler of the pipe."""
        if ev == 7:  # EV_READ
            self.send(unpacked(data))
        elif ev == 9:  # EV_CLOSE
            self.end = None
