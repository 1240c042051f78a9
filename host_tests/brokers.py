"""MQTT brokers for tests: Debian's mosquitto and PyPI's amqtt, each a process on a free port of 127.0.0.1.

    with brokers.Mosquitto(tmp_path) as broker:               # it listens: no need to wait
        broker.url                                            # mqtt://127.0.0.1:PORT

Mosquitto(folder, tls=True)          mqtts, with the certificate `server` (certificates.py; the CA is certificates.path("ca.pem"))
Mosquitto(folder, client_ca=True)    the same, and it asks for a client's certificate (certificates.path("client.pem"), "client.key")
Mosquitto(folder, users={"ann": "secret"})    asks for a name and a password
Mosquitto(folder, persistence=True)  keeps its sessions in `folder` over end() and start(), not over kill() and start()
Mosquitto(folder, settings=("max_inflight_messages 1",))    further lines of mosquitto.conf
    .end()      by SIGTERM: it writes its sessions          .kill()    by SIGKILL: sessions that are not written are lost
    .forget()   remove what it has written                  .start()   again, on the same port
    .freeze()   by SIGSTOP: it is silent, links stay open   .thaw()
    .publish(topic, payload, ...), .subscriber(topic, ...)  mosquitto_pub and mosquitto_sub, processes as well
Amqtt()                              as far as it has the same
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys

import pytest

import certificates
import server
from lines import START_S, Lines

STOP_S = 20
PATH = os.environ["PATH"] + ":/usr/sbin"
MOSQUITTO = shutil.which("mosquitto", path=PATH)
needs_mosquitto = pytest.mark.skipif(
    not (MOSQUITTO and shutil.which("mosquitto_sub")), reason="there is no mosquitto: tools/debian.sh says how to get it"
)
PORTS = 5  # so many are tried: another program may have taken one
TLS_LINES = ("cafile", "ca.pem"), ("certfile", "server.pem"), ("keyfile", "server.key")


def popen(command, **kwargs):
    return subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **kwargs
    )


class Broker:
    """A process that prints a line when it listens: a context manager, which starts it and ends it."""

    host = "127.0.0.1"
    scheme = "mqtt"
    ready = ""  # is in the line that says so
    proc = out = None
    port = 0

    @property
    def url(self):
        return f"{self.scheme}://{self.host}:{self.port}"

    def __enter__(self):
        for _ in range(PORTS):
            self.port = server.free_port()
            with contextlib.suppress(AssertionError):
                return self.start()
        raise AssertionError(f"no broker in {PORTS} attempts: " + "\n".join(self.out.lines))

    def __exit__(self, *_):
        self.kill()

    def command(self):
        raise NotImplementedError

    def start(self):
        """Start it, at the same port; return when it listens."""
        self.proc = popen(self.command(), stdin=subprocess.DEVNULL)
        self.out = Lines(self.proc)
        try:
            self.out.wait_for(lambda lines: any(self.ready in line for line in lines))
        except AssertionError:
            self.kill()
            raise
        return self

    def signal(self, number):
        self.proc.send_signal(number)

    def end(self):
        """By SIGTERM."""
        self.signal(signal.SIGTERM)
        self.proc.wait(STOP_S)
        self._drain()

    def kill(self):
        self.proc.kill()
        self.proc.wait(STOP_S)
        self._drain()

    def _drain(self):
        self.out.reader.join(STOP_S)
        self.proc.stdout.close()

    def freeze(self):
        """Silent, as after a cable is pulled: what is sent to it stays in buffers."""
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def wait_log(self, text, n=1):
        """Wait for the n-th line with this text."""
        self.out.wait_for(lambda lines: sum(text in line for line in lines) >= n)


class Mosquitto(Broker):
    ready = " running"

    def __init__(self, folder, tls=False, client_ca=False, users=None, persistence=False, settings=()):
        if not MOSQUITTO:
            pytest.skip("there is no mosquitto: tools/debian.sh says how to get it")
        self.folder = folder
        self.is_tls = tls or client_ca
        self.client_ca = client_ca
        self.users = users
        self.persistence = persistence
        self.settings = settings
        if self.is_tls:
            self.scheme = "mqtts"

    def command(self):
        lines = [
            f"listener {self.port} {self.host}",
            "log_dest stderr",
            "log_type all",
            "max_queued_messages 0",
            "sys_interval 0",
            "set_tcp_nodelay true",
            *self.settings,
        ]
        if os.getuid() == 0:
            lines.append("user root")  # else it becomes another user, who can't read the folder
        if self.users:
            passwords = self.folder / "passwords"
            passwords.write_text("".join(f"{name}:{word}\n" for name, word in self.users.items()))
            passwords.chmod(0o600)
            subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
            lines.append(f"password_file {passwords}")
        lines.append(f"allow_anonymous {'false' if self.users else 'true'}")
        if self.is_tls:
            lines += [f"{word} {certificates.path(name)}" for word, name in TLS_LINES]
        if self.client_ca:
            lines.append("require_certificate true")
        if self.persistence:
            lines += ["persistence true", f"persistence_location {self.folder}/", "autosave_interval 0"]
        path = self.folder / "mosquitto.conf"
        path.write_text("\n".join(lines) + "\n")
        return [MOSQUITTO, "-c", path]

    def forget(self):
        """Its sessions and retained messages, while it does not run."""
        (self.folder / "mosquitto.db").unlink(missing_ok=True)

    def peer(self, program, topic, qos, version, args):
        """The command of mosquitto_pub or mosquitto_sub for this broker."""
        command = [program, "-h", self.host, "-p", self.port, "-t", topic, "-q", qos, "-V", {4: "mqttv311", 5: "mqttv5"}[version]]
        if self.users:
            name, word = next(iter(self.users.items()))
            command += ["-u", name, "-P", word]
        if self.is_tls:
            command += ["--cafile", certificates.path("ca.pem")]
        if self.client_ca:
            command += ["--cert", certificates.path("client.pem"), "--key", certificates.path("client.key")]
        return [*map(str, command), *map(str, args)]

    def publish(self, topic, payload, *args, qos=0, version=4):
        """mosquitto_pub to its end. args: further ones of it ("-r"). payload: None if they say it; a list for one message each."""
        lines = None
        words = () if payload is None else ("-m", payload)
        if isinstance(payload, list):
            lines = "".join(f"{one}\n" for one in payload)
            words = ("-l",)
        command = self.peer("mosquitto_pub", topic, qos, version, [*words, *args])
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, input=lines)
        assert done.returncode == 0, done.stdout + done.stderr

    @contextlib.contextmanager
    def subscriber(self, topic, *args, qos=2, version=4):
        """mosquitto_sub: a Lines of its output, each "TOPIC PAYLOAD", when it has subscribed."""
        command = self.peer("mosquitto_sub", topic, qos, version, ["-v", *args])
        before = sum("Sending SUBACK" in line for line in self.out.lines)
        proc = popen(command, stdin=subprocess.DEVNULL)
        lines = Lines(proc)
        try:
            self.wait_log("Sending SUBACK", before + 1)
            yield lines
        finally:
            proc.kill()
            proc.wait(STOP_S)
            lines.reader.join(STOP_S)
            proc.stdout.close()


AMQTT = """
import asyncio, sys, warnings
warnings.simplefilter("ignore")
from amqtt.broker import Broker
port = int(sys.argv[1])
plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
async def main():
    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:%d" % port}}, "plugins": plugins})
    await broker.start()
    print("listening", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


class Amqtt(Broker):
    """It speaks MQTT 3.1.1."""

    ready = "listening"

    def command(self):
        return [sys.executable, "-c", AMQTT, self.port]
