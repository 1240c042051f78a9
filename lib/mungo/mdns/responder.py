# A responder (RFC 6762): it finds a name that nobody else has, tells all, and answers questions for it. An answer has all that there is to
# tell, a few hundred bytes: so who has asked for one thing need not ask for the next.
import struct
from os import urandom
from time import ticks_diff, ticks_ms

from . import is_whole, open_socket, pack, read

_EV_READ = const(7)

_PROBES = const(3)
_TURNS = const(5)  # these, and two announcements
_HOLD_S = const(120)  # that others may keep the records


class Responder:
    """Answers for `name`.local with this device's `address`, and for an HTTP server at `port` with these properties ("path=/", ..).

    If another device has the name, it becomes name-2, name-3, ..: `name` has the one in use, and `fn(name)` is called when it is known,
    after a second. Names are in lower case. Needs the port 5353: OSError(EADDRINUSE) if the system has a responder, which answers
    instead; what a board's own answers to is set by `network.hostname`. ValueError for a name of more than 60 bytes or with a dot.
    """

    def __init__(self, mgr, name, address, port=0, text=("",), fn=None):
        if not 0 < len(name.encode()) < 61 or "." in name:
            raise ValueError("%r: want 1 to 60 bytes, no dot" % name)
        self.mgr = mgr
        self.base = name.lower()
        self.port = port
        self.text = pack(text)
        self.fn = fn
        self.number = self.sent = 0
        self.timer = None
        self.c = open_socket(mgr, address, self.event, 5353)
        try:
            self.choose(urandom(1)[0])
        except Exception:  # no timer, or no memory
            self.c.is_closing = True
            raise

    def choose(self, ms):
        """Begin with the next name, in `ms`."""
        number = self.number + 1
        name = self.base if number < 2 else "%s-%d" % (self.base, number)
        label = pack([name])
        host = label + b"\5local\0"
        own = {host + b"\0\1\0\1": self.c.own}  # what nobody else may have: key -> value
        found = {host + b"\0\x2f\0\1": host + b"\0\1\x40"}  # and the rest: there are no addresses but IPv4
        if self.port:
            service = b"\5_http\4_tcp\5local\0"
            instance = label + service
            own[instance + b"\0\x10\0\1"] = self.text
            own[instance + b"\0\x21\0\1"] = struct.pack("!IH", 0, self.port) + host
            found[service + b"\0\x0c\0\1"] = instance
            found[b"\x09_services\7_dns-sd\4_udp\5local\0\0\x0c\0\1"] = service
        found.update(own)
        self.wait(ms, 0)
        self.number = number  # (if there is no memory, nothing has changed)
        self.name = name
        self.own = own
        self.all = found

    def wait(self, ms, step):
        """Go on in `ms`; from step 0, to ask three times whether somebody has the name (section 8.1)."""
        if self.timer:
            self.timer.cancel()
        self.step = step
        self.timer = self.mgr.timer(ms, self.turn)

    def turn(self, _):
        """Ask, announce (section 8.3), or answer."""
        self.timer = None
        step = self.step = self.step + 1
        if step < _TURNS:  # (first: without memory for a packet the next one may be sent)
            self.wait(250 if step <= _PROBES else 1000, step)
        self.sent = ticks_ms()
        self.send(_HOLD_S)
        if step == _PROBES + 1 and self.fn:
            self.fn(self.name)

    def send(self, seconds, id=b"\0\0", asked=b"", n=0):
        """Send all records, or while it probes its questions; as an answer to a question (`n` is 1), to the one who has `asked`."""
        found = self.all
        if not n:
            self.c.peer = self.c.group
        counts = 0x8400, n, len(found), 0, 0
        if self.step <= _PROBES:
            found = self.own
            n = len(found)
            counts = 0, n, 0, n, 0
        data = b""
        for key, value in found.items():
            if not counts[0]:
                asked += key[:-4] + b"\0\xff\0\1"
            # The uppermost bit of the class: this takes the place of what was known (section 10.2).
            data += key[:-2] + (b"\0\1" if asked or key[-3] == 12 else b"\x80\1") + struct.pack("!IH", seconds, len(value)) + value
        self.c.send(id + struct.pack("!5H", *counts) + asked + data)

    def event(self, c, ev, data, _):
        """The handler of the socket."""
        if ev != _EV_READ or not is_whole(data):
            return
        is_from_all = c.rem[-5:] == ":5353"
        is_probing = self.step <= _PROBES
        is_answer = data[2] > 127
        wanted = {}
        theirs = []
        asked = b""
        for section, key, seconds, value in read(data):
            if section == 2 and key in self.own:
                theirs.append((key, value))
            for mine in self.all:
                if mine[:-4] == key[:-4]:
                    if section == 0:
                        wanted[mine] = self.all[mine]
                        asked = key
                    elif is_answer:
                        if seconds and is_from_all and mine in self.own and (is_probing or key == mine) and self.all.get(key) != value:
                            return self.choose(250 if self.number < 15 else 5000) if is_probing else self.wait(250, 0)
                    elif section == 1 and wanted.get(key) == value and seconds >= _HOLD_S // 2:
                        wanted.pop(key)  # it is known there (section 7.1)
        if is_answer:
            return
        if is_probing:
            for key, value in sorted(theirs):  # they probe at the same time: the greater one has it (section 8.2)
                if value != self.own[key]:
                    return value > self.own[key] and self.wait(1000, 0)
        elif wanted:
            if not is_from_all:
                self.send(10, data[:2], asked, 1)
            elif data[9]:  # a probe
                self.wait(0, _TURNS)
            elif not self.timer:
                self.wait(max(20 + urandom(1)[0] % 100, 1000 - ticks_diff(ticks_ms(), self.sent)), _TURNS)

    def close(self):
        """Say goodbye, and close. A manager that is closed closes it without that."""
        if self.step > _PROBES:
            self.send(0)
        self.c.is_closing = True
        if self.timer:
            self.timer.cancel()
