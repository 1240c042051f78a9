"""Starts the app that the settings name; on a board after it has joined a network."""
import gc

if gc.mem_free() < 100000:
    # Collect often: in a small heap, live objects spread among garbage leave no room for large blocks.
    gc.threshold(2048)

import settings

try:
    if settings.IS_BOARD:
        from board import Board

        Board().run()
    else:
        app = __import__("apps." + settings.APP, None, None, ("main",))
        gc.collect()
        app.main()
except KeyboardInterrupt:
    pass
