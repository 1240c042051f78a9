# What a handler of the everyday client gets: a message, with what people do with it.
from ..core.utf8 import text
from ..http.json_reader import loads


class Received:
    """A message that has come. Any thread.

    `topic`, `payload` as bytes, `qos`, `retain`: the broker had kept it, or, with `retain_as_published`, its publisher wants that;
    `properties` of 5.0, a dict, empty in 3.1.1. `message`: the Message of packets.py, whose `hold` and `ack` are for handlers in the loop.
    """

    def __init__(self, client, msg):
        self.client = client
        self.message = msg
        self.topic = msg.topic
        self.payload = msg.payload
        self.qos = msg.qos
        self.retain = msg.retain
        self.properties = msg.properties or {}

    @property
    def text(self):
        """The payload as str. ValueError if it is not UTF-8."""
        return text(self.payload)

    @property
    def json(self):
        """The value of a payload that is JSON. ValueError if it is none."""
        return loads(self.payload)

    def reply(self, payload, qos=0, **options):
        """Publish an answer to where the publisher wants it (5.0 section 4.10), see `Client.publish`. ValueError if the message names no
        response topic."""
        topic = self.properties.get("response_topic")
        if not topic:
            raise ValueError("reply: %s has no response topic" % self.topic)
        data = self.properties.get("correlation_data")
        if data is not None:
            options["correlation_data"] = data
        return self.client.publish(topic, payload, qos, **options)
