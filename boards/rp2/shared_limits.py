# What the Picos with a radio share; deploy and the firmware put this text into each board's limits.py.
# Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.
import sys

OURS = "mungo" in getattr(sys.implementation, "_machine", "")  # firmware made from boards/, else stock
BELL = "ring"  # stock firmware has no loopback interface
MANAGER = {
    "backlog": 8,
    "rx_bytes": 1024,
    "send_slice": 1600,
    "recv_limit": 4096,
    "send_limit": 8192,
    "head_limit": 3072,
    "body_limit": 8192,
    "head_ms": 10000,
    "body_ms": 30000,
    "idle_ms": 30000,
    "write_ms": 10000,
}
WORKERS = {"n": 1, "queue": 4, "stack": 8192}  # the other core
LED = "LED"  # at the radio chip, not at a pin of the processor
LED_ON = 1
NEOPIXEL = False
BUTTON = 15  # a push button between GP15 and GND: BOOTSEL is no pin
BUTTON_DOWN = 0
