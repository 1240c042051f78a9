# MQTT 3.1.1 and 5.0 on the loop's events: packets.py and session.py (no socket), connection.py (the client by events).
#
# c = mgr.mqtt_connect("mqtt://host:1883" or "mqtts://host:8883", fn, fn_data=None, id="", version=4 or 5, user=None, password=None,
#     clean=True, keep_alive_s=60, will=(topic, payload, qos, retain[, properties of 5.0]), properties=None, tls=None, session=None,
#     message_limit=4096, inflight=16, topic_aliases=8)
#   (the receive maximum, the maximum packet size and the topic alias maximum of the client are in `properties`)
#   c.publish(topic, payload=b"", qos=0, retain=False, properties=None)   -> True (QoS 0), the packet's id (QoS 1, 2: in c.session);
#       False: nothing was taken: it is not open, `send_limit` is reached (EV_WRITE), or `inflight` messages are under way
#       (EV_MQTT_CMD of an acknowledgement says that there is room)
#   c.publish_begin(topic, length, qos=0 or 1, retain=False, properties=None), then c.send(piece)..
#   c.subscribe(*filters, qos=0, ..) each a str or (str, options byte); c.unsubscribe(*filters)     -> the packet's id, or False
#   c.ping(), c.auth(reason, properties), c.disconnect(reason=0, properties=None)                    -> bool
#   c.reason and c.properties: of the CONNACK or DISCONNECT that has ended it (redirects: c.properties["server_reference"])
#   c.five: None in 3.1.1; c.five.broker: the properties of the CONNACK, as a dict
# Events, in the C original's order: a packet's meaning first, then EV_MQTT_CMD, at the end of what was read EV_READ.
#   EV_MQTT_OPEN   the Parser, as for CMD: a CONNACK that accepts (reason 0, session_present, properties)
#   EV_MQTT_MSG    a Message of packets.py; msg.hold() .. msg.ack()
#   EV_MQTT_CMD    the Parser of packets.py (type, id, reason, reasons, properties; valid in the handler only); for a PUBLISH the Message
#   EV_ERROR "refused by the broker: ..", "closed by the broker", "no PINGRESP ..", "the broker's fault: 0x..", .. then EV_CLOSE
# A Session (session.py) may have a store, see there. After a reset: session.restore(id, packet or None) for each message in its order,
# None after `update`; session.received.append(id) for those received.
#
# The everyday client, which stays connected, is `mungo.mqtt.Client`: client.py.


def __getattr__(name) -> "Any":  # noqa: F821  # pyright: ignore
    if name == "Client":
        from .client import Client

        return Client
    if name[:1] != "_":
        try:  # for `from . import packets`, which MicroPython asks here
            return __import__("mungo.mqtt." + name, None, None, (name,))
        except ImportError as er:  # which says what was not found: this module, or one that it needs
            raise AttributeError("%s: %s" % (name, er))
    raise AttributeError(name)
