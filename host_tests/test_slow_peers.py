"""Peers that are silent or slow while a name is looked up, in a connect or in a handshake, of either side: they delay nobody."""

import contextlib
import http.client
import json
import socket
import ssl
import threading

import certificates
from test_tls import context, hello

WAIT_S = 60
REQUESTS = 100


@contextlib.contextmanager
def full_listener():
    """A port whose listener has no room for more clients: a connect to it neither succeeds nor fails."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    for _ in range(4):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
        waiting.append(sock)
    yield listener.getsockname()[1]
    for sock in (*waiting, listener):
        sock.close()


class Mute(threading.Thread):
    """A server that begins a handshake, and sends the first bytes of its answer one by one, more and more slowly; or none."""

    def __init__(self):
        super().__init__()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_over = threading.Event()
        self.clients = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificates.path("server.pem"), certificates.path("server.key"))
        self.start()

    def run(self):
        while True:
            sock, _ = self.listener.accept()
            if self.is_over.is_set():
                sock.close()
                break
            self.clients.append(sock)
            if len(self.clients) & 1:
                threading.Thread(target=self.drip, args=(sock,), daemon=True).start()

    def drip(self, sock):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        half = self.context.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(sock.recv(16384))
        with contextlib.suppress(ssl.SSLWantReadError):
            half.do_handshake()
        drip(sock, outgoing.read()[:-1], self.is_over)

    def stop(self):
        self.is_over.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self.join()
        for sock in (*self.clients, self.listener):
            sock.close()


def drip(sock, data, is_over):
    """Send these bytes, one by one."""
    for at in range(len(data)):
        with contextlib.suppress(OSError):
            sock.sendall(data[at : at + 1])
        if is_over.wait(0.005 + at / 10000):
            break


def get(connection, path):
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200
    return answer.read()


def test_20_of_each_kind_delay_nobody(serve):
    """`/fast` is answered 100 times, over HTTP and TLS, before any of them has come to its end: none is waited for."""
    certificates.make()
    is_over = threading.Event()
    with contextlib.ExitStack() as stack:
        names = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        names.bind(("127.0.0.1", 0))  # a name server that does not answer
        full = stack.enter_context(full_listener())
        mute = Mute()
        stack.callback(mute.stop)
        stack.callback(is_over.set)
        peers = ["tcp://n%d.test:80" % n for n in range(7)] + ["tcp://127.0.0.1:%d" % full] * 7 + ["tls://127.0.0.1:%d" % mute.port] * 6
        one = serve(script="slow_peers.py", env={"DNS": "127.0.0.1:%d" % names.getsockname()[1], "PEERS": json.dumps(peers)})
        plain = http.client.HTTPConnection(one.host, one.port, timeout=WAIT_S)
        secret = http.client.HTTPSConnection(one.host, one.port + 1, timeout=WAIT_S, context=context())
        first = hello()
        for n in range(20):  # clients that are silent, or send their first bytes one by one
            sock = stack.enter_context(socket.create_connection((one.host, one.port + 1)))
            if n & 1:
                threading.Thread(target=drip, args=(sock, first[:-1], is_over), daemon=True).start()
        get(plain, "/dial")
        for _ in range(REQUESTS):
            assert get(plain, "/fast") == get(secret, "/fast") == b"hi\n"
        found = json.loads(get(plain, "/state"))
        # All are where they were: nothing has failed or ended.
        assert [last for _, last in found["peers"]] == ["OPEN"] * 7 + ["RESOLVE"] * 7 + ["CONNECT"] * 6, found
        assert found["stats"]["timeouts"] == found["stats"]["failed"] == found["stats"]["bugs"] == 0
        assert found["conns"] >= 2 + 2 + 20 + 20 and found["open"] >= 1 + 6
        plain.close()
        secret.close()
