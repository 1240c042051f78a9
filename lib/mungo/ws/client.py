# A client's part of WebSocket: its handshake (RFC 6455 section 4.1), and the masks of its frames.
from binascii import b2a_base64
from os import urandom

from ..http.response_parser import Response
from .frames import mask
from .handshake import FIELDS, accept_value, field_list, is_upgrade

_NEED = const(0)  # the response parser's event


def split_url(url):
    """("host:port", "/path?query") of a "ws://" URL. ValueError if it is not one."""
    if url[:5] != "ws://" or url.split() != [url]:
        raise ValueError("%r: want ws://host:port/path" % url)
    host, _, path = url[5:].partition("/")
    return host, "/" + path


class Client:
    """The `client` of a WebSocket that has connected to a server: `protocols` are the subprotocols that it offers."""

    def __init__(self, head_limit, protocols):
        self.protocols = protocols
        self.key = b2a_base64(urandom(16))[:-1]
        self.response = Response(head_limit)
        self.response.may_switch = True

    def request(self, host, target):
        """The handshake's request as bytes."""
        lines = "GET %s HTTP/1.1\r\nHost: %s\r\nSec-WebSocket-Version: 13\r\n" % (target, host)
        lines += FIELDS % ("Key", self.key.decode())
        if self.protocols:
            lines += "Sec-WebSocket-Protocol: %s\r\n" % ",".join(self.protocols)
        return (lines + "\r\n").encode()

    def take_response(self, c, websocket):
        """Take the server's response out of `c.recv`. True if it has come and agrees; then `websocket.protocol` is the subprotocol.

        A response that refuses ends the connection with EV_ERROR.
        """
        hm = self.response
        ev = hm.parse(c.recv)
        if ev == _NEED:
            return False
        if ev < 0:
            c.error("refused: no HTTP response")
            return False
        chosen = field_list(hm, "sec-websocket-protocol")
        for name in self.protocols:
            if chosen == [name]:
                websocket.protocol = name
        if (
            hm.status != 101
            or hm.is_old
            or not is_upgrade(hm)
            or field_list(hm, "sec-websocket-accept") != [accept_value(self.key).decode()]
            or field_list(hm, "sec-websocket-extensions")  # none was offered
            or chosen
            and websocket.protocol is None
        ):
            c.error("refused: %r" % hm.head_bytes()[:30])
            return False
        hm.finish(c.recv)
        return True

    def mask(self, frame, data):
        """Complete a frame, of which there is the head: add the payload `data`, masked with a new key that can't be foreseen (section
        10.3)."""
        key = bytearray(urandom(4))
        frame[1] |= 128
        frame.extend(key)
        n = len(frame)
        frame.extend(data)
        mask(frame, n, len(frame), key)
        return frame
