"""The host as a board: it has no pins, and its sockets and threads are what the system gives."""

OURS = False
BELL = "udp"
SOCKETS = 512
MANAGER = {  # without rx_bytes, which the library chooses by the size of the heap
    "max_conns": 512,
    "backlog": 64,
    "send_slice": 262144,
    "recv_limit": 65536,
    "send_limit": 65536,
    "head_limit": 8192,
    "body_limit": 65536,
    "head_ms": 10000,
    "body_ms": 30000,
    "idle_ms": 30000,
    "write_ms": 30000,
}
WORKERS = {"n": 4, "queue": 16, "stack": 1}
LED = None
LED_ON = 1
NEOPIXEL = False
BUTTON = None
BUTTON_DOWN = 0
