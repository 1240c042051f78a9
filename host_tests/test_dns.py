"""Names, looked up at a real dnsmasq, on both runtimes: records, chains, truncation, delays, refusals, and requests by name."""

import http.server
import json
import shutil
import socket
import subprocess
import threading

import pytest

import lanes
from server import free_port

WAIT_S = 60
START_S = 20

ZONE = """
host-record=a.test,10.1.2.3
host-record=both.test,10.1.2.4,fd00::4
host-record=six.test,fd00::6
cname=c1.test,c2.test
cname=c2.test,c3.test
cname=c3.test,both.test
txt-record=text.test,hello
local=/test/
"""


class Dnsmasq:
    """A dnsmasq on a free port of 127.0.0.1 that knows what `config` says, and nothing else."""

    def __init__(self, folder, config):
        path = shutil.which("dnsmasq", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
        if path is None:
            pytest.skip("there is no dnsmasq: tools/debian.sh says how to get it")
        self.port = free_port()
        self.dns = "127.0.0.1:%d" % self.port
        file = folder / "dnsmasq.conf"
        common = f"no-resolv\nno-hosts\nport={self.port}\nlisten-address=127.0.0.1\nbind-interfaces\npid-file=\nlog-queries\n"
        file.write_text(common + config)
        command = [path, "--keep-in-foreground", f"--conf-file={file}", "--log-facility=-"]
        self.proc = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.log = []
        self.ready = threading.Event()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        assert self.ready.wait(START_S), self.log

    def read(self):
        for line in self.proc.stderr:
            self.log.append(line)
            if "cleared cache" in line or "read " in line or "no upstream" in line:
                self.ready.set()

    def stop(self):
        """Stop it: from here on `log` is complete."""
        self.proc.kill()
        self.proc.wait()
        self.reader.join()

    def asked(self, name):
        """The types that were asked for this name, once it is stopped."""
        return sorted(line.split("query[")[1].split("]")[0] for line in self.log if "query[" in line and f" {name} from" in line)


@pytest.fixture
def dnsmasq(tmp_path):
    started = []

    def start(config=ZONE):
        started.append(Dnsmasq(tmp_path, config))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def resolve(runtime):
    """resolve(*calls): the lines of servers/names.py, as lists."""

    def run(*calls):
        done = lanes.run_script(runtime, "host_tests/servers/names.py", timeout=WAIT_S, CALLS=json.dumps(calls))
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


FOUR = "fd00:0:0:0:0:0:0:4"


def test_records_of_both_families_and_chains_of_cnames(dnsmasq, resolve):
    names = ["a.test", "both.test", "six.test", "c1.test", "C2.Test."]
    found = {name: (sorted(addresses), error) for name, addresses, error in resolve({"names": names, "dns": dnsmasq().dns})}
    assert found == {
        "a.test": (["10.1.2.3"], None),
        "both.test": (["10.1.2.4", FOUR], None),
        "six.test": (["fd00:0:0:0:0:0:0:6"], None),
        "c1.test": (["10.1.2.4", FOUR], None),
        "C2.Test.": (["10.1.2.4", FOUR], None),
    }


def test_names_that_have_no_address_say_why(dnsmasq, resolve):
    names = ["no.test", "text.test", "elsewhere.example"]  # dnsmasq has no server to ask for the last one
    found = {name: (addresses, error) for name, addresses, error in resolve({"names": names, "dns": dnsmasq().dns})}
    assert found == {
        "no.test": ([], "NXDOMAIN: no.test"),
        "text.test": ([], "no address: text.test"),
        "elsewhere.example": ([], "REFUSED: elsewhere.example"),
    }


def test_a_truncated_answer_comes_by_tcp(dnsmasq, resolve):
    records = "".join("host-record=big.test,10.9.%d.1\n" % n for n in range(60))
    server = dnsmasq(ZONE + records)
    found = resolve({"names": ["big.test"], "dns": server.dns})
    assert len(found) == 1 and len(found[0][1]) == 8 and all(one.startswith("10.9.") for one in found[0][1])
    server.stop()
    asked = server.asked("big.test")
    assert set(asked) == {"A", "AAAA"} and asked.count("A") >= 2


def test_the_cache_honours_the_ttl(dnsmasq, resolve):
    for ttl in (0, 60):
        server = dnsmasq(ZONE + f"local-ttl={ttl}\n")
        found = resolve({"names": ["a.test"], "dns": server.dns, "times": 3, "in_turn": True})
        assert found == [["a.test", ["10.1.2.3"], None]] * 3
        server.stop()
        times = server.asked("a.test").count("A")
        assert times >= 3 if ttl == 0 else times < 3  # (one that is late is asked again)


class Upstream(threading.Thread):
    """A name server that dnsmasq asks: it leaves the first `silent` questions about each name unanswered, and answers with `make`."""

    def __init__(self, silent, make):
        super().__init__()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.silent = silent
        self.make = make
        self.seen = {}
        self.start()

    def run(self):
        while True:
            data, sender = self.sock.recvfrom(2000)
            if data == b"end":
                return
            question = data[12 : data.index(b"\0", 12) + 5]
            self.seen[question] = self.seen.get(question, 0) + 1
            if self.seen[question] > self.silent:
                self.sock.sendto(self.make(data, question), sender)

    def stop(self):
        self.sock.sendto(b"end", self.sock.getsockname())
        self.join()
        self.sock.close()


def address(data, question):
    """An answer with one address, of either family."""
    is_six = question[-3] == 28
    record = b"\xc0\x0c" + question[-4:] + b"\0\0\0\x3c" + (b"\0\x10" + b"\xfd" + bytes(14) + b"\7" if is_six else b"\0\4\x0a\1\2\7")
    return data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question + record


def test_a_server_that_answers_late_is_asked_again_and_delays_nobody(dnsmasq, resolve):
    upstream = Upstream(1, address)
    silent = Upstream(1000, address)
    server = dnsmasq(ZONE + f"server=/slow.example/127.0.0.1#{upstream.port}\nserver=/never.example/127.0.0.1#{silent.port}\n")
    slow = ["s%d.slow.example" % n for n in range(5)]
    names = slow + ["n.never.example", "a.test", "both.test", "no.test"]
    found = resolve({"names": names, "dns": server.dns})
    upstream.stop()
    silent.stop()
    order = [name for name, _, _ in found]
    assert sorted(order[:3]) == ["a.test", "both.test", "no.test"] and order[-1] == "n.never.example"  # the slow ones hold up no other
    results = {name: (sorted(addresses), error) for name, addresses, error in found}
    for name in slow:
        assert results[name] == (["10.1.2.7", "fd00:0:0:0:0:0:0:7"], None)
    assert results["n.never.example"][0] == [] and results["n.never.example"][1].startswith("timeout")


def test_the_second_server_is_asked_when_the_first_refuses_or_is_silent(dnsmasq, resolve):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = dnsmasq()
        for first in ("127.0.0.1:%d" % silent.getsockname()[1], "127.0.0.1:%d" % free_port(), "255.255.255.255"):
            assert resolve({"names": ["a.test"], "dns": [first, server.dns]}) == [["a.test", ["10.1.2.3"], None]], first


# --- requests by name


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        port = self.server.server_address[1]
        self.server.seen.append((self.headers["Host"], self.headers["Authorization"]))
        self.send_response(302 if self.path == "/to" else 200)
        if self.path == "/to":
            self.send_header("Location", f"http://other.test:{port}/there")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"hi")

    def log_message(self, *_):
        pass


