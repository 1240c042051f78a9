# The payloads of a fleet's messages: JSON or bytes.
from ..http.json_reader import loads
from ..http.json_writer import dumps

DATA_LIMIT = 65536  # bytes of a job's data or result
PIECE = 2048  # bytes: what is longer comes in pieces
_NAME = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"


def check_name(name, what):
    """Raise ValueError for what can't be one level of a topic."""
    if not isinstance(name, str) or not 0 < len(name) < 65 or name.strip(_NAME):
        raise ValueError("%s %r: want 1 to 64 of A-Z a-z 0-9 . _ -" % (what, name))


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


def notes(msg):
    """The user properties of a message, as a dict."""
    return dict(msg.properties.get("user_property", ()))
