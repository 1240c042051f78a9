"""What the apps are started with. On a host each comes from the environment variable of its name."""
import os


def _get(name, default):
    value = os.getenv(name) if hasattr(os, "getenv") else None
    if value is None or value == "":
        return default
    if isinstance(default, int):
        if not value.isdigit():
            raise ValueError("%s=%r: want a whole number" % (name, value))
        return int(value)
    return value


APP = _get("APP", "multi_threaded")  # a folder of apps/
HOST = _get("HOST", "127.0.0.1")  # where to listen; 0.0.0.0 lets others in
PORT = _get("PORT", 8000)
DELAY_MS = _get("DELAY_MS", 2000)  # what the slow work takes
LOG = _get("LOG", 0)  # 1: print what happens
BELL = _get("BELL", "") or None  # "udp" or "ring"; by default what works here
PIPE = _get("PIPE", "")  # "udp": the tutorial's bare pair of sockets
MAX_THREADS = _get("MAX_THREADS", 64)

# Deadlines, in milliseconds
LIMITS = {name: _get(name.upper(), 0) for name in ("head_ms", "body_ms", "idle_ms", "write_ms")}
LIMITS = {name: ms for name, ms in LIMITS.items() if ms}
