# UNIX: the host as a board, mungo frozen into MicroPython's standard unix variant. Nobody has built this yet.
include("$(PORT_DIR)/variants/standard/manifest.py")  # MicroPython's own
include("../manifest.py", board="UNIX")
