"""MQTT clients next to each other on the same MicroPython: messages a second, in and out, with QoS 0 and 1; the processor's time and the
bytes of garbage for each.

The broker is a thread of this process, on the client's processor. It parses as little as it can, and answers at once. The other clients
are in no registry from which pip installs. MicroPython's own package manager has them; they are looked for in build/mqtt-clients:

    micropython -m mip install --target build/mqtt-clients umqtt.simple github:peterhinch/micropython-mqtt
"""

import contextlib
import os
import socket
import subprocess
import threading

from .. import host, markdown, stats
from ..process import SERVERS, fail, progress
from . import at_least

NAME = "mqtt"
TITLE = "MQTT clients"
CLIENTS = {
    "mungo": "**mungo by events**",
    "mungo.mqtt.Client": "**mungo's Client**",
    "umqtt.simple": "umqtt.simple",
    "mqtt_as": "mqtt_as",
}
FILES = {"umqtt.simple": "umqtt/simple.py", "mqtt_as": "mqtt_as/__init__.py"}
FOLDER = host.ROOT / "build" / "mqtt-clients"
MODES = {"in 0": "in, QoS 0", "in 1": "in, QoS 1", "out 0": "out, QoS 0", "out 1": "out, QoS 1"}
TOPIC = b"sensors/a/temperature"
MESSAGES = 12000
TIMEOUT_S = 60
# Those that wait milliseconds for each message get fewer.
SLOW = {("mqtt_as", "in 0"): 50, ("mqtt_as", "in 1"): 50, ("mqtt_as", "out 1"): 600, ("umqtt.simple", "out 1"): 300}


def publish(qos, id):
    body = len(TOPIC).to_bytes(2, "big") + TOPIC + (id.to_bytes(2, "big") if qos else b"") + b"21.5"
    return bytes((0x30 | qos << 1, len(body))) + body


def send(sock, data):
    with contextlib.suppress(OSError):  # the client has had enough of it
        sock.sendall(data)


def serve(listener, mode, n):
    """The broker. All packets are shorter than 128 bytes."""
    sock = listener.accept()[0]
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = bytearray()
        is_open = False
        while True:
            try:
                more = sock.recv(65536)
            except ConnectionResetError:
                return
            if not more:
                return
            if is_open and mode == "out 0":
                continue
            data += more
            at = 0
            answers = bytearray()
            while len(data) - at > 1 and len(data) - at >= 2 + data[at + 1]:
                first = data[at]
                if first == 0x10:
                    answers += b"\x20\2\0\0"
                    is_open = True
                elif first & 0xF6 == 0x32:
                    id = at + 4 + data[at + 3]
                    answers += b"\x40\2" + data[id : id + 2]
                elif first == 0xC0:
                    answers += b"\xd0\0"
                at += 2 + data[at + 1]
            was_open = is_open and b"\x20\2" not in answers[:2]
            del data[:at]
            send(sock, answers)
            if is_open and not was_open and mode[0] == "i":
                messages = b"".join(publish(int(mode[-1]), i % 65535 + 1) for i in range(n))
                threading.Thread(target=send, args=(sock, messages), daemon=True).start()


def run(client, mode, n, *options):
    """What one client says: microseconds by the clock and of the processor, and bytes of garbage; None if it failed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener, mode, n), daemon=True).start()
        command = [host.MICROPYTHON, *(("-X", "heapsize=64M") if options else ()), str(SERVERS / "mqtt_clients.py")]
        command += [client, mode, str(n), str(listener.getsockname()[1]), *options]
        env = dict(os.environ, MICROPYPATH=f"{host.ROOT / 'lib'}:{FOLDER}:{SERVERS / 'mqtt_stubs'}:.frozen")
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if host.SERVER_CPU is not None:
            os.sched_setaffinity(process.pid, {host.SERVER_CPU})
        try:
            said = process.communicate(timeout=TIMEOUT_S)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            said = process.communicate()[0] + "it took too long"
    if process.returncode:
        return fail("%s, %s: %s" % (client, mode, said.strip()[-300:]), client)
    return [float(figure) for figure in said.split()]


def one_turn(client, mode, n):
    """{"rate": messages a second, "cpu_us": of the processor, "garbage": bytes, both for each message}; None if it failed."""
    said = run(client, mode, n)
    few = max(10, n // 20)
    garbage = run(client, mode, few, "garbage")
    if said and garbage:
        return {"rate": n * 1e6 / said[0], "cpu_us": said[1] / n, "garbage": garbage[2] / few}
    return None


def measure(plan):
    clients = []
    for client in CLIENTS:
        if client not in FILES or (FOLDER / FILES[client]).exists():
            clients.append(client)
        else:
            progress("%s is left out: %s has no %s" % (client, FOLDER, FILES[client]))
    rows = []
    with host.on_client_cpu():
        for mode in MODES:
            progress("MQTT, " + MODES[mode])
            found = {client: [] for client in clients}
            for _ in range(1 if plan.quick else 3):
                for client in clients:
                    n = max(20, (MESSAGES // 10 if plan.quick else MESSAGES) // SLOW.get((client, mode), 1))
                    found[client].append(one_turn(client, mode, n))
            for client in clients:
                turns = [turn for turn in found[client] if turn]
                row = {key: stats.figure([turn[key] for turn in turns]) for key in ("rate", "cpu_us", "garbage")}
                rows.append({"name": client, "mode": mode, **row})
    return {"rows": rows}


def table(found):
    """The table in Markdown."""
    cells = {}
    for row in found["rows"]:
        figures = [markdown.number(row[key], form) for key, form in (("rate", "%.0f/s"), ("cpu_us", "%.1f us"), ("garbage", "%.0f B"))]
        cells.setdefault(row["name"], {})[row["mode"]] = ", ".join(figures)
    rows = [(CLIENTS[name], *(by_mode.get(mode, "-") for mode in MODES)) for name, by_mode in cells.items()]
    yield from markdown.table(("client", *(title + ">" for title in MODES.values())), rows)


def report(found):
    yield "Messages of 4 bytes: a second, CPU us for each, bytes of garbage for each.\n"
    yield from table(found)


def targets(found):
    for mode, title in MODES.items():
        rates = {row["name"]: row["rate"] and row["rate"]["median"] for row in found["rows"] if row["mode"] == mode}
        others = [rates[name] for name in FILES if rates.get(name)]
        ratio = rates["mungo"] / max(others) if others and rates.get("mungo") else None
        yield at_least("MQTT %s, messages a second, mungo by events against the better one" % title, ratio, 2)
