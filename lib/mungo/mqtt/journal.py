# Messages on flash, until the broker has them. The files of a folder are one log: whatever changes is appended, and a file is removed when
# nothing in it counts any more. A power cut leaves all that was written before. A record that is cut off or damaged has a wrong checksum,
# and nothing is appended behind one: each start, and each failure, begins a new file.
#
#   record     kind; length of the rest (2 bytes); the rest; CRC-32 of all that
#   MESSAGE    its number (4 bytes), which counts up, and the message as bytes
#   STATE      what else there is to know. The last one counts; each file begins with one. The number of the first message that was not sent
#              yet; for each that was sent, and is not done, its number, its packet identifier and whether PUBREC has come; the identifiers
#              of what has come with QoS 2 and was not released
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


class File:
    """A file of the log: `number`, which is its name, its bytes, and the number of the last message in it."""

    def __init__(self, number, last):
        self.number = number
        self.size = 0
        self.last = last


class Entry:
    """A message that was sent, and is not done."""

    def __init__(self, number, id, is_released):
        self.number = number
        self.id = id
        self.is_released = is_released


def record(kind, data):
    """A record as bytes."""
    data = pack("<BH", kind, len(data)) + data
    return data + pack("<I", crc32(data))


class Journal:
    """The log in a folder, of about `most` bytes. Whoever calls its methods has the flash, see port/flash.py. They raise OSError as the
    file system does."""

    def __init__(self, folder, most):
        self.folder = folder
        self.file_bytes = min(4096, most // 4)  # then a new file begins
        self.most = most
        self.files = []
        self.is_whole = False  # the last file may be appended to
        self.entries = []  # oldest first
        self.received = []  # identifiers
        self.written = 0  # the number of the last message that was written,
        self.unsent = 1  # and of the next one to be sent

    def load(self):
        """Find what a reset has left."""
        try:
            os.mkdir(self.folder)
        except OSError as er:
            if er.errno != EEXIST:
                raise
        for name in sorted(os.listdir(self.folder)):
            if len(name) == 8 and not name.strip("0123456789"):
                file = File(int(name), self.written)
                self.files.append(file)
                self.scan(file, None)
                file.last = self.written
        self.remove_done()

    def find(self, number):
        """The first message with this number or a later one: (number, bytes); None if there is none."""
        for file in self.files:
            if file.last >= number:
                try:
                    found = self.scan(file, number)
                except OSError as er:
                    if er.errno != ENOENT:  # (it could not be made)
                        raise
                    found = None
                if found:
                    return found
        return None

    def scan(self, file, number):
        """`find` in one file; or, if `number` is None, take over the state and the number of the last message."""
        with open(self.path(file), "rb") as stream:
            while True:
                head = stream.read(3)
                data = stream.read(4 + (head[1] | head[2] << 8)) if len(head) == 3 else b""
                if len(data) < 4 or pack("<I", crc32(head + data[:-4])) != data[-4:]:
                    return None
                if number is None:
                    file.size += len(data) + 3
                    if head[0] == _STATE_RECORD:
                        self.unpack_state(data[:-4])
                        self.written = max(self.written, self.unsent - 1)
                    else:
                        self.written = unpack("<I", data[:4])[0]
                elif head[0] == _MESSAGE_RECORD and unpack("<I", data[:4])[0] >= number:
                    return unpack("<I", data[:4])[0], data[4:-4]

    # --- what is written

    def append(self, messages):
        """Write messages, each as bytes, at once. Returns the number of the last one."""
        data = b""
        for message in messages:
            self.written += 1  # (also if it fails: who knows what was written)
            data += record(_MESSAGE_RECORD, pack("<I", self.written) + message)
        self.write(data)
        self.files[-1].last = self.written
        return self.written

    def save(self):
        """Write the state."""
        self.write(b"" if self.needs_file() else record(_STATE_RECORD, self.pack_state()))

    def write(self, data):
        """Append records, in a new file if it is time for one."""
        if self.needs_file():
            self.files.append(File(self.files[-1].number + 1 if self.files else 0, self.written))
            data = record(_STATE_RECORD, self.pack_state()) + data
        file = self.files[-1]
        self.is_whole = False
        with open(self.path(file), "ab") as stream:
            stream.write(data)
        file.size += len(data)
        self.is_whole = True

    def needs_file(self):
        """Whether a new file begins with the next record."""
        return not self.is_whole or self.files[-1].size >= self.file_bytes

    def pack_state(self):
        """The state as bytes."""
        data = pack("<IHH", self.unsent, len(self.entries), len(self.received))
        for entry in self.entries:
            data += pack("<IHB", entry.number, entry.id, entry.is_released)
        for id in self.received:
            data += pack("<H", id)
        return data

    def unpack_state(self, data):
        """Take the state of these bytes."""
        self.unsent, n, more = unpack("<IHH", data[:8])
        self.entries = [Entry(*unpack("<IHB", data[at : at + 7])) for at in range(8, 8 + 7 * n, 7)]
        self.received = [unpack("<H", data[at : at + 2])[0] for at in range(8 + 7 * n, len(data), 2)]

    # --- what is over

    def sent(self, number, id):
        """The next message, which has this number, is to be sent with this packet identifier. Returns its Entry."""
        entry = Entry(number, id, False)
        self.entries.append(entry)
        self.unsent = number + 1
        return entry

    def done(self, entry):
        """The broker has a message."""
        self.entries.remove(entry)
        self.remove_done()

    def remove_done(self):
        """Remove the files in which nothing counts any more."""
        first = self.entries[0].number if self.entries else self.unsent
        while self.files and self.files[0].last < first and (len(self.files) > 1 or not self.received):
            self.remove_file()

    def remove_file(self):
        """Remove the oldest file."""
        try:
            os.remove(self.path(self.files[0]))
        except OSError as er:
            if er.errno != ENOENT:
                raise
        self.files.pop(0)
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
            self.remove_file()
            self.unsent += n
        return n

    def path(self, file):
        """Where a file is."""
        return "%s/%08d" % (self.folder, file.number)
