"""A board with an ESP32-S3: what it has for mungo, and its pins. Figures from the port's sources; not tried on a board."""
from shared_limits import *

LED = 48  # the coloured one of DevKitC-1; 38 on its later version
NEOPIXEL = True
