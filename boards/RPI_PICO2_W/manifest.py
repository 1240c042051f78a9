# RPI_PICO2_W: what is frozen into the firmware.
# Nobody has built this or run it on a board yet: it is what MicroPython's sources ask for.
include("$(PORT_DIR)/boards/RPI_PICO2_W/manifest.py")  # MicroPython's own, with its networking
include("../manifest.py", board="RPI_PICO2_W")
