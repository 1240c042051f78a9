# Enhanced authentication (MQTT 5.0 section 4.12): AUTH packets, which all have the authentication method of CONNECT. version5.py calls it.
from .packets import Fault, end, word
from .properties import write
from .topics import encode_string

_AUTH = const(15)
_PROTOCOL_ERROR = const(0x82)


def check(method, properties):
    """Raise Fault for an AUTH with these properties if the CONNECT had another `method`, or None."""
    given = (properties or {}).get("authentication_method", method)
    if given is None or given != method:
        raise Fault(_PROTOCOL_ERROR)


def send(five, c, reason, properties):
    """Send an AUTH: MqttConnection.auth. Raises ValueError for what can't be in it."""
    given = dict(properties or {})
    method = five.method
    if reason != 0x18 and reason != 0x19 or method is None or given.pop("authentication_method", method) != method:
        raise ValueError("reason %r: want 0x18 or 0x19, and the method of mqtt_connect, %r" % (reason, method))
    name = encode_string(method)
    packet = end(_AUTH, reason, write(given, _AUTH, b"\x15" + word(len(name)) + name))
    five.check_size(packet)
    return not c.is_ending and not c.unsent and c.put(packet)
