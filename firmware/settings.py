"""The settings of the apps. On a host each comes from the environment variable of its name, on a board from settings.json.

Raises ValueError, which says what is allowed, for a wrong value in the environment; config.py has checked those of settings.json.
"""
import os

IS_BOARD = not hasattr(os, "getenv")


class Wrong(ValueError):
    """What an app raises for a setting that it can't use: the text says which, what is allowed and what to do."""


if IS_BOARD:
    import config

    config.load()
    _text = _number = config.value
else:
    import environment

    _text = environment.text
    _number = environment.number

APP = _text("APP", "multi_threaded")  # a folder of apps/
if IS_BOARD:
    try:
        import bundled  # pyright: ignore

        APP = bundled.APP  # of the update that runs
    except ImportError:
        pass
HOST = _text("HOST", "127.0.0.1", "127.0.0.1", "0.0.0.0")  # the address to listen at; 0.0.0.0 for other machines too
PORT = _number("PORT", 8000, 65535, 1)
DELAY_MS = _number("DELAY_MS", 2000)  # duration of the slow work
LOG = _number("LOG", 0, 1)  # 1: print each request
BELL = _text("BELL", None, "udp", "ring")  # "udp" or "ring"; by default the one for this port
PIPE = _text("PIPE", "", "udp")  # "udp": the tutorial's bare pair of sockets
MAX_THREADS = _number("MAX_THREADS", 64, 1000, 1)  # in the app multi_threaded
BACKEND = _text("BACKEND", "127.0.0.1:8001")  # of the app reverse_proxy
FOLDER = _text("FOLDER", "uploads")  # of the apps upload and dashboard
URL = _text("URL", "")  # of the app http_fetch; empty: a page of its own. Of reverse_proxy; empty: BACKEND
TLS = _number("TLS", 0, 1)  # 1: https, by mungo.Tls, in the apps hello and reverse_proxy
TLS_CERT = _text("TLS_CERT", "cert.pem")  # the file with the certificate
TLS_KEY = _text("TLS_KEY", "key.pem")  # and that with its key
TLS_CA = _text("TLS_CA", "")  # the file with the authorities that http_fetch and reverse_proxy trust; empty: they ask no https server
BROKER: str  # the URL of the MQTT broker of the apps mqtt_..; empty: mqtt://127.0.0.1:1883
BROKER_USER: str  # how it knows the app
BROKER_PASSWORD: str
for name in "BROKER BROKER_USER BROKER_PASSWORD".split():  # (one str, see docs/internals.md: NAMES)
    globals()[name] = _text(name, "")
WORKERS = _number("WORKERS", 0, 64)  # threads of an App's pool; 0: the default of the port

# The keyword arguments of a manager: those of the board's limits.py, then the settings HEAD_MS, BODY_MS, IDLE_MS and WRITE_MS
try:
    from limits import MANAGER
except ImportError:  # on a host the library's defaults hold
    MANAGER = {}
LIMITS: dict = dict(MANAGER)
LIMITS.update({name: _number(name.upper(), 0) for name in ("head_ms", "body_ms", "idle_ms", "write_ms") if _number(name.upper(), 0)})
