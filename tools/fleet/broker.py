"""Debian's mosquitto, as quick as it can be: it logs nothing and keeps nothing."""

import os
import shutil
import signal
import socket
import subprocess
import time

PATH = os.environ["PATH"] + ":/usr/sbin"
START_S = 20


class Broker:
    """A mosquitto on a free port of 127.0.0.1, with its configuration in `folder`. A context manager."""

    host = "127.0.0.1"

    def __init__(self, folder):
        self.program = shutil.which("mosquitto", path=PATH)
        if not self.program:
            raise SystemExit("there is no mosquitto: tools/debian.sh says how to get it")
        self.path = folder / "fleet.conf"
        with socket.create_server((self.host, 0)) as one:
            self.port = one.getsockname()[1]
        lines = [f"listener {self.port} {self.host}", "allow_anonymous true", "log_type error", "set_tcp_nodelay true", "sys_interval 0"]
        self.path.write_text("\n".join(lines) + "\n")
        self.proc = None

    def start(self):
        """Start it; return when it takes connections."""
        self.proc = subprocess.Popen([self.program, "-c", str(self.path)], stderr=subprocess.DEVNULL)
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.proc.poll() is None:
            try:
                socket.create_connection((self.host, self.port), 1).close()
            except ConnectionRefusedError:
                time.sleep(0.02)
            else:
                return
        raise SystemExit("mosquitto does not start")

    def stop(self, number=signal.SIGTERM):
        self.proc.send_signal(number)
        self.proc.wait(START_S)

    def cpu_s(self):
        """Seconds of a processor that it has used."""
        fields = open(f"/proc/{self.proc.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGKILL)
