"""THOROUGH=1 has some tests do as often what they do else a few times, and on a machine whose cores are in use, as is promised."""

import contextlib
import os
import subprocess
import sys

IS_THOROUGH = bool(os.getenv("THOROUGH"))


def times(usual, thorough):
    """How often: `thorough` with THOROUGH=1."""
    return thorough if IS_THOROUGH else usual


@contextlib.contextmanager
def busy_cores(n=2):
    """With THOROUGH=1, so many other processes do nothing but compute."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n if IS_THOROUGH else 0)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
