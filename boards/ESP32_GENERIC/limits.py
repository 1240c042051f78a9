"""A board with an ESP32: what it has for mungo, and its pins. Figures from the port's sources; not tried on a board."""
from shared_limits import *

LED = 2  # on most boards with 30 or 38 pins; other boards have none, or one at another pin
NEOPIXEL = False
