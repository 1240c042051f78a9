# A client's part of WebSocket: its handshake (RFC 6455 section 4.1), and the masks of its frames.
from binascii import b2a_base64
from os import urandom

from ..http.char_classes import all_in
from ..http.fields import make_fields
from ..http.response_parser import Response
from ..http.urls import host_field
from .frames import mask
from .handshake import FIELDS, accept_value, field_list, is_upgrade

_NEED = const(0)  # the response parser's event


class Client:
    """The `client` of a WebSocket that has connected to a server: `protocols` are the subprotocols that it offers."""

    keep_alive = True  # (for make_fields)

    def __init__(self, head_limit, protocols):
        self.protocols = protocols
        self.key = b2a_base64(urandom(16))[:-1]
        self.response = Response(head_limit)
        self.response.may_switch = True

    def request(self, host, target, headers, tls=None):
        """The handshake's request as bytes. Raises ValueError for a target or fields that can't be."""
        own = make_fields(self, headers).decode()
        lines = "GET %s HTTP/1.1\r\n" % target
        lower = "\r\n" + own.lower()
        if "\r\nhost:" not in lower:
            lines += "Host: %s\r\n" % host_field(host, tls)
        is_bad = not all_in(target.encode(), 4) or not self.keep_alive
        for name in ("\r\nsec-websocket-", "\r\nupgrade:", "\r\nconnection:"):
            is_bad = is_bad or name in lower
        if is_bad:
            raise ValueError("%r, %r: want a path, and no fields of the handshake" % (target, headers))
        lines += own + "Sec-WebSocket-Version: 13\r\n" + FIELDS % ("Key", self.key.decode())
        if self.protocols:
            lines += make_fields(self, [("Sec-WebSocket-Protocol", ",".join(self.protocols))]).decode()
        return (lines + "\r\n").encode()

    def take_response(self, c, websocket):
        """Take the server's response out of `c.recv`. True if it has come and agrees; then `websocket.protocol` is the subprotocol.

        A response that refuses ends the connection with EV_ERROR.
        """
        hm = self.response
        ev = hm.parse(c.recv)
        if ev == _NEED:
            return False
        wrong = None
        chosen = field_list(hm, "sec-websocket-protocol") if ev > 0 else ()
        for name in self.protocols:
            if chosen == [name]:
                websocket.protocol = name
        if ev < 0:
            wrong = hm.fault
        elif hm.status != 101 or hm.is_old:
            wrong = "%s %d %s" % (hm.proto, hm.status, hm.reason)
        elif not is_upgrade(hm):
            wrong = "Upgrade or Connection"
        elif field_list(hm, "sec-websocket-accept") != [accept_value(self.key).decode()]:
            wrong = "Sec-WebSocket-Accept"
        elif field_list(hm, "sec-websocket-extensions"):
            wrong = "an extension that was not offered"
        elif chosen and websocket.protocol is None:
            wrong = "subprotocol %r" % chosen
        if wrong:
            c.error("refused: " + wrong)
            return False
        hm.finish(c.recv)
        return True

    def closed(self, c):
        """The connection is closed. In the place of an answer that is an error."""
        if not c.proto.stage and c.is_ended and not c.error_text:
            c.mgr.stats["failed"] += 1
            c.error_text = "closed before the handshake"

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
