"""A board with an ESP32-C3: what it has for mungo, and its pins. Figures from the port's sources; not tried on a board."""
from shared_limits import *

LED = 8  # the coloured one of DevKitM-1; small boards have a plain one: NEOPIXEL = False, LED_ON = 0
NEOPIXEL = True
BUTTON = 9  # BOOT
