"""The network: a board's sockets, by the rules of its profile, and the peers on the other side, which have no such limits."""

import struct

from .world import Signal

IN, OUT, ERR, HUP, NVAL = 1, 4, 8, 16, 32
_PEER_WINDOW = 65536


class Net:
    def __init__(self, world):
        self.world = world
        self.change = world.change  # (of each board its own)
        self.profile = world.profile
        self.errno = world.profile.errno
        self.sockets = []  # open ones, in the order they were made
        self.most = world.profile.sockets  # that may be open
        self.listeners = {}  # port: Socket
        self.bound = {}  # UDP port: Socket
        self.servers = {}  # port of a peer's server, or (its IPv6 address, port): called with each Wire
        self.hosts = {}  # UDP port of a peer: UdpPeer
        self.packets = 0  # of the pool, in use
        self.tx_heap = 0  # bytes
        self.on_loopback = 0  # packets
        self.latency = world.rng.choice((300, 3000, 30000))
        self.next_port = 40000
        self.ring_faults = 0.0
        self.lost_ring = False  # by such a fault, and the loop has not woken since
        self.udp_loss = 0.0
        self.dropped = 0  # datagrams
        self.write_cut = 0.0

    def error(self, name):
        return OSError(self.errno[name])

    def delay(self):
        return self.world.rng.randrange(self.latency // 3 + 1, self.latency + 2)

    def changed(self):
        self.change.fire()

    # --- addresses

    def address(self, host, port):
        if self.profile.packed_addresses and ":" in host:
            groups = b"".join(struct.pack(">H", int(x, 16)) for x in host.split(":"))
            return struct.pack("<H", 10) + struct.pack(">H", port) + bytes(4) + groups + bytes(4)
        if self.profile.packed_addresses:
            return struct.pack("<H", 2) + struct.pack(">H", port) + bytes(int(x) for x in host.split(".")) + bytes(8)
        return host, port

    def port_of(self, address):
        if isinstance(address, (bytes, bytearray)):
            if address[0] == 10:
                return ":".join("%x" % x for x in struct.unpack(">8H", address[8:24])), struct.unpack(">H", address[2:4])[0]
            return ".".join(str(x) for x in address[4:8]), struct.unpack(">H", address[2:4])[0]
        return address[0], address[1]

    # --- limits

    def check_room(self, kind):
        profile = self.profile
        mine = [sock for sock in self.sockets if sock.kind == kind and not sock.is_listening]
        limit = getattr(profile, kind)
        used = len(mine)
        if kind == "tcp" and limit:
            used += sum(len(sock.backlog) for sock in self.listeners.values())  # lwIP has made theirs already
        if limit is not None and used >= limit or len(self.sockets) >= self.most:
            self.world.note("no socket", kind)
            raise OSError(profile.no_socket)

    def open_file(self, name):
        """A file is opened and closed again, which needs a descriptor where files and sockets share them."""
        if self.profile.shares_descriptors and len(self.sockets) >= self.most:
            self.world.note("no descriptor", name)
            raise OSError(self.profile.no_socket)

    def dial(self, peer, port):
        """A peer's SYN; it is tried again each second while there is no room for it."""
        listener = self.listeners.get(port)
        if peer.is_gone:
            return
        if listener is None:
            peer.is_reset = True
            peer.changed.fire()
            return
        limit = self.profile.tcp
        used = sum(1 for sock in self.sockets if sock.kind == "tcp" and not sock.is_listening) + len(listener.backlog)
        if len(listener.backlog) >= listener.limit or limit and used >= limit:
            self.world.after(1_000_000, lambda: self.dial(peer, port))
            return
        self.next_port += 1
        peer.wire = Wire(self, peer, self.next_port)
        listener.backlog.append(peer.wire)
        peer.is_open = True
        peer.changed.fire()
        self.changed()


class Wire:
    """A TCP connection between the board and a peer."""

    def __init__(self, net, peer, port):
        self.net = net
        self.peer = peer
        self.port = port
        self.state = "open"  # connecting, refused
        # to the board
        self.up = bytearray()  # under way
        self.up_ends = False
        self.is_up_moving = False
        self.rx = bytearray()
        self.rx_packets = 0
        self.fin = self.is_end_told = False
        self.reset = False  # to be told once
        self.is_dead = False
        # from the board
        self.tx = bytearray()
        self.is_down_moving = False
        self.is_closed = False  # the board's socket is

    # --- towards the board

    def push(self):
        if not self.is_up_moving and (self.up or self.up_ends) and not self.is_dead:
            self.is_up_moving = True
            self.net.world.after(self.net.delay(), self.move_up)

    def move_up(self):
        net = self.net
        self.is_up_moving = False
        if self.is_dead or self.peer.is_gone:
            return
        if self.is_closed:  # nobody is there any more
            if self.up:
                self.peer_reset()
            return
        if self.up:
            n = net.world.rng.randrange(1, net.profile.segment + 1) if net.world.chance(0.3) else net.profile.segment
            n = min(n, len(self.up), net.profile.rx_window - len(self.rx))
            if n <= 0 or net.profile.packets and net.packets >= net.profile.packets:
                self.is_up_moving = True  # sent again later
                net.world.after(net.world.rng.randrange(20000, 250000), self.move_up)
                return
            self.rx += self.up[:n]
            del self.up[:n]
            self.rx_packets += 1
            net.packets += 1
        if not self.up and self.up_ends:
            self.fin = True
            self.up_ends = False
        net.changed()
        self.push()

    def taken(self):
        """The board has read."""
        if not self.rx:
            self.net.packets -= self.rx_packets
            self.rx_packets = 0

    def reset_board(self):
        if self.is_dead:
            return
        self.is_dead = True
        self.reset = True
        self.up.clear()
        self.drop_tx()
        self.net.changed()

    def give_up(self):
        """The board has closed its socket some time ago: what it could not send by then is dropped."""
        if self.tx and not self.is_dead:
            self.peer_reset()

    def peer_reset(self):
        """The board, or what is left there, answers with a reset."""
        self.is_dead = True
        self.drop_tx()

        def arrive():
            self.peer.is_reset = True
            self.peer.changed.fire()

        self.net.world.after(self.net.delay(), arrive)

    # --- from the board

    def drop_tx(self):
        self.net.tx_heap -= len(self.tx)
        self.tx.clear()

    def pull(self):
        if not self.is_down_moving and (self.tx or self.is_closed) and not self.is_dead:
            self.is_down_moving = True
            self.net.world.after(self.net.delay() + self.peer.slowness, self.move_down)

    def move_down(self):
        net = self.net
        self.is_down_moving = False
        if self.is_dead:
            return
        peer = self.peer
        if peer.is_gone:
            if self.is_closed:
                net.world.after(10_000_000, self.drop_tx)
            return
        if peer.is_closed and self.tx:
            self.drop_tx()
            if not self.is_closed:
                net.world.after(net.delay(), self.reset_board)
            return
        if self.tx:
            n = min(len(self.tx), 4 * net.profile.segment, _PEER_WINDOW - len(peer.inbox))
            if n <= 0:  # its program reads nothing; told when it does
                return
            n = net.world.rng.randrange(1, n + 1)
            peer.inbox += self.tx[:n]
            del self.tx[:n]
            net.tx_heap -= n
            net.changed()
        if not self.tx and self.is_closed:
            peer.is_ended = True
            self.is_dead = True
        peer.changed.fire()
        self.pull()

    def close(self):
        """The board closes its socket: with something unread that is a reset."""
        self.is_closed = True
        self.net.packets -= self.rx_packets
        self.rx_packets = 0
        if self.is_dead:
            return
        if self.rx:
            self.peer_reset()
        else:
            self.pull()
            self.net.world.after(10_000_000, self.give_up)


class Peer:
    """The other end of a TCP connection, as a script sees it."""

    def __init__(self, net):
        self.net = net
        self.wire = None
        self.inbox = bytearray()
        self.changed = Signal()
        self.is_open = self.is_ended = self.is_reset = self.is_closed = self.is_gone = False
        self.slowness = 0

    def connect(self, port):
        self.net.world.after(self.net.delay(), lambda: self.net.dial(self, port))
        return self.until(lambda: self.is_open, 20_000_000)

    def until(self, ready, us):
        """Wait until `ready()`, the end or the time; whether it is ready."""
        world = self.net.world
        due = world.now + us
        while not ready():
            if self.is_ended or self.is_reset or world.now >= due:
                return False
            world.block(self.changed, due)
        return True

    def is_over(self):
        """Whether the board has ended it."""
        return self.is_ended or self.is_reset

    def send(self, data):
        if not self.is_reset:
            self.wire.up += data
            self.wire.push()

    def take(self, n):
        data = bytes(self.inbox[:n])
        del self.inbox[:n]
        self.wire.pull()
        return data

    def close(self):
        """An orderly end, of both directions: what the board sends from here on is answered with a reset."""
        self.is_closed = True
        if self.wire is not None and not self.is_reset:
            self.wire.up_ends = True
            self.wire.push()

    def shutdown(self):
        """No more from here; it still reads."""
        self.wire.up_ends = True
        self.wire.push()

    def reset(self):
        self.is_closed = self.is_reset = True
        if self.wire is not None:
            self.net.world.after(self.net.delay(), self.wire.reset_board)

    def vanish(self):
        """Cable out: the board is not told."""
        self.is_gone = True


class UdpPeer:
    def __init__(self, net, port):
        self.net = net
        self.port = port
        self.sender = None  # the port that the last datagram came from
        self.got = []
        self.changed = Signal()
        net.hosts[port] = self

    def send(self, data, port):
        source = self.net.address("10.0.0.9", self.port)
        self.net.world.after(self.net.delay(), lambda: self.net.bound.get(port) and self.net.bound[port].arrive(data, source))


class Socket:
    """A socket of the board. Methods and errors as PLATFORMS' tables have them."""

    def __init__(self, net, kind, is_accepted=False):
        self.net = net
        self.world = net.world
        self.kind = kind
        self.timeout = None  # seconds
        self.is_listening = self.is_closed = False
        self.is_shared = False  # threads may send on it: the bell's
        self.is_bell = False
        self.wire = None
        self.backlog = []
        self.limit = 0
        self.here = self.there = None  # (host, port)
        self.queue = []
        self.is_peer_closed = False
        self.polls = []  # where it is registered
        if not is_accepted:
            self.enter("socket")
            self.world.allocate("socket")
            net.check_room(kind)
        elif len(net.sockets) >= net.most:
            raise OSError(net.profile.no_socket)
        net.sockets.append(self)

    def enter(self, what, closed_too=False):
        world = self.world
        task = world.current
        if world.is_over and task is not None:
            world.point()
            world.choose()
        if task is not None:
            for lock in world.guards:
                if lock.owner is task:
                    world.fail(f"{what} under the lock")
            if task.is_thread and task is not world.loop and not self.is_shared and world.loop is not None:
                world.fail(f"{what} in a thread that is not the loop's")
            world.point()
        if self.is_closed and not closed_too:
            if world.loop is task or self.is_bell:
                world.fail(f"{what} on a closed socket")
            raise self.net.error("EBADF")

    def wait(self, ready, what):
        """Block, as far as this socket does, until `ready()`."""
        if self.timeout == 0:
            raise self.net.error("EAGAIN")
        world = self.world
        if world.loop is world.current and not world.may_block:
            world.fail(f"the loop blocks in {what}")
        due = None if self.timeout is None else world.now + int(self.timeout * 1e6)
        while not ready():
            if due is not None and world.now >= due:
                raise self.net.error("EAGAIN" if self.net.profile.name == "unix" else "ETIMEDOUT")
            world.block(world.change, due)

    # --- what all have

    def bind(self, address):
        self.enter("bind")
        host, port = self.net.port_of(address)
        table = self.net.bound if self.kind == "udp" else self.net.listeners
        if not port:
            port = self.net.next_port = self.net.next_port + 1
        if port in table:
            raise self.net.error("EADDRINUSE")
        self.here = host, port
        if self.kind == "udp":
            table[port] = self

    def listen(self, backlog=2):
        self.enter("listen")
        self.limit = backlog
        self.is_listening = True
        self.net.listeners[self.here[1]] = self

    def setblocking(self, flag):
        self.enter("setblocking")
        self.timeout = None if flag else 0

    def settimeout(self, seconds):
        self.enter("settimeout")
        self.timeout = seconds

    def setsockopt(self, *_):
        self.enter("setsockopt")

    def close(self):
        self.enter("close", True)
        if self.is_closed:
            return
        self.is_closed = True
        self.net.sockets.remove(self)
        self.world.progress += 1
        if self.polls and self.world.loop is not None:
            self.world.fail("a socket is closed while a poll looks at it")
        if self.kind == "udp":
            if self.here and self.net.bound.get(self.here[1]) is self:
                del self.net.bound[self.here[1]]
            self.net.packets -= len(self.queue)
        elif self.is_listening:
            del self.net.listeners[self.here[1]]
            for wire in self.backlog:
                wire.peer_reset()
                wire.close()
        elif self.wire is not None:
            self.wire.close()
        self.world.note("close", self.kind)

    # --- TCP

    def accept(self):
        self.enter("accept")
        if self.net.profile.recv_one_segment:
            self.world.now += self.world.rng.randrange(1000)  # poll_sockets
        if not self.backlog:
            self.wait(lambda: self.backlog, "accept")
        self.world.allocate("accept")
        sock = Socket(self.net, "tcp", True)
        sock.timeout = None if self.net.profile.accepted_block else self.timeout
        sock.wire = self.backlog.pop(0)
        sock.there = "10.0.0.2", sock.wire.port
        self.world.progress += 1
        self.world.note("accept", sock.wire.port)
        return sock, self.net.address(*sock.there)

    def connect(self, address):
        self.enter("connect")
        self.there = host, port = self.net.port_of(address)
        if self.kind == "udp":
            return
        net = self.net
        peer = Peer(net)
        self.wire = wire = peer.wire = Wire(net, peer, port)
        wire.state = "connecting"
        answer = net.servers.get((host, port) if ":" in host else port, "refuse")
        if answer == "no route":
            raise net.error("EHOSTUNREACH")

        def arrive():
            if answer == "refuse":
                wire.state = "refused"
                wire.is_dead = wire.reset = True
            elif answer != "silence" and not self.is_closed:
                wire.state = "open"
                peer.is_open = True
                answer(peer)
            net.changed()

        self.world.after(2 * net.delay(), arrive)
        if self.timeout == 0:
            raise net.error("EINPROGRESS")
        self.wait(lambda: wire.state != "connecting", "connect")

    def take(self, n):
        """Up to `n` bytes; b"" at the end, None if there are none."""
        wire = self.wire
        if wire is None or wire.state == "connecting":
            if self.net.profile.recv_one_segment:
                return None
            raise self.net.error("ENOTCONN")
        if wire.rx:
            if self.net.profile.recv_one_segment:
                n = min(n, self.net.profile.segment)
            data = bytes(wire.rx[:n])
            del wire.rx[:n]
            wire.taken()
            self.world.progress += 1
            return data
        if wire.reset:
            wire.reset = False
            self.world.progress += 1
            name = "ECONNREFUSED" if wire.state == "refused" and self.net.profile.name == "unix" else "ECONNRESET"
            raise self.net.error(name)
        if wire.fin or wire.is_dead:
            self.world.progress += not wire.is_end_told
            wire.is_end_told = True
            return b""
        return None

    def recv(self, n):
        self.enter("recv")
        if self.kind == "udp":
            return self.recvfrom(n)[0]
        data = self.take(n)
        while data is None:
            self.wait(lambda: self.flags() & ~OUT, "recv")
            data = self.take(n)
        return data

    def readinto(self, buf, n=None):
        self.enter("readinto")
        view = memoryview(buf)[:n]
        if self.kind == "udp":  # datagrams are merged
            done = 0
            while self.queue and done < len(view):
                data = self.pop()[0][: len(view) - done]
                view[done : done + len(data)] = data
                done += len(data)
            if not done and self.is_peer_closed:
                return 0
            if not done and self.timeout != 0:
                self.wait(lambda: self.queue, "readinto")
            return done or None
        done = 0
        while done < len(view):
            data = self.take(len(view) - done)  # (an error after some bytes loses them)
            if data is None:
                if self.timeout != 0 and self.world.loop is self.world.current:
                    self.world.fail("the loop blocks in readinto")
                return done or None
            if not data:
                break
            view[done : done + len(data)] = data
            done += len(data)
        return done

    def put(self, data):
        """How many bytes the socket takes."""
        wire = self.wire
        if wire is None or wire.state != "open":
            raise OSError(32) if self.net.profile.name == "unix" else self.net.error("ENOTCONN")
        if wire.is_dead:
            if wire.reset:
                wire.reset = False
                raise self.net.error("ECONNRESET")
            raise OSError(32) if self.net.profile.name == "unix" else self.net.error("ENOTCONN")
        n = min(len(data), self.net.profile.tx_buffer - len(wire.tx))
        if n and self.world.chance(self.net.write_cut):
            n = self.world.rng.randrange(0, n) + 1
        heap = self.net.profile.tx_heap
        if heap and self.net.tx_heap + n > heap:
            for _ in range(200):  # ERR_MEM: lwip_tcp_send sleeps, although the socket does not block
                self.world.sleep(50000)
                if self.net.tx_heap + n <= heap or wire.is_dead:
                    break
            else:
                raise self.net.error("ENOMEM")
            if wire.is_dead:
                return self.put(data)
        if n > 0:
            wire.tx += data[:n]
            self.net.tx_heap += n
            self.world.progress += 1
            wire.pull()
        return n

    def write(self, data, *limits):
        self.enter("write")
        start, n = (0, *limits) if len(limits) == 1 else limits or (0, None)
        view = bytes(memoryview(data)[start:])[:n]
        done = 0
        while done < len(view):
            took = self.put(view[done:])
            if not took:
                if self.timeout is None and self.world.loop is self.world.current:
                    self.world.fail("the loop blocks in write")
                break
            done += took
            if self.world.chance(self.net.write_cut):
                break
        return done or None

    # --- UDP

    def send(self, data):
        self.enter("send")
        if self.kind == "tcp":
            n = self.put(bytes(data))
            if not n:
                self.wait(lambda: self.flags() & OUT, "send")
            return n
        if self.there is None:
            raise self.net.error("ENOTCONN")
        return self.post(bytes(data), self.there)

    def sendto(self, data, address):
        self.enter("sendto")
        return self.post(bytes(data), self.net.port_of(address))

    def post(self, data, there):
        net = self.net
        host, port = there
        heap = net.profile.tx_heap
        if heap and net.tx_heap + len(data) > heap:  # lwIP makes a copy first, and then looks for the way
            raise net.error("ENOMEM")
        if heap and self.here and self.here[0] == "127.0.0.1" and host != "127.0.0.1":
            raise net.error("EHOSTUNREACH")
        if len(data) > net.profile.datagram:
            raise OSError(90)
        if self.is_bell and self.world.chance(net.ring_faults):
            net.lost_ring = True
            how = self.world.rng.choice(("ENOMEM", "ENOBUFS", None))
            self.world.note("ring lost", how)
            if how:
                raise net.error(how)
            return len(data)
        if self.here is None:
            net.next_port += 1
            self.here = "0.0.0.0", net.next_port
            net.bound[net.next_port] = self
        if host != "127.0.0.1":
            peer = net.hosts.get(port)
            if peer is not None:

                def arrive():
                    peer.sender = self.here[1]
                    peer.got.append(data)
                    peer.changed.fire()

                self.world.after(net.delay(), arrive)
            return len(data)
        if not net.profile.loopback:
            raise net.error("EHOSTUNREACH")
        source = net.address("127.0.0.1", self.here[1])
        if net.profile.loopback_packets is None:
            if port in net.bound:
                net.bound[port].arrive(data, source)
            return len(data)
        if net.on_loopback >= net.profile.loopback_packets:
            raise net.error("ENOMEM")
        net.on_loopback += 1

        def land():
            net.on_loopback -= 1
            if port in net.bound:
                net.bound[port].arrive(data, source)

        self.world.after(self.world.rng.randrange(10, 400), land)
        return len(data)

    def arrive(self, data, source):
        net = self.net
        if self.there is not None and net.port_of(source) != self.there:
            return
        full = len(self.queue) >= net.profile.udp_queue or net.profile.packets and net.packets >= net.profile.packets
        if full or not self.is_bell and self.world.chance(net.udp_loss):
            net.dropped += 1
            if self.is_bell and not self.queue:
                net.lost_ring = True
            return
        if not data and net.profile.empty_datagram_closes:
            self.is_peer_closed = True
        self.queue.append((data, source))
        net.packets += 1
        net.changed()

    def pop(self):
        self.net.packets -= 1
        self.world.progress += 1
        return self.queue.pop(0)

    def recvfrom(self, n):
        self.enter("recvfrom")
        if not self.queue:
            if self.is_peer_closed:
                return b"", None
            self.wait(lambda: self.queue, "recvfrom")
        self.world.allocate("recvfrom")
        data, source = self.pop()
        return data[:n], source

    # --- for the poll

    def flags(self):
        if self.is_closed:
            return NVAL
        if self.kind == "udp":
            return (IN if self.queue or self.is_peer_closed else 0) | OUT
        if self.is_listening:
            return IN if self.backlog else 0
        wire = self.wire
        name = self.net.profile.platform
        if wire is None:
            return HUP | OUT
        if wire.state == "connecting":
            return 0
        if wire.is_dead:
            if name == "esp32":
                return IN | OUT
            return (0 if wire.state == "refused" else IN) | OUT | (ERR if wire.reset else 0) | HUP
        flags = IN if wire.rx or wire.fin else 0
        if len(wire.tx) < self.net.profile.tx_buffer:
            flags |= OUT
        if wire.fin and name == "rp2":
            flags |= IN | OUT
        return flags


class FileSocket(Socket):
    """Where sockets have file numbers."""

    def fileno(self):
        return id(self) if not self.is_closed else -1


class RingIO:
    """micropython.RingIO: a byte queue for one writer and one reader, which poll can look at."""

    def __init__(self, net, size):
        self.net = net
        self.world = net.world
        self.size = size
        self.data = bytearray()
        self.polls = []
        self.is_closed = False

    def write(self, data):
        world = self.world
        for lock in world.guards:
            if lock.owner is not None and lock.owner is world.current:
                world.fail("a ring is written under the lock")
        world.point()
        if world.chance(self.net.ring_faults):
            self.net.lost_ring = True
            world.note("ring lost")
            return len(data)
        n = min(len(data), self.size - len(self.data))
        self.data += data[:n]
        if not self.net.profile.wakes_by_lock:
            self.net.changed()
        else:
            world.is_silent = True
            world.after(64000 - world.now % 64000, self.net.changed)  # lwIP's timer ends each WFE
        return n

    def readinto(self, buf):
        self.world.point()
        n = min(len(buf), len(self.data))
        memoryview(buf)[:n] = self.data[:n]
        del self.data[:n]
        self.world.progress += n
        return n or None

    def any(self):
        return len(self.data)

    def close(self):
        pass

    def flags(self):
        return (IN if self.data else 0) | (OUT if len(self.data) < self.size else 0)


class Poll:
    """select.poll() with ipoll."""

    def __init__(self, net):
        self.net = net
        self.world = net.world
        self.masks = {}  # object: mask
        self.is_asleep = False
        self.sleeps = 0
        self.since = 0  # it sleeps

    def enter(self, what):
        world = self.world
        if world.loop is not None and world.current is not world.loop and world.current is not None:
            world.fail(f"{what} in a thread that is not the loop's")
        for lock in world.guards:
            if lock.owner is not None and lock.owner is world.current:
                world.fail(f"{what} under the lock")
        world.point()

    def register(self, obj, mask=IN | OUT):
        self.enter("register")
        if obj.is_closed:
            self.world.fail("a closed socket is registered")
        if obj not in self.masks:  # else only the mask changes, which needs no memory (extmod/modselect.c, poll_set_add_obj)
            self.world.allocate("register")
            obj.polls.append(self)
        self.masks[obj] = mask

    def modify(self, obj, mask):
        self.enter("modify")
        if obj not in self.masks:
            raise self.net.error("ENOENT")
        self.masks[obj] = mask

    def unregister(self, obj):
        self.enter("unregister")
        if self.masks.pop(obj, None) is not None:
            obj.polls.remove(self)

    def ready(self):
        found = []
        for obj, mask in self.masks.items():
            flags = obj.flags() & (mask | ERR | HUP | NVAL)
            if flags:
                found.append((obj, flags))
        return found

    def ipoll(self, ms=-1, flags=0):
        self.enter("ipoll")
        world = self.world
        found = self.ready()
        if not found and ms:
            due = None if ms < 0 else world.now + ms * 1000
            world.note("sleep", ms)
            grain = self.net.profile.poll_ms * 1000
            self.is_asleep = True
            self.since = world.now
            self.sleeps += 1
            while not found and (due is None or world.now < due):
                world.block(world.change, due)
                if grain and world.now % grain:
                    self.is_asleep = False
                    world.sleep(grain - world.now % grain)
                    self.is_asleep = True
                found = self.ready()
            self.is_asleep = False
        if len(found) > 1:
            world.rng.shuffle(found)
        if self.net.lost_ring and any(getattr(obj, "is_bell", False) or isinstance(obj, RingIO) for obj, _ in found):
            self.net.lost_ring = False
        world.note("ready", [flags for _, flags in found])
        return found
