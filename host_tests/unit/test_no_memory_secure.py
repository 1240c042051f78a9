# The heap is full, as in test_no_memory.py, while a name is looked up, and while TLS's two sides shake hands.

import time

import mungo
import mungo.dns.resolver
import test_no_memory
from dnsnet import NameServer, a, kind_of, message, name_of
from net import listening
from test_no_memory import Case, Dialled, each_number
from waiting import turns, until

LANES = ("upy-192k",)
MIN_HEAP = "768k"
CERTIFICATES = True  # in build/certificates
FOLDER = "build/certificates/"

# These need more in one piece than the others, and the first blocks are where the gaps are.
test_no_memory.SINGLES = 3500
test_no_memory._held = [None] * 7000
test_no_memory.STEP = 3


# (Nobody wants to wait a second each time that a question was not sent.)
mungo.dns.resolver.ticks_add = lambda ticks, ms: time.ticks_add(ticks, ms // 20)


# With the collector: without it, what makes room for `register` of a socket is not given back (see internals: ROOM TO REGISTER).
def each(make):
    each_number(make, (True,))


def only_a(packet):
    return [message(packet, [a(name_of(packet), "127.0.0.1", 0)] if kind_of(packet) == 1 else ())]


class Named(Dialled):
    """A connection by name: the question is sent while memory is short, and its answer comes later."""

    def __init__(self):
        self.server_mgr = mungo.Manager()
        self.server = NameServer(self.server_mgr, lambda packet: [])
        Dialled.__init__(self, dns=[self.server.text], datagram=512)

    def prepare(self):
        self.server.answer = only_a
        Dialled.prepare(self)

    def dial(self, _):
        self.tried = True
        self.is_over = True
        self.mgr.connect("tcp://www.example.org:%d" % self.url, self.dialled)
        self.is_over = False

    def is_done(self):
        self.server_mgr.poll(0)
        return Dialled.is_done(self)

    def go(self, blocks, is_collecting):
        is_whole = Dialled.go(self, blocks, is_collecting)
        turns(self.mgr, 2)
        assert not self.mgr.resolver or not self.mgr.resolver.lookups
        return is_whole


class Answered(Named):
    """Its answers have come when memory is short."""

    def prepare(self):
        Named.prepare(self)
        n = len(self.server.asked)
        while len(self.server.asked) < n + 2:
            self.mgr.poll(1)
            self.server_mgr.poll(0)


def test_an_answer():
    each(Answered)


class Looked(Answered):
    """mgr.resolve: its function is called once, whatever fails."""

    def dial(self, _):
        self.called = 0
        self.tried = self.is_over = True
        for name in ("a.example.org", "b.example.org", "10.0.0.1", "a.example.org"):
            self.called -= 1
            try:
                self.mgr.resolve(name, self.hear)
            except MemoryError:
                self.called += 1
                self.mgr.stats["no_memory"] += 1
        self.is_over = self.called == 0

    def hear(self, addresses, error):
        self.called += 1
        assert self.called <= 0 and bool(addresses) != bool(error)
        self.is_over = self.called == 0

    prepare = Named.prepare


def test_lookups():
    each(Looked)


class Secure(Case):
    """A client shakes hands with this https server, and asks."""

    ms = 2

    def listen(self, url):
        tls = mungo.Tls(cert=FOLDER + "server.pem", key=FOLDER + "server.key")
        self.listener = self.mgr.http_listen(url.replace("http", "https"), self.handler, tls=tls)
        self.client_mgr = mungo.Manager()
        self.trusting = mungo.Tls(ca=FOLDER + "ca.pem")
        return self.listener

    def prepare(self):
        self.events = []
        self.client_mgr.http_connect("https://127.0.0.1:%d/" % self.url, self.on_answer, tls=self.trusting)
        turns(self.client_mgr, 2)

    def on_answer(self, c, ev, data, _):
        self.events.append(ev)
        if ev == mungo.EV_HTTP_MSG:
            c.is_closing = True

    def is_done(self):
        self.client_mgr.poll(0)
        return mungo.EV_CLOSE in self.events

    def works(self):
        self.prepare()
        until(self.is_done, self.mgr)
        assert mungo.EV_HTTP_MSG in self.events, self.events

    def go(self, blocks, is_collecting):
        is_whole = Case.go(self, blocks, is_collecting)
        assert self.mgr.tls_open == self.client_mgr.tls_open == 0
        return is_whole


def test_a_servers_handshake():
    each(Secure)


class Shaken(Secure):
    """The client's second flight has come when memory is short."""

    def prepare(self):
        Secure.prepare(self)
        until(lambda: self.mgr.tls_open, self.mgr)
        turns(self.client_mgr, 2)


def test_the_end_of_a_servers_handshake():
    each(Shaken)


class SecureDialled(Dialled):
    """This manager's client shakes hands with an https server of another."""

    def __init__(self):
        self.server_mgr = mungo.Manager()
        tls = mungo.Tls(cert=FOLDER + "server.pem", key=FOLDER + "server.key")
        _, self.port = listening(lambda url: self.server_mgr.http_listen(url, self.serve, tls=tls), "https")
        self.trusting = mungo.Tls(ca=FOLDER + "ca.pem")
        self.silent = 0
        Dialled.__init__(self)

    def serve(self, c, ev, hm, _):
        if ev == mungo.EV_HTTP_MSG:
            c.http_reply(200, None, "hi\n")

    def dial(self, _):
        self.tried = self.is_over = True
        self.mgr.http_connect("https://127.0.0.1:%d/" % self.port, self.dialled, tls=self.trusting)
        self.is_over = False

    def dialled(self, c, ev, data, fn_data):
        self.counts[ev] += 1
        if ev == mungo.EV_HTTP_MSG:
            c.is_closing = True
        elif ev == mungo.EV_CLOSE:
            self.is_over = True

    def is_done(self):
        self.server_mgr.poll(0)
        return Dialled.is_done(self)

    def go(self, blocks, is_collecting):
        is_whole = Dialled.go(self, blocks, is_collecting)
        assert self.mgr.tls_open == 0
        until(lambda: len(self.server_mgr.conns) == 1, self.server_mgr)
        return is_whole


class Greeted(SecureDialled):
    """The server's first flight has come when memory is short."""

    def prepare(self):
        Dialled.prepare(self)
        while not self.server_mgr.tls_open:
            self.mgr.poll(1)
            self.server_mgr.poll(1)
        turns(self.server_mgr, 2)


def test_a_clients_handshake():
    each(Greeted)
