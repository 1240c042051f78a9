"""A board with an ESP32-S3: what it has for mungo, and its pins. Figures from the port's sources; not tried on a board."""
import sys

OURS = "mungo" in getattr(sys.implementation, "_machine", "")  # firmware made from this folder, else stock
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
LED = 48  # the coloured one of DevKitC-1; 38 on its later version
LED_ON = 1
NEOPIXEL = True
BUTTON = 0  # BOOT
BUTTON_DOWN = 0
