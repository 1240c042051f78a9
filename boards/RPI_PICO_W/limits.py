"""Raspberry Pi Pico W: what it has for mungo, and its pins. Figures from an emulator and the sources; not tried on a board."""
import sys

OURS = "mungo" in getattr(sys.implementation, "_machine", "")  # firmware made from this folder, else stock
BELL = "ring"  # no loopback in stock firmware, and none needed in ours
SOCKETS = 8 if OURS else 5  # TCP, besides listeners; UDP has three
MANAGER = {
    "max_conns": SOCKETS - 1,
    "backlog": 4,
    "rx_bytes": 1024,
    "send_slice": 1600,
    "recv_limit": 4096,
    "send_limit": 8192,
    "head_limit": 3072,
    "body_limit": 8192,
    "head_ms": 10000,
    "body_ms": 30000,
    "idle_ms": 30000,
    "write_ms": 30000,
}
WORKERS = {"n": 1, "queue": 4, "stack": 8192}  # the other core
LED = "LED"  # at the radio chip, not at a pin of the RP2040
LED_ON = 1
NEOPIXEL = False
BUTTON = 15  # BOOTSEL is no pin: a push button between GP15 and GND
BUTTON_DOWN = 0
