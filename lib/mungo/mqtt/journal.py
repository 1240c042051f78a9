# Messages on flash, until the broker has them. The files of a folder are one log: whatever changes is appended, and a file is removed when
# nothing in it counts any more. A power cut leaves all that was written before. A record that is cut off or damaged has a wrong checksum,
# and nothing is appended behind one: a new file follows. If the first write of a file fails, the next attempt begins the same file anew.
#
#   record     kind; length of the rest (2 bytes); the rest; CRC-32 of all that
#   MESSAGE    its number (4 bytes), which counts up, and the message as bytes
#   STATE      what else there is to know. The last one counts; each file begins with one. The number of the last message: those behind it
#              in earlier files come from a write that has failed, and do not count. The number of the first one that was not sent yet; for
#              each that was sent, and is not done, its number, its packet identifier and whether PUBREC has come; the identifiers of what
#              has come with QoS 2 and was not released
#
# What is written before something is sent (section 4.1): a message, and its identifier; PUBREC, before PUBREL; the identifier of what comes
# with QoS 2, before the handler. That a message is done is written with the next record, or when the file is removed: until then a reset
# has it sent again, with QoS 2 its PUBREL alone.
import os
from binascii import crc32
from errno import EEXIST, ENOENT
from struct import pack, unpack

_MESSAGE_RECORD = const(1)
_STATE_RECORD = const(2)
_FILE_TRIES = const(30)  # to read a file


class File:
    """A file of the log: `number`, which is its name, its bytes, the number of the last message in it, and where `find` goes on."""

    def __init__(self, number, last):
        self.number = number
        self.size = 0
        self.last = last
        self.at = 0
        self.faults = 0  # times that it could not be read


class Entry:
    """A message that was sent, and is not done."""

    def __init__(self, number, id, is_released):
        self.number = number
        self.id = id
        self.is_released = is_released


def record(kind, head, data=b""):
    """The pieces of a record. (A large message is not copied once more.)"""
    head = pack("<BH", kind, len(head) + len(data)) + head
    return [head, data, pack("<I", crc32(data, crc32(head)))]


