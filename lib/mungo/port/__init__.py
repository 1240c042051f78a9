# The one place that finds out which system this is. Each port's file has its limits, with the reasons.
import sys

if sys.implementation.name == "cpython":
    from .cpython import *  # noqa: F403
elif sys.platform == "esp32":
    from .esp32 import *  # noqa: F403
elif sys.platform == "rp2":
    from .rp2 import *  # noqa: F403
else:
    from .unix import *  # noqa: F403
