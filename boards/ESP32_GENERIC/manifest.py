# ESP32_GENERIC: what is frozen into the firmware.
# Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.
include("$(PORT_DIR)/boards/manifest.py")  # MicroPython's own
include("../manifest.py", board="ESP32_GENERIC")
