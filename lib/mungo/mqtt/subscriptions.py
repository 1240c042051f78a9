# What a client subscribes to: patterns with their handlers, and which of them the broker knows.
from .patterns import Pattern


class Subscription:
    """A pattern and its handler. `options` are those of `c.subscribe`; `number`: its identifier in 5.0.

    `asked`: None: the broker does not know it; the identifier of its SUBSCRIBE, until the answer has come; then 0. `is_wanted`: the client
    subscribes to it. If not, what comes nevertheless still has its handler.
    """

    asked: "Any" = None  # noqa: F821  # pyright: ignore
    is_wanted = True

    def __init__(self, number, pattern, fn, worker, timeout_ms, options):
        self.number = number
        self.pattern = Pattern(pattern)
        self.fn = fn
        self.worker = worker
        self.timeout_ms = timeout_ms
        self.options = options


class Subscriptions:
    """Those of a client. Loop's thread."""

    def __init__(self, client):
        self.client = client
        self.all = []
        self.is_asking = False  # the broker does not know some of them

    def add(self, pattern, fn, worker, timeout_ms, options):
        """One more, which is returned. ValueError for a pattern that can't be."""
        subscription = Subscription(len(self.all) + 1, pattern, fn, worker, timeout_ms, options)
        self.all.append(subscription)
        self.is_asking = True
        return subscription

    def want(self, subscription):
        """Subscribe to it, with the next `pump`."""
        subscription.is_wanted = self.is_asking = True
        subscription.asked = None

    def begin(self, session_present):
        """The broker has accepted the client. Without its session (it may have that of an earlier program) it knows none; what it has not
        answered it may not know; and of shared ones mosquitto keeps no session."""
        self.is_asking = True
        for subscription in self.all:
            if not session_present or subscription.asked or subscription.pattern.filter[:1] == "$":
                subscription.asked = None

    def ask(self, c):
        """Subscribe to what the broker does not know, as far as the connection takes it."""
        client = self.client
        for subscription in self.all:
            if subscription.asked is None and subscription.is_wanted:
                options = subscription.options
                if client.write_properties and c.five.broker.get("subscription_identifier_available", 1):
                    # A broker sends a message for each subscription, and says by its identifier for which.
                    properties = dict(options.get("properties") or {}, subscription_identifier=subscription.number)
                    options = dict(options, properties=properties)
                id = 0
                try:
                    id = c.out is None and c.subscribe(subscription.pattern.filter, **options)
                    if not id:
                        return
                except ValueError as er:  # this broker takes no such subscription
                    self.refused(subscription, er)
                subscription.asked = id
        self.is_asking = False

    def answered(self, packet):
        """A SUBACK has come."""
        for subscription in self.all:
            if subscription.asked == packet.id:
                subscription.asked = 0
                if packet.reasons[0] >= 128:
                    self.refused(subscription, "0x%02x" % packet.reasons[0])

    def refused(self, subscription, why):
        """The broker does not take a subscription."""
        self.client.stats["refused"] += 1
        self.client.tell("refused: subscription %s: %s" % (subscription.pattern.filter, why))

    def find(self, msg):
        """The subscriptions that a message fits, each with the values for its pattern's names: (those for the loop, those for workers). Of
        what comes in pieces none."""
        for_loop = []
        for_workers = []
        ids = msg.properties and msg.properties.get("subscription_identifier")
        for subscription in self.all if not msg.at else ():
            values = subscription.pattern.match(msg.topic)
            if values is not None and (not ids or subscription.number in ids):
                (for_workers if subscription.worker else for_loop).append((subscription, values))
        return for_loop, for_workers
