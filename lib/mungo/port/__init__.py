# Which system is this? Asked here and nowhere else. Each port's file holds its limits, and why they are what they are.
import sys

if sys.implementation.name == "cpython":
    from .cpython import *  # noqa: F403
elif sys.platform == "esp32":
    from .esp32 import *  # noqa: F403
elif sys.platform == "rp2":
    from .rp2 import *  # noqa: F403
else:
    from .unix import *  # noqa: F403
