"""A server under test: a script in a process of its own, on a free port of 127.0.0.1."""

import random
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import lanes

START_S = 20
STOP_S = 10
POLLS = ("7", "271", "73")  # the system calls poll and ppoll on x86-64, ppoll on ARM


# Below the range from which the system takes ports for outgoing connections: those of other tests can't grab it.
def free_port():
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", random.randrange(20000, 32768)))
                return probe.getsockname()[1]
            except OSError:
                continue


class Server:
    """Started by the `serve` fixture. `port` and `host` say where it is, `proc` is the process."""

    host = "127.0.0.1"

    def __init__(self, lane, script, settings, path=()):
        self.port = free_port()
        command, environment = lanes.script_command(lane, script, path)
        environment.update(HOST=self.host, PORT=str(self.port))
        environment.update({name: str(value) for name, value in settings.items()})
        self.lane = lane
        self.script = script
        self._lines = []
        self._is_listening = False
        self._ready = threading.Event()  # that, or the end of its output
        self.proc = subprocess.Popen(
            command,
            cwd=lanes.ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.proc.stdout:
            self._lines.append(line)
            if "http://" in line or "https://" in line or "listening" in line:
                self._is_listening = True
                self._ready.set()
        self._ready.set()

    def wait_ready(self):
        """Wait until it has said where it listens; raise RuntimeError with its output if it doesn't."""
        if not self._ready.wait(START_S):
            self.stop()
            raise RuntimeError(f"{self.script} did not say in {START_S} s that it listens:\n{self.output()}")
        if not self._is_listening:
            raise RuntimeError(f"{self.script} did not start: status {self.stop()}:\n{self.output()}")

    def output(self):
        """All that it has printed so far, both streams."""
        return "".join(self._lines)

    def interrupt(self):
        """Ctrl-C, while it sleeps in its poll. MicroPython's unix port raises KeyboardInterrupt out of the signal's handler: anywhere
        else it can leave the lock of the heap locked, and the process hangs."""
        deadline = time.monotonic() + START_S
        while True:
            self.proc.send_signal(signal.SIGSTOP)
            while self._of_proc("stat").rpartition(")")[2].split()[0] not in "TZ":  # (it is not stopped at once)
                time.sleep(0.001)
            if self._of_proc("syscall").split()[0] in POLLS:
                break
            self.proc.send_signal(signal.SIGCONT)
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.script} has not slept in its poll for {START_S} s:\n{self.output()}")
            time.sleep(0.001)
        self.proc.send_signal(signal.SIGINT)
        self.proc.send_signal(signal.SIGCONT)

    def _of_proc(self, name):
        return Path(f"/proc/{self.proc.pid}/{name}").read_text()

    def stop(self):
        """End it, by force if it doesn't obey; return its exit status. Harmless when it has ended already."""
        if self.proc.poll() is None:
            self.proc.terminate()
        try:
            status = self.proc.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            status = self.proc.wait()
        self._reader.join(STOP_S)
        self.proc.stdout.close()
        return status
