# What both sides of WebSocket's opening handshake need: RFC 6455 sections 1.3 and 4.
from binascii import b2a_base64
from hashlib import sha1

from ..http.header_lists import combined_value, split_list

FIELDS = const("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-%s: %s\r\n")


def field_list(hm, name):
    """The members of the list in the fields of this name (in lower case) of a request or response."""
    return split_list(combined_value(hm.headers(), name))


def is_upgrade(hm):
    """Whether a request or response says that the protocol changes to WebSocket."""
    return _has(hm, "upgrade", "websocket") and _has(hm, "connection", "upgrade")


def _has(hm, name, member):
    return member in split_list(combined_value(hm.headers(), name).lower())


def accept_value(key):
    """The Sec-WebSocket-Accept that answers a Sec-WebSocket-Key, both bytes."""
    return b2a_base64(sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())[:-1]
