# Messages on flash: the power is cut at each write of a littlefs, and in the middle of each; FAT and the host's file system alike.

import gc
import os

from cutflash import Flash, Mounted, make
from mungo.mqtt.journal import Journal

LANES = ("upy", "upy-192k")
MIN_HEAP = "192k"

FOLDER = "/flash/outbox"


class Device(Flash):
    """A flash with the content of another one, whose power is cut for good."""

    def __init__(self, data):
        self.data = data
        self.done = 0
        self.cut = None
        self.is_half = False
        self.is_dark = False


def fresh():
    """The content of a flash without files."""
    return bytes(make().data)


def loaded(most=8000):
    journal = Journal(FOLDER, most)
    journal.load()
    return journal


def left(journal):
    """{number: message} of all that is not done, in the order in which it would be sent."""
    found = []
    for entry in journal.entries:
        number, text = journal.find(entry.number) or (0, None)
        found.append((entry.number, text if number == entry.number else None))
    while True:
        one = journal.find(journal.unsent)
        if one is None:
            return found
        found.append(one)
        journal.sent(one[0], 0)


def message(number, size=40):
    return b"message %d " % number + b"x" * size


class Truth:
    """What a program knows to be on flash."""

    def __init__(self):
        self.written = set()
        self.maybe = set()  # the power was cut while it was written
        self.done = set()
        self.released = set()
        self.maybe_released = set()
        self.received = set()
        self.maybe_received = set()


def work(journal, truth):
    """All that a client does with its journal, some of it several times, over many files."""

    def append(n):
        numbers = [journal.written + 1 + i for i in range(n)]
        truth.maybe.update(numbers)
        assert journal.append([message(number) for number in numbers]) == numbers[-1]
        truth.written.update(numbers)

    def send(id):
        entry = journal.sent(journal.find(journal.unsent)[0], id)
        journal.save()
        return entry

    def release(entry):
        entry.is_released = True
        truth.maybe_released.add(entry.number)
        journal.save()
        truth.released.add(entry.number)

    def done(entry):
        truth.done.add(entry.number)
        journal.entries.remove(entry)
        journal.remove_done()

    for _ in range(2):
        append(1)
        one = send(7)
        done(one)  # nothing is left
        append(3)
        one, two = send(8), send(9)
        journal.received.append(500)
        truth.maybe_received.add(500)
        journal.save()
        truth.received.add(500)
        release(one)
        append(8)
        done(two)
        done(one)
        for id in range(9):
            entry = send(id + 1)
            if id & 1:
                release(entry)
            done(entry)
        truth.received.clear()
        journal.received.clear()
        journal.remove_done()


def test_a_power_cut_at_each_write():
    data = fresh()
    content = bytearray(data)
    for is_half in (False, True):
        n = 0
        is_through = False
        while not is_through:
            n += 1
            gc.collect()
            content[:] = data
            flash = Device(content)
            truth = Truth()
            with Mounted(flash):
                journal = loaded(1200)  # files of 300 bytes
                flash.cut = n
                flash.is_half = is_half
                try:
                    work(journal, truth)
                    is_through = True
                except OSError:
                    pass
            with Mounted(Device(content)):
                journal = loaded(1200)
                entries = {entry.number: entry for entry in journal.entries}
                for number in truth.released - truth.done:
                    assert entries[number].is_released, (n, is_half, number)
                for number, entry in entries.items():
                    assert not entry.is_released or number in truth.maybe_released
                assert truth.received <= set(journal.received) <= truth.maybe_received, (n, journal.received)
                found = left(journal)
                numbers = [number for number, _ in found]
                assert numbers == sorted(set(numbers))
                for number, text in found:
                    # (One that was sent may be gone, if it is done.)
                    assert text == message(number) or text is None and number in truth.done, (n, number, text)
                numbers = set(numbers)
                assert truth.written - truth.done <= numbers <= truth.maybe, (n, is_half, numbers, truth.written, truth.done)
                # And the log goes on.
                journal.append([b"later"])
                again = loaded(1200)
                assert b"later" in [text for _, text in left(again)]
        print("%d writes" % n)
        assert n > 60


def test_nothing_is_left_when_all_is_done():
    with Mounted(Flash(fresh())):
        work(loaded(1200), Truth())
        assert os.listdir(FOLDER) == []


def test_what_is_damaged_ends_its_file_alone():
    with Mounted(Flash(fresh())):
        journal = loaded(1200)
        for number in range(1, 13):
            journal.append([message(number)])
        names = sorted(os.listdir(FOLDER))
        assert len(names) > 2
        path = FOLDER + "/" + names[1]
        with open(path, "rb") as file:
            data = bytearray(file.read())
        data[len(data) // 2] ^= 1
        with open(path, "wb") as file:
            file.write(data)
        found = left(loaded(1200))
        numbers = [number for number, _ in found]
        assert [text for _, text in found] == [message(number) for number in numbers]
        assert 12 in numbers and 1 in numbers and 6 < len(numbers) < 12 and numbers == sorted(numbers), numbers
        with open(FOLDER + "/notes.txt", "w") as file:
            file.write("mine")
        loaded(1200)
        assert "notes.txt" in os.listdir(FOLDER)


def test_a_write_that_fails_is_not_appended_to():
    flash = Flash(fresh())
    with Mounted(flash):
        journal = loaded()
        journal.append([b"one"])
        flash.cut = 3
        flash.done = 0
        flash.is_half = True
        try:
            journal.append([b"two" * 200])
            raise AssertionError("it was written")
        except OSError:
            pass
        flash.cut = None
        journal.append([b"three"])
    with Mounted(Flash(flash.data)):
        texts = [text for _, text in left(loaded())]
        assert texts[0] == b"one" and texts[-1] == b"three" and len(texts) <= 3, texts


def test_the_oldest_file_makes_room():
    with Mounted(Flash(fresh())):
        journal = loaded(1200)
        dropped = 0
        for number in range(1, 41):
            while not journal.has_room(70):
                n = journal.drop_oldest()
                assert n > 0
                dropped += n
            journal.append([message(number)])
        found = left(journal)
        assert [number for number, _ in found] == list(range(dropped + 1, 41)) and len(found) >= 9
        assert [number for number, _ in left(loaded(1200))] == list(range(dropped + 1, 41))
