# What mgr.mqtt_connect takes: a URL and options become a connection whose CONNECT is on its way.
from .connection import MqttConnection
from .packets import Parser, packet, word
from .session import Session
from .topics import encode_string, encode_topic

_EV_READ = const(7)
_EV_WRITE = const(8)
_EV_CLOSE = const(9)
_EV_DUE = const(100)

_OPEN = const(2)  # the stage, as in connection.py


class Maker:
    """In the place of a Tls for `mgr.connect`: it makes an MqttConnection, which speaks TLS if there is a `tls`."""

    def __init__(self, tls):
        self.tls = tls

    def connection_class(self, base, is_server):
        """As Tls's."""
        return self.tls.connection_class(MqttConnection, is_server) if self.tls else MqttConnection


def handler(c, ev, data):
    """The protocol's handler (`pfn`)."""
    if ev == _EV_READ:
        c.is_heard = True
        c.together(c.receive)
    elif ev == _EV_WRITE:
        if c.stage != _OPEN:
            c.mgr.deadline(c, c.mgr.connect_ms)
        else:
            c._watch()
            c.session.pump()
        c.together(c.receive)
    elif ev == _EV_DUE:
        c.on_deadline()
    elif ev == _EV_CLOSE and c.session.c is c:
        c.session.end()


def connect_packet(level, id, user, password, clean, keep_alive_s, will, properties=b"", will_properties=b""):
    """A CONNECT (section 3.1) of protocol level 4, 3.1.1, or 5. `will`: (topic, payload, qos, retain) or None."""
    flags = 2 if clean else 0
    fields = [encode_string(id, "id")]
    if will:
        topic, payload, qos, retain = will
        if not 0 <= qos <= 2:
            raise ValueError("will: qos %r: want 0, 1 or 2" % qos)
        flags |= 4 | qos << 3 | (32 if retain else 0)
        fields += (encode_topic(topic), payload.encode() if isinstance(payload, str) else payload)
    if user is not None:
        flags |= 128
        fields.append(encode_string(user, "user"))
    if password is not None:
        flags |= 64
        fields.append(password.encode() if isinstance(password, str) else password)
    if level == 4 and (password is not None and user is None or not id and not clean):
        raise ValueError("3.1.1: want a user with a password, and an id unless clean")
    parts = [b"\0\4MQTT", bytes((level, flags)), word(keep_alive_s), properties]
    for at in range(len(fields)):
        if len(fields[at]) > 65535:
            raise ValueError("%d bytes of will or password: want at most 65535" % len(fields[at]))
        if will and at == 1:
            parts.append(will_properties)
        parts += (word(len(fields[at])), fields[at])
    return packet(0x10, parts)


def connect(
    mgr,
    url,
    fn,
    fn_data=None,
    id="",
    version=4,
    user=None,
    password=None,
    clean=True,
    keep_alive_s=60,
    will=None,
    properties=None,
    tls=None,
    session=None,
    message_limit=4096,
    inflight=16,
    topic_aliases=8,
):
    """`mgr.mqtt_connect`, which see."""
    scheme, _, host = url.partition("://")
    host = host.rstrip("/")
    is_secure = scheme == "mqtts"
    if is_secure < (scheme != "mqtt") or is_secure and tls is None or "@" in host or host[:1] in ":":
        raise ValueError("%r: want mqtt://host:port, or mqtts://host:port with tls=mungo.Tls(..); and no user" % url)
    if ":" not in host.split("]")[-1]:
        host += ":8883" if is_secure else ":1883"
    if not 0 <= keep_alive_s < 65536 or message_limit < 1 or inflight < 1:
        raise ValueError("keep_alive_s=%r, message_limit=%r, inflight=%r: want 0 to 65535, 1, 1" % (keep_alive_s, message_limit, inflight))
    five = None
    packed = will_packed = b""
    if version == 5:
        from .version5 import Version5

        five = Version5(topic_aliases, properties or {})
        packed = five.write(properties, 1)
        will_packed = five.write(will[4] if will and will[4:] else None, 0)
    elif version != 4 or properties or will and will[4:]:
        raise ValueError("version %r: want 4 (3.1.1), without properties, or 5" % version)
    request = connect_packet(version, id, user, password, clean, keep_alive_s, will and will[:4], packed, will_packed)
    session = session or Session()
    if session.c is not None:
        raise ValueError("session: it has a connection")
    c = mgr.connect("tls://" + host, fn, fn_data, Maker(tls if is_secure else None))
    try:
        session.c = c
        c.session = session
        c.parser = Parser(mgr.head_limit, message_limit, five, five.packet_limit if five else 0x1FFFFFFF)
        c.five = five
        c.clean = clean
        c.inflight = inflight
        c.keep_alive_s = keep_alive_s
        c.pfn = handler
        c.put(request)
    except Exception:  # there is no memory
        session.c = None
        c.is_closing = True
        raise
    return c