class Journal:
    """The log in a folder, of about `most` bytes. Whoever calls its methods has the flash, see port/flash.py. They raise OSError as the
    file system does."""

    def __init__(self, folder, most):
        self.folder = folder
        self.file_bytes = min(4096, most // 4)  # then a new file begins
        self.most = most
        self.files = []
        self.next_file = 0  # the number of the next one
        self.is_whole = False  # the last file may be appended to
        self.entries = []  # oldest first
        self.received = []  # identifiers
        self.written = 0  # the number of the last message that was written,
        self.unsent = 1  # and of the next one to be sent

    def load(self):
        """Find what a reset has left."""
        Journal.__init__(self, self.folder, self.most)  # (an attempt before has failed)
        try:
            os.mkdir(self.folder)
        except OSError as er:
            if er.errno != EEXIST:
                raise
        for name in sorted(os.listdir(self.folder)):
            if len(name) == 8 and not name.strip("0123456789"):
                file = File(int(name), self.written)
                self.files.append(file)
                self.next_file = file.number + 1
                self.scan(file, None)
                file.last = self.written

    def find(self, number):
        """The first message with this number or a later one: (number, bytes); None if there is none. The next call wants no earlier one. A
        file that can't be read raises OSError 30 times, and is passed over then."""
        for file in self.files:
            if file.last >= number and file.faults < _FILE_TRIES:
                try:
                    found = self.scan(file, number)
                except OSError:
                    file.faults += 1
                    raise
                if found:
                    return found
        return None

    def scan(self, file, number):
        """`find` in one file; or, if `number` is None, take over the state and the number of the last message."""
        with open(self.path(file), "rb") as stream:
            at = stream.seek(file.at)
            while True:
                head = stream.read(3)
                data = stream.read(4 + (head[1] | head[2] << 8)) if len(head) == 3 else b""
                if len(data) < 4 or pack("<I", crc32(data[:-4], crc32(head))) != data[-4:]:
                    return None
                n = unpack("<I", data[:4])[0]
                if number is None:
                    file.size += len(data) + 3
                    if head[0] == _STATE_RECORD:
                        self.unpack_state(data)
                    self.written = n
                elif head[0] == _MESSAGE_RECORD and number <= n <= file.last:
                    file.at = at
                    return n, data[4:-4]
                at += len(data) + 3

    # --- what is written

    def append(self, messages):
        """Write messages, each as bytes, at once. Returns the number of the last one."""
        number = self.written
        pieces = []
        for message in messages:
            number += 1
            pieces += record(_MESSAGE_RECORD, pack("<I", number), message)
        self.write(pieces)
        self.written = self.files[-1].last = number
        return number

    def save(self):
        """Write the state."""
        self.write([] if self.needs_file() else record(_STATE_RECORD, self.pack_state()))

    def write(self, pieces):
        """Append the pieces of records, in a new file if it is time for one. If that fails there is no such file."""
        is_new = self.needs_file()
        if is_new:
            pieces = record(_STATE_RECORD, self.pack_state()) + pieces
            file = File(self.next_file, self.written)
            path = self.path(file)
            self.files.append(file)
        else:
            file = self.files[-1]
            path = self.path(file)
            self.is_whole = False
        try:
            with open(path, "wb" if is_new else "ab") as stream:
                for piece in pieces:
                    file.size += len(piece)
                    stream.write(piece)
        except Exception:
            if is_new:
                self.files.pop()
                try:
                    os.remove(path)
                except OSError:
                    pass  # it was never made: what is raised next says why
            raise
        self.next_file = file.number + 1
        self.is_whole = True

    def needs_file(self):
        """Whether a new file begins with the next record."""
        return not self.is_whole or self.files[-1].size >= self.file_bytes

    def pack_state(self):
        """The state as bytes."""
        data = pack("<IIHH", self.written, self.unsent, len(self.entries), len(self.received))
        for entry in self.entries:
            data += pack("<IHB", entry.number, entry.id, entry.is_released)
        for id in self.received:
            data += pack("<H", id)
        return data

    def unpack_state(self, data):
        """Take the state of these bytes."""
        written, self.unsent, n, more = unpack("<IIHH", data[:12])
        for file in self.files:
            file.last = min(file.last, written)
        end = 12 + 7 * n
        self.entries = [Entry(*unpack("<IHB", data[at : at + 7])) for at in range(12, end, 7)]
        self.received = [unpack("<H", data[at : at + 2])[0] for at in range(end, end + 2 * more, 2)]

    # --- what is over

    def sent(self, number, id):
        """The next message, which has this number, is to be sent with this packet identifier. Returns its Entry."""
        entry = Entry(number, id, False)
        self.entries.append(entry)
        self.unsent = number + 1
        return entry

    def remove_done(self):
        """Remove the files in which nothing counts any more: no message, and no state, which the last file has."""
        at = before = 0
        while at < len(self.files):
            file = self.files[at]
            counts = file.last >= max(self.unsent, before + 1)
            for entry in self.entries:
                counts = counts or before < entry.number <= file.last
            if counts or at == len(self.files) - 1 and (at or self.received):
                at += 1
                before = file.last
            else:
                self.remove_file(at)

    def remove_file(self, at):
        """Remove a file."""
        try:
            os.remove(self.path(self.files[at]))
        except OSError as er:
            if er.errno != ENOENT:
                raise
        self.files.pop(at)
        self.is_whole = self.is_whole and len(self.files) > 0

    def has_room(self, n):
        """Whether `n` bytes more are within the limit."""
        for file in self.files:
            n += file.size
        return n <= self.most

    def drop_oldest(self):
        """Remove the oldest file, if it has messages that were not sent; their number."""
        n = 0
        if self.files and self.files[0].last >= self.unsent:
            n = self.files[0].last + 1 - self.unsent
            self.remove_file(0)
            self.unsent += n
        return n

    def path(self, file):
        """Where a file is."""
        return "%s/%08d" % (self.folder, file.number)
