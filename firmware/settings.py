"""What the apps are started with. On a host each comes from the environment variable of its name, on a board from settings.json."""
import os

IS_BOARD = not hasattr(os, "getenv")
if IS_BOARD:
    import config

    config.load()
    _get = config.text
else:
    _get = os.getenv


def _text(name, default):
    return _get(name) or default


def _number(name, default):
    text = _text(name, "")
    if not text:
        return default
    if not text.isdigit():
        raise ValueError("%s=%r: want a whole number" % (name, text))
    return int(text)


APP = _text("APP", "multi_threaded")  # a folder of apps/
HOST = _text("HOST", "127.0.0.1")  # where to listen; 0.0.0.0 lets others in
PORT = _number("PORT", 8000)
DELAY_MS = _number("DELAY_MS", 2000)  # what the slow work takes
LOG = _number("LOG", 0)  # 1: print each request
BELL = _text("BELL", None)  # "udp" or "ring"; by default what works here
PIPE = _text("PIPE", "")  # "udp": the tutorial's bare pair of sockets
MAX_THREADS = _number("MAX_THREADS", 64)  # of multi_threaded
BACKEND = _text("BACKEND", "127.0.0.1:8001")  # of reverse_proxy
FOLDER = _text("FOLDER", "uploads")  # of upload
URL = _text("URL", "")  # what http_fetch asks for
WORKERS = _number("WORKERS", 0)  # of an App's pool; 0: what suits the board

# What the board's folder of boards/ says of a manager, and over that the deadlines HEAD_MS, BODY_MS, IDLE_MS, WRITE_MS
try:
    from limits import MANAGER
except ImportError:  # a host, whose limits are the library's own
    MANAGER = {}
LIMITS = dict(MANAGER)
LIMITS.update({name: _number(name.upper(), 0) for name in ("head_ms", "body_ms", "idle_ms", "write_ms") if _number(name.upper(), 0)})
