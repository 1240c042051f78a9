"""Ways to break the MQTT client, see mutations.py. The first few are tried in each run of the tests, the others with THOROUGH=1."""

from .mutate_ast import Mutation, drop, never, replace

USUAL = 3

MQTT = [
    Mutation("a QoS 2 message that comes again reaches the handler", "unix", "Session.knows", replace("A in self.received", "False")),
    Mutation("what is under way is not sent again", "esp32", "Session.begin", drop("self.pump()")),
    Mutation("no PINGRESP, and nobody cares", "rp2-stock", "MqttConnection.on_deadline", never("self.is_pinged and not self.is_full")),
    Mutation("an MQTT packet is taken before it is whole", "rp2-mungo", "Parser.take_head", never("end > buf.end")),
    # --- what is published
    Mutation("what is sent again has no DUP", "unix", "Session.begin", replace("A[0] | 8", "A[0]")),
    Mutation("DUP in a session that is new", "rp2-stock", "Session.begin", replace("A[0] & ~8", "A[0]")),
    Mutation("one message more than the quota", "esp32", "Session.has_room", replace("self.quota", "self.quota + 1")),
    Mutation("a message is not in the session", "unix", "MqttConnection._publish", drop("A.add(...)")),
    Mutation("PUBREC is not answered", "unix", "Session.take_ack", drop("A.put(ack(_PUBREL, B))")),
    Mutation("a message is kept after its PUBREC", "rp2-mungo", "Session.take_ack", drop("A.packet = None")),
    Mutation("an acknowledged message stays", "unix", "Session.take_ack", drop("self.finish(A)")),
    Mutation("an acknowledged message still counts", "esp32", "Session.finish", drop("self.sent -= 1")),
    Mutation("what an earlier connection has sent counts", "unix", "Session.end", drop("self.sent = self.quota = 0")),
    Mutation("a PUBLISH without its QoS", "unix", "packets.publish", replace("A | B << 1 | C", "A | C")),
    Mutation("a PUBREL without its flag", "unix", "packets.ack", replace("2 if A == _PUBREL else 0", "0")),
    Mutation("a length of two bytes is one of one", "esp32", "packets.varint", replace("A & 127 | 128", "A & 127")),
    # --- what comes
    Mutation("what comes again gets no PUBREC", "unix", "Session.take_again", drop("self.c.put(ack(_PUBREC, A))")),
    Mutation("a held message that comes again is never acknowledged", "esp32", "Session.take_again", drop("self.receipts.append(A)")),
    Mutation("a message of QoS 2 is not noted", "unix", "Session.take", drop("self.received.append(A)")),
    Mutation("QoS 1 is not acknowledged", "rp2-stock", "Session.handled", drop("self.c.put(ack(_PUBACK, A))")),
    Mutation("a handled message is not acknowledged", "unix", "MqttConnection.take_once", drop("A.handled(B)")),
    Mutation("PUBREL is not answered", "unix", "Session.take_release", drop("self.c.put(ack(_PUBCOMP, A, B))")),
    Mutation("a message of QoS 2 is never over", "unix", "Session.take_release", drop("self.release(A)")),
    Mutation("what a handler has failed on has come", "unix", "Session.drop", drop("self.received.remove(A)")),
    Mutation("acknowledgements are left", "rp2-mungo", "MqttConnection.send_batch", replace("self.write(A, 0, B)", "B")),
    Mutation("an acknowledgement has no identifier", "unix", "Parser.take_fields", drop("self.id = self.packet_id()")),
    # --- the connection
    Mutation("no PINGREQ", "unix", "MqttConnection.on_deadline", drop("self.ping()")),
    Mutation("PINGREQ comes too late", "rp2-stock", "MqttConnection._watch", replace("A * 3 // 4", "A * 12")),
    Mutation("PINGRESP is not noticed", "unix", "MqttConnection.take_packet", drop("self.is_pinged = False")),
    Mutation("the keep-alive does not begin", "esp32", "MqttConnection.open", drop("self._watch()")),
    Mutation("no CONNACK is waited for without end", "unix", "MqttConnection.on_deadline", drop('self.error("timeout: no CONNACK")')),
    Mutation("a session keeps a connection that has closed", "unix", "mqtt.connect.handler", drop("A.session.end()")),
    Mutation("a session keeps a connection that never was", "esp32", "mqtt.connect.connect", drop("A.c = None")),
]
