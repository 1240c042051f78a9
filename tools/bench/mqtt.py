"""MQTT clients on MicroPython, next to each other: python -m tools.bench.mqtt [--messages N] [--clients FOLDER]

Messages a second, in and out, with QoS 0 and 1; the processor's time for each, and the bytes that it leaves on the heap. FOLDER has
umqtt/simple.py (micropython-lib) and mqtt_as.py (peterhinch/micropython-mqtt): they are in no registry from which pip installs, so without
it only mungo is measured. The broker is a thread that answers at once and parses as little as it can.
"""

import argparse
import os
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
CLIENTS = ("mungo", "umqtt.simple", "mqtt_as")
MODES = ("in 0", "in 1", "out 0", "out 1")
TOPIC = b"sensors/a/temperature"
TIMEOUT_S = 300
SLOW = {("mqtt_as", "in 0"): 50, ("mqtt_as", "in 1"): 50, ("mqtt_as", "out 1"): 50, ("umqtt.simple", "out 1"): 100}  # fewer messages


def publish(qos, id):
    body = len(TOPIC).to_bytes(2, "big") + TOPIC + (id.to_bytes(2, "big") if qos else b"") + b"21.5"
    return bytes((0x30 | qos << 1, len(body))) + body


def serve(listener, mode, n):
    sock = listener.accept()[0]
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.recv(1000)
        sock.sendall(b"\x20\2\0\0")
        qos = int(mode[-1])
        if mode.startswith("in"):
            data = b"".join(publish(qos, i % 65535 + 1) for i in range(n))
            threading.Thread(target=sock.sendall, args=(data,), daemon=True).start()
        data = b""
        while more := sock.recv(65536):
            if mode != "out 1":
                continue
            data += more
            answer = b""
            while len(data) > 1 and len(data) >= 2 + data[1]:
                at = 4 + data[3]
                answer += b"\x40\2" + data[at : at + 2]
                data = data[2 + data[1] :]
            sock.sendall(answer)


def run(client, mode, n, folder):
    """(messages a second, microseconds of the processor for each, bytes of garbage for each) of one client."""
    n //= SLOW.get((client, mode), 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener, mode, n), daemon=True)
        thread.start()
        command = [str(ROOT / ".venv/bin/micropython"), "-X", "heapsize=64M", str(HERE / "servers" / "mqtt_clients.py")]
        command += [client, mode, str(n), str(listener.getsockname()[1])]
        path = f"{ROOT / 'lib'}:{folder or ''}:{HERE / 'servers' / 'mqtt_stubs'}:.frozen"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, env=dict(os.environ, MICROPYPATH=path), capture_output=True, text=True, timeout=TIMEOUT_S)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise SystemExit(f"{client} {mode}: {done.stdout}{done.stderr}")
        us, garbage = map(float, done.stdout.split())
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return n * 1e6 / us, cpu * 1e6 / n, garbage / n


def main(n, folder):
    clients = CLIENTS if folder else CLIENTS[:1]
    print("| client | " + " | ".join(f"{mode.replace(' ', ', QoS ')}" for mode in MODES) + " |")
    print("|---|" + "--:|" * len(MODES))
    for client in clients:
        cells = []
        for mode in MODES:
            best = min((run(client, mode, n, folder) for _ in range(3)), key=lambda found: found[1])
            cells.append("{:,.0f}/s, {:.0f} us, {:.0f} B".format(*best))
        print(f"| {client} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=30000)
    parser.add_argument("--clients")
    given = parser.parse_args()
    sys.exit(main(given.messages, given.clients))
