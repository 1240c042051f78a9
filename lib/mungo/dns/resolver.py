# Looking up names, inside the loop.
#
# A Lookup is one name for one caller. AAAA and A records are asked for at the same time. If a server gives no answer, or refuses, the next
# one is asked. The Resolver is a connection that is there while something is being looked up. It opens its socket when the first question
# has to be sent, and leaves its cache to the next one. Names that end in .local have no server, see nearby.py.
import socket
from os import urandom
from time import ticks_add, ticks_diff, time

from ..core.names import host_name, is_number, server_urls
from ..core.reports import describe
from ..core.udp import UdpConnection
from ..core.url import parse
from ..port.address import address
from ..port.names import KINDS, hosts_addresses, name_servers
from .packets import make_question, number, read_answer

_EV_READ = const(7)
_EV_CLOSE = const(9)

_ROUNDS = const(3)  # through all servers
_TRY_MS = const(1000)  # for an answer in the first round; in each other twice that of the one before
_AGAIN_MS = const(100)  # until the next one is asked, if a question could not be sent: another port, or a free descriptor, may help
_FAMILY_MS = const(50)  # for an IPv6 answer, when there is IPv4: RFC 8305 section 3
_STREAM_MS = const(5000)  # for an answer by TCP
_NAMES = const(32)  # being looked up; the next one fails
_CACHED = const(16)  # answers; then the oldest makes room
_SECONDS = const(3600)  # that one is kept at most
_FAILURES = (OSError, MemoryError)  # (made here: in an `except` it would need memory)

_RCODES = {0: "no address", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}


class Lookup:
    """A name that is being looked up."""

    group = None  # the URL of the devices nearby, if these are asked in the place of name servers
    questions = ()  # packets that wait for their answer
    tries = 0
    stream = None  # a connection that asks by TCP,
    is_long = False  # since the answer is too long for a datagram
    is_refused = False  # the server has answered, but not the question
    addresses = ()
    why = "timeout: no answer from a name server"
    seconds = _SECONDS  # that this holds

    def __init__(self, resolver, name, fn):
        self.resolver = resolver
        self.name = name
        self.fn = fn
        self.due = resolver.mgr.now  # ticks_ms of the next one

    def servers(self):
        """Whom to ask, as (URL, address as the port has it)."""
        if self.group:
            return [(self.group, self.resolver.address_of(self.group))]
        return self.resolver.servers

    def cancel(self):
        """Never call the function. Does nothing if it was called."""
        resolver = self.resolver
        if self in resolver.lookups:
            self.remove()
            for other in resolver.lookups:
                if other.name == self.name:  # it may have waited for this one's answer
                    other.due = resolver.mgr.now
            resolver.resume()

    def remove(self):
        """It is over."""
        self.resolver.lookups.remove(self)
        if self.stream is not None:
            self.stream.is_closing = True

    def tell(self, addresses, error):
        """Call the function: this is what can be known."""
        self.remove()
        try:
            self.fn(addresses, error)
        except BaseException as er:
            self.resolver.mgr.report(er)


