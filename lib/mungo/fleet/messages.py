# The payloads of a fleet's messages: JSON or bytes.
from ..http.json_reader import loads
from ..http.json_writer import dumps

DATA_LIMIT = 65536  # bytes of a job's data or result
PIECE = 2048  # bytes: what is longer comes in pieces
_NAME = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"


def is_name(name):
    """Whether this can be one level of a topic."""
    return isinstance(name, str) and 0 < len(name) < 65 and not name.strip(_NAME)


def check_name(name, what):
    """Raise ValueError for what can't be a name."""
    if not is_name(name):
        raise ValueError("%s %r: want 1 to 64 of A-Z a-z 0-9 . _ -" % (what, name))


def is_of(id, sender):
    """Whether the board `sender` has submitted the job `id`: a job's other boards neither end it nor get its result."""
    return id.startswith(sender.encode() + b"/")


def pack(value):
    """(bytes, whether they are JSON) of a job's data or result. Raises TypeError or ValueError for what can't be one."""
    is_json = not isinstance(value, (bytes, bytearray, memoryview))
    data = dumps(value).encode() if is_json else bytes(value)
    if len(data) > DATA_LIMIT:
        raise ValueError("%d bytes: want at most %d" % (len(data), DATA_LIMIT))
    return data, is_json


def is_json(msg):
    """Whether the payload of a message is JSON."""
    return msg.properties.get("content_type") == "application/json"


def read(payload):
    """The dict of a message from another board; {} if it is none."""
    try:
        value = loads(payload)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}


def note(msg, name):
    """A user property of a message; "" if there is none."""
    return dict(msg.properties.get("user_property", ())).get(name, "")


def number(msg, name):
    """The same as a number of up to nine digits; -1 if it is none."""
    digits = note(msg, name)
    return int(digits) if 0 < len(digits) < 10 and not digits.strip("0123456789") else -1
