"""Targets: what a name server answers."""

from mungo.dns.packets import make_question, read_answer, read_name

QUESTIONS = [make_question(b"id", "www.example.org", kind) for kind in (1, 28)]


def dns(data):
    """An answer, without its first bytes if the first one says so: addresses of the family that was asked for, within all limits; the same
    whatever follows it; or none. A name that is read is one, and ends in the message."""
    if not data:
        return None
    question = QUESTIONS[data[0] & 1]
    first = data[0]
    data = bytes(data[1:])
    if first & 2:  # then what follows is its flags, its counts and its records
        data = question[:2] + data[:2] + b"\0\1" + data[2:8] + question[12:] + data[8:]
    for at in range(0, len(data), 7):
        try:
            name, end = read_name(data, at)
        except (ValueError, IndexError):
            continue
        if not at < end <= len(data) or len(name) > 254 or name != name.lower():
            raise AssertionError("%r %d" % (name, end))
        left = name
        while left:
            if not 0 < left[0] < 64 or len(left) <= left[0]:
                raise AssertionError("%r" % name)
            left = left[1 + left[0] :]
    answer = read_answer(data, question)
    if read_answer(data, QUESTIONS[1 - (first & 1)]) is not None and answer is not None:
        raise AssertionError("an answer to both")
    if answer is None:
        return None
    rcode, addresses, seconds = answer
    if not -1 <= rcode < 16 or len(addresses) > 8 or not 0 <= seconds < 1 << 31:
        raise AssertionError("%r" % (answer,))
    for one in addresses:
        numbers = [int(n, 16) for n in one.split(":")] if first & 1 else [int(n) for n in one.split(".")]
        if len(numbers) != (8 if first & 1 else 4) or max(numbers) > (65535 if first & 1 else 255):
            raise AssertionError(one)
    if read_answer(data + b"\xc0\x0c\0\1", question) != answer:
        raise AssertionError("%r" % (answer,))
    return answer
