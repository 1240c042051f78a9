# A broker of one client for tests, over TCP.

import mungo
from mqttnet import CONNECT, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, SUBSCRIBE, ack, connack, publish, split
from net import tcp_listen


class Broker:
    """One client's broker, which remembers its session: a manager of its own."""

    def __init__(self):
        self.mgr = mungo.Manager(linger_ms=1)
        self.port = tcp_listen(self.mgr, self.serve)
        self.c = None
        self.delivered = []  # (topic, payload) that the client has published
        self.received = []  # identifiers of QoS 2
        self.outgoing = []  # [id, topic, payload, qos, is_released]
        self.is_known = False  # it has a session
        self.last_id = 100
        self.keeps_sessions = True
        self.is_away = False

    def serve(self, c, ev, data, _):
        if ev == mungo.EV_ACCEPT:
            c.fn_data = [b""]
            if self.is_away:
                c.is_closing = True
        elif ev == mungo.EV_READ:
            got = c.fn_data[0] + c.recv.read()
            found, n = split(got)
            c.fn_data[0] = got[n:]
            for first, body in found:
                self.take(c, first, body)

    def take(self, c, first, body):
        type = first >> 4
        if type == CONNECT:
            self.c = c
            is_present = self.is_known and self.keeps_sessions
            if not is_present:
                self.received.clear()
            c.send(connack(0, int(is_present)))
            self.is_known = True
            for one in self.outgoing:
                self.send(one)
        elif type == PUBLISH:
            n = 2 + (body[0] << 8 | body[1])
            topic = body[2:n].decode()
            qos = first >> 1 & 3
            id = body[n] << 8 | body[n + 1] if qos else 0
            payload = body[n + 2 if qos else n :]
            if qos < 2 or id not in self.received:
                self.delivered.append((topic, payload))
            if qos == 2 and id not in self.received:
                self.received.append(id)
            if qos:
                c.send(ack(PUBREC if qos == 2 else PUBACK, id))
        elif type == SUBSCRIBE:
            c.send(ack(SUBACK, body[0] << 8 | body[1], b"\2"))
        else:
            id = body[0] << 8 | body[1] if body else 0
            if type == PUBREL:
                if id in self.received:
                    self.received.remove(id)
                c.send(ack(PUBCOMP, id))
            for one in list(self.outgoing):
                if one[0] == id and type == PUBREC:
                    one[4] = True
                    self.send(one)
                elif one[0] == id and type in (PUBACK, PUBCOMP):
                    self.outgoing.remove(one)

    def send(self, one):
        id, topic, payload, qos, is_released = one
        self.c.send(ack(PUBREL, id) if is_released else publish(topic, payload, qos, id))

    def bring(self, topic, payload, qos):
        """Have the client get a message, now or when it is there."""
        self.last_id += 1
        self.outgoing.append([self.last_id, topic, payload, qos, False])
        if self.c is not None and not self.c.is_closing:
            self.send(self.outgoing[-1])
