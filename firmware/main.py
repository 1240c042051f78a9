"""Starts the app that the settings name; on a board after it has joined a network."""
import gc
import os

if gc.mem_free() < 100000:
    # Collect often: in a small heap, live objects spread among garbage leave no room for large blocks.
    gc.threshold(2048)

try:
    if hasattr(os, "getenv"):
        import host

        host.run()
    else:
        from board import Board

        Board().run()
except KeyboardInterrupt:
    pass
