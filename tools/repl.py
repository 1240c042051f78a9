"""Open MicroPython's prompt on a board, with mpremote: make repl DEVICE= (Ctrl-] or Ctrl-X ends it)"""

import argparse
import subprocess
import sys

import device


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="")
    args = parser.parse_args(argv)
    # resume: no soft reset, so the running program continues and its output is shown.
    return subprocess.call([sys.executable, "-m", "mpremote", "connect", device.find(args.device), "resume", "repl"])


if __name__ == "__main__":
    sys.exit(device.main(main))