class Server6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


@pytest.fixture
def site():
    """site(host): an HTTP server there."""
    started = []

    def start(host="127.0.0.1", port=0):
        one = (Server6 if ":" in host else http.server.ThreadingHTTPServer)((host, port), Handler)
        one.seen = []
        thread = threading.Thread(target=one.serve_forever)
        thread.start()
        started.append((one, thread))
        return one

    yield start
    for one, thread in started:
        one.shutdown()
        thread.join()
        one.server_close()


WEB = """
host-record=www.test,127.0.0.1
host-record=other.test,127.0.0.1
host-record=two.test,127.0.0.1,::1
local=/test/
"""


@pytest.fixture
def fetch(runtime):
    def run(*calls):
        done = lanes.run_script(runtime, "host_tests/servers/fetch_calls.py", timeout=WAIT_S, CALLS=json.dumps(calls))
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def test_fetch_by_name_and_a_redirect_to_another(dnsmasq, site, fetch):
    server = site()
    port = server.server_address[1]
    limits = {"dns": dnsmasq(WEB).dns, "datagram": 2000}
    auth = ["me", "secret"]
    calls = [{"url": f"http://www.test:{port}/to", "limits": limits, "auth": auth}, {"url": f"http://no.test:{port}/", "limits": limits}]
    results = fetch(*calls)
    assert (results[0]["status"], results[0]["body"], results[0]["url"]) == (200, "hi", f"http://other.test:{port}/there")
    assert server.seen == [(f"www.test:{port}", "Basic bWU6c2VjcmV0"), (f"other.test:{port}", None)]
    assert results[1]["error"] == "OSError" and "NXDOMAIN: no.test" in results[1]["text"]


def test_fetch_takes_the_family_that_answers(dnsmasq, site, fetch):
    limits = {"dns": dnsmasq(WEB).dns, "datagram": 2000}
    four = site()
    port = four.server_address[1]
    assert fetch({"url": f"http://two.test:{port}/", "limits": limits})[0]["body"] == "hi"
    assert len(four.seen) == 1  # nobody listens at ::1
    six = site("::1")
    port = six.server_address[1]
    assert fetch({"url": f"http://two.test:{port}/", "limits": limits})[0]["body"] == "hi"
    assert len(six.seen) == 1


def test_fetch_from_a_name_that_no_server_knows_is_a_timeout(site, fetch):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        limits = {"dns": "127.0.0.1:%d" % silent.getsockname()[1], "connect_ms": 300}
        result = fetch({"url": "http://www.test/", "limits": limits})[0]
    assert result["error"] == "OSError" and result["errno"] == 110 and "www.test" in result["text"]


MODULES = """
import sys
import mungo
from mungo.http import client
with mungo.Manager(dns=("10.0.0.1", "10.0.0.2:54")) as mgr:
    mgr.http_connect("http://127.0.0.1:9/", None)
    mgr.connect("udp://127.0.0.1:9", None)
    mgr.listen("udp://127.0.0.1:%s" % sys.argv[1], None)
    mgr.poll(0)
    before = [name for name in sys.modules if "dns" in name or "port.names" in name or "dialer" in name]
    mgr.connect("tcp://localhost:9", None)
    mgr.resolve("localhost", lambda addresses, error: None)
    print(before, "mungo.dns.resolver" in sys.modules)
"""


def test_a_program_that_uses_addresses_alone_loads_nothing_of_it(runtime, tmp_path):
    (tmp_path / "modules.py").write_text(MODULES)
    done = lanes.run_script(runtime, tmp_path / "modules.py", free_port())
    assert done.stdout == "[] True\n", done.stdout + done.stderr
