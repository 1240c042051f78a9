"""MicroPython's prompt on a board, by mpremote: make repl DEVICE= (Ctrl-] or Ctrl-X ends it)"""

import argparse
import subprocess
import sys

import device


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="")
    args = parser.parse_args(argv)
    # resume: what runs goes on, and can be watched.
    return subprocess.call([sys.executable, "-m", "mpremote", "connect", device.find(args.device), "resume", "repl"])


if __name__ == "__main__":
    sys.exit(device.main(main))
