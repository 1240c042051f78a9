"""The Makefile's targets, as a user runs them."""

import os
import subprocess

import lanes


def environment():
    """This process's, without what an outer make has set."""
    return {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MICROPYTHON")}


def make(*args, timeout=60):
    """Run make with these arguments: the CompletedProcess, with text in stdout and stderr."""
    # -o: never set up the tools anew from inside a test.
    command = ["make", "-o", ".venv/.stamp", "-o", ".venv-flash/.stamp", *args]
    return subprocess.run(command, cwd=lanes.ROOT, env=environment(), capture_output=True, text=True, timeout=timeout)
