# UNIX: the host as a board, mungo frozen into MicroPython's standard unix variant. Built with MicroPython 1.29-preview of
# August 2026 on x86_64; the tutorial has run from it.
include("$(PORT_DIR)/variants/standard/manifest.py")  # MicroPython's own
include("../manifest.py", board="UNIX")
