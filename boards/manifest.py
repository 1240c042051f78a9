# What the manifest of each board includes: mungo, and limits.py made of the board's own file and the one its family shares.
import runpy

include("../manifest.py")  # mungo: frozen modules take no heap for their code
module("limits.py", runpy.run_path("../tools/boards.py")["BOARDS"][options.board].write_limits())