class Resolver(UdpConnection):
    """All open Lookups of a manager."""

    def __init__(self, mgr, cache):
        self.sock = None  # (to set it later needs no memory)
        self.is_six = False  # it is a socket of IPv6
        self.lookups = []
        self.servers = []  # (URL, address as the port has it)
        self.cache = cache  # of (name, time, seconds, addresses, error), oldest first
        UdpConnection.__init__(self, mgr, None, on_event, None, False)

    def put(self, data):
        """It is no program's to send to: False. (Programs broadcast over mgr.conns.)"""
        return False

    send = put

    def expired(self):
        """Something is due."""
        UdpConnection.expired(self)
        self.go_on()

    def go_on(self):
        """Do what is due, and see what that will be next."""
        now = self.mgr.now
        left = _STREAM_MS
        self.mgr.deadline(self, _AGAIN_MS)  # if there is no memory for what comes next
        for lookup in list(self.lookups):
            if lookup in self.lookups and ticks_diff(lookup.due, now) <= 0:
                lookup.due = ticks_add(now, _AGAIN_MS)
                try:
                    self.ask(lookup, now)
                except _FAILURES as er:  # no socket, no way there, or no memory
                    lookup.why = describe(er)
        for lookup in self.lookups:
            left = min(left, ticks_diff(lookup.due, now))
        self.mgr.deadline(self, max(left, 1))
        if not self.lookups:
            self.is_closing = True

    def ask(self, lookup, now):
        """Ask the next server. If there is nothing to be asked, or if all were asked often enough, that is the end. After a failure, which
        it raises, the next one is soon."""
        tries = lookup.tries
        if not tries:
            for other in self.lookups:
                if other.tries and other.name == lookup.name:
                    lookup.due = other.due  # its answer is for both
                    return
            if self.find(lookup):
                return self.finish(lookup)
        elif lookup.addresses or tries >= _ROUNDS * max(1, len(lookup.servers())):
            if lookup.questions and not lookup.addresses:
                self.mgr.stats["timeouts"] += 1
            return self.finish(lookup)
        lookup.tries += 1
        if self.sock is None:
            self.open()
        servers = lookup.servers()
        n = len(servers)
        if not n:
            lookup.why = "no name server, see Manager(dns=)"
            return self.finish(lookup)
        url, peer = servers[tries % n]
        wait = _TRY_MS << tries // n
        if not lookup.questions:
            lookup.is_refused = False
            lookup.questions = [make_question(urandom(2), lookup.name, kind) for kind in KINDS]
        if lookup.is_long:
            from .stream import ask

            wait = _STREAM_MS
            ask(lookup, url)
        else:
            for question in lookup.questions:
                self.sock.sendto(question, peer)
        lookup.due = ticks_add(now, wait)

    def find(self, lookup):
        """Look for an answer without a question. False if there is none."""
        name = lookup.name
        for entry in self.cache:
            if entry[0] == name and 0 <= time() - entry[1] < entry[2]:
                lookup.addresses, lookup.why = entry[3:]
                return True
        found = [name] if is_number(name) else hosts_addresses(name)
        lookup.addresses = tuple(filter(is_number, found))
        if not lookup.addresses and self.lookups.index(lookup) >= _NAMES:
            lookup.why = "more than %d names at once" % _NAMES
            return True
        return lookup.addresses

    def open(self):
        """Open the socket, with a port that is hard to guess. If there are servers with IPv6, it reaches those with IPv4, too (RFC 3493
        section 3.7)."""
        urls = self.mgr.dns
        if urls is None:
            urls = server_urls(filter(is_number, name_servers()), 53)
        self.is_six = "[" in "".join(urls)
        self.servers = [(url, self.address_of(url)) for url in urls]
        info = socket.getaddrinfo("::" if self.is_six else "0.0.0.0", number(urandom(2), 0, 2) | 1024)[0]
        self.bound = info[-1]
        sock = socket.socket(info[0], socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.bind(self.bound)
            self.mgr.watch(sock, self, self.mask)
        except Exception:
            sock.close()
            raise
        self.sock = sock

    def address_of(self, url):
        """The address in a URL, as the port has it, for this socket."""
        host, port = parse(url, "udp")
        if self.is_six and ":" not in host:
            host = "::ffff:" + host
        return socket.getaddrinfo(host, port)[0][-1]

    def take(self, data, is_server=True):
        """A message has come, from a server or from another device. True if it is an answer."""
        for lookup in self.lookups:
            for question in lookup.questions:
                answer = read_answer(data, question) if is_server or lookup.group else None
                if answer:
                    self.answered(lookup, question, *answer)
                    return True

    def answered(self, lookup, question, rcode, addresses, seconds):
        """A question has its answer; an rcode of -1 says that it is too long."""
        now = self.mgr.now
        if lookup.group and not addresses:  # another device may have it (RFC 6762 section 18.11)
            return
        if rcode < 0:
            if not lookup.is_long:
                lookup.is_long = True
                lookup.due = now
            return
        lookup.questions.remove(question)
        if addresses:
            if not lookup.addresses:
                lookup.seconds = _SECONDS  # (whatever the other answer, which had none, has said)
            lookup.addresses += addresses
        else:
            lookup.why = _RCODES.get(rcode) or "rcode %d" % rcode
            if rcode not in (0, 3):
                lookup.is_refused = True
                seconds = 0
        if addresses or not lookup.addresses:
            lookup.seconds = min(seconds, lookup.seconds)
        if lookup.questions:
            if addresses and question[-3] == 1:  # (what has IPv6 alone waits until the next try is due)
                lookup.due = ticks_add(now, _FAMILY_MS)
        else:
            lookup.due = now
            if lookup.addresses or not lookup.is_refused:
                self.finish(lookup)

    def finish(self, lookup):
        """This is what can be known of a name: tell all that wait for it."""
        addresses = lookup.addresses
        error = None if addresses else "%s: %s" % (lookup.why, lookup.name)
        if lookup.tries and lookup.seconds and (addresses or not lookup.questions):
            self.cache.append((lookup.name, time(), lookup.seconds, addresses, lookup.why))
            if len(self.cache) > _CACHED:
                self.cache.pop(0)
        for other in list(self.lookups):
            if other.name == lookup.name and other in self.lookups:  # (the one before may have cancelled it)
                other.tell(addresses, error)


def resolve(mgr, name, fn):
    """`mgr.resolve`."""
    name = host_name(name)
    resolver = mgr.resolver
    if resolver is None or resolver.is_closing:
        mgr.check_open()
        resolver = mgr.resolver = Resolver(mgr, resolver.cache if resolver else [])
    lookup = Lookup(resolver, name, fn)
    if name[-6:] == ".local":
        from .nearby import ask_nearby

        ask_nearby(lookup)
    resolver.lookups.append(lookup)
    resolver.resume()
    return lookup


def on_event(resolver, ev, data, _):
    """The handler of a Resolver."""
    if ev == _EV_READ:
        if data and not resolver.take(data, address(resolver.peer) in [address(peer) for _, peer in resolver.servers]):
            resolver.mgr.stats["dns_ignored"] += 1
        resolver.go_on()
    elif ev == _EV_CLOSE:
        while resolver.lookups:  # (no list is made of them: it would need memory)
            resolver.lookups[0].tell((), resolver.error_text or "closed")
