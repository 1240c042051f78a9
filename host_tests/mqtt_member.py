"""A client of MQTT 5.0 by paho, in a thread of its own, which acknowledges messages when the test says so.

member = Member(broker, "w0", receive_maximum=1)
member.subscribe("$share/g/jobs")
member.publish("jobs", "1")          # the reason code of its PUBACK
member.got                           # payloads that have come; wait_count(n) waits for n
member.acknowledge()                 # the oldest that is not; is_holding = False: that, and each new one at once
member.cut()                         # the connection is gone without a DISCONNECT
"""

import socket
import threading

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

WAIT_S = 30
SUCCESS, NO_SUBSCRIBERS, NOT_AUTHORIZED = 0, 0x10, 0x87


def properties(type, values):
    """A paho Properties of these (Name=value)."""
    made = Properties(type)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Member:
    def __init__(self, broker, id, session_s=0, clean=True, receive_maximum=None, is_holding=False, will=None, tls=None, keep_alive_s=60):
        self.id = id
        self.got = []
        self.messages = []
        self.is_holding = is_holding
        self.more = threading.Condition()
        self.codes = {}  # of each packet id that has been answered
        self.is_open = self.is_over = self.is_present = False
        self.refusal = self.over = None  # why it has not begun, and why it has ended
        self._waiting = []
        self.client = client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, id, protocol=paho.MQTTv5, manual_ack=True, reconnect_on_failure=False
        )
        client.on_connect = self._connected
        client.on_message = self._message
        client.on_publish = client.on_unsubscribe = lambda _client, _data, mid, codes, _properties: self._answered(mid, codes)
        client.on_subscribe = client.on_publish
        client.on_disconnect = lambda _client, _data, _flags, code, _properties: self._tell(is_over=True, over=code)
        if will:
            client.will_set(*will)
        if tls:
            client.tls_set(*tls)
        wanted = {"SessionExpiryInterval": session_s}
        if receive_maximum:
            wanted["ReceiveMaximum"] = receive_maximum
        client.connect(broker.host, broker.port, keep_alive_s, clean_start=clean, properties=properties(PacketTypes.CONNECT, wanted))
        client.loop_start()
        self.wait_for(lambda: self.is_open or self.is_over or self.refusal)
        assert self.is_open, f"{id}: {self.refusal or self.over}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def _tell(self, **values):
        with self.more:
            vars(self).update(values)
            self.more.notify_all()

    def _connected(self, client, data, flags, code, _properties):
        self._tell(**({"refusal": code} if code.is_failure else {"is_open": True, "is_present": flags.session_present}))

    def _answered(self, mid, codes):
        with self.more:
            self.codes[mid] = [code.value for code in codes] if isinstance(codes, list) else codes.value
            self.more.notify_all()

    def _message(self, client, data, msg):
        with self.more:
            self.got.append(msg.payload.decode())
            self.messages.append(msg)
            if msg.qos:
                self._waiting.append((msg.mid, msg.qos))
            self.more.notify_all()
        if not self.is_holding:
            self.acknowledge()

    def wait_for(self, found):
        with self.more:
            assert self.more.wait_for(found, WAIT_S), f"{self.id}: {self.got}, {self.codes}"

    def wait_count(self, n):
        """Wait for n messages: their payloads."""
        self.wait_for(lambda: len(self.got) >= n)
        return list(self.got)

    def acknowledge(self):
        """The oldest message that is not acknowledged; all of them, unless it is holding."""
        while self._waiting:
            self.client.ack(*self._waiting.pop(0))
            if self.is_holding:
                break

    def release(self):
        """Acknowledge all, and each new message when it comes."""
        self.is_holding = False
        self.acknowledge()

    def _answer(self, mid):
        self.wait_for(lambda: mid in self.codes or self.is_over)
        assert mid in self.codes, f"{self.id}: {self.over}"
        return self.codes[mid]

    def subscribe(self, *topics, qos=1):
        """The reason code of each topic filter: the QoS, or an error."""
        return self._answer(self.client.subscribe([(topic, paho.SubscribeOptions(qos)) for topic in topics])[1])

    def unsubscribe(self, topic):
        return self._answer(self.client.unsubscribe(topic)[1])

    def publish(self, topic, payload, qos=1, retain=False, **values):
        """The reason code of its PUBACK; values: properties by paho's names."""
        sent = self.client.publish(topic, payload, qos, retain, properties(PacketTypes.PUBLISH, values))
        return self._answer(sent.mid)

    def cut(self):
        """End the connection without a DISCONNECT, as a killed process does."""
        sock = self.client.socket()
        sock.shutdown(socket.SHUT_RDWR)
        self.wait_for(lambda: self.is_over)
        self.client.loop_stop()

    def end(self):
        self.client.disconnect()
        self.client.loop_stop()
