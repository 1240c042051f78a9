"""The settings of the apps. On a host each comes from the environment variable of its name, on a board from settings.json."""
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
HOST = _text("HOST", "127.0.0.1")  # the address to listen at; 0.0.0.0 for other machines too
PORT = _number("PORT", 8000)
DELAY_MS = _number("DELAY_MS", 2000)  # duration of the slow work
LOG = _number("LOG", 0)  # 1: print each request
BELL = _text("BELL", None)  # "udp" or "ring"; by default the one for this port
PIPE = _text("PIPE", "")  # "udp": the tutorial's bare pair of sockets
MAX_THREADS = _number("MAX_THREADS", 64)  # in the app multi_threaded
BACKEND = _text("BACKEND", "127.0.0.1:8001")  # of the app reverse_proxy
FOLDER = _text("FOLDER", "uploads")  # of the app upload
URL = _text("URL", "")  # of the app http_fetch; empty: a page of its own
WORKERS = _number("WORKERS", 0)  # threads of an App's pool; 0: the default of the port

# The keyword arguments of a manager: those of the board's limits.py, then the settings HEAD_MS, BODY_MS, IDLE_MS and WRITE_MS
try:
    from limits import MANAGER
except ImportError:  # on a host the library's defaults hold
    MANAGER = {}
LIMITS = dict(MANAGER)
LIMITS.update({name: _number(name.upper(), 0) for name in ("head_ms", "body_ms", "idle_ms", "write_ms") if _number(name.upper(), 0)})
