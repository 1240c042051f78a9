# What the boards with an ESP32 share; deploy and the firmware put this text into each board's limits.py.
# Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.
import sys

OURS = "mungo" in getattr(sys.implementation, "_machine", "")  # firmware made from boards/, else stock
BELL = "udp"
SOCKETS = 16 if OURS else 10  # in all: the bell's two, the listener's, one to spare, and the connections
MANAGER = {
    "max_conns": SOCKETS - 4,
    "backlog": 5,
    "rx_bytes": 1440,
    "send_slice": 2880,
    "recv_limit": 8192,
    "send_limit": 8192,
    "head_limit": 4096,
    "body_limit": 8192,
    "head_ms": 10000,
    "body_ms": 30000,
    "idle_ms": 30000,
    "write_ms": 30000,
}
WORKERS = {"n": 2, "queue": 8, "stack": 8192}
LED_ON = 1
BUTTON = 0  # BOOT
BUTTON_DOWN = 0
