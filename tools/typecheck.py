"""Check lib/, firmware/ and boards/ with pyright, once for the stubs of each port. Part of make lint.

So a name that a port does not have is an error here, not on the board. The settings are in pyproject.toml.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import mpy
from boards import BOARDS

OUT = mpy.ROOT / "build" / "pyright"

# The shim's modules replace those that only boards have.
_STAND_INS = {"unix": [mpy.ROOT / "host_tests" / "shim" / "modules"]}

# Files for boards only: their import fails on a host.
_NOT_FOR = {"unix": ["firmware/apps/blink", "firmware/wifi.py"]}


def config(stubs):
    """A dict of pyright's settings for the ports with these stubs."""
    own = [board for board in BOARDS.values() if board.stubs == stubs]
    checked = [mpy.ROOT / "lib", mpy.ROOT / "firmware", *(board.folder / "limits.py" for board in own)]
    folders = own[0].folder, own[0].folder.parent / own[0].port  # limits.py and what it shares
    typings = str(mpy.ROOT / "typings" / stubs)
    return {
        "extends": str(mpy.ROOT / "pyproject.toml"),
        "include": [os.path.relpath(path, OUT) for path in checked],
        "exclude": [os.path.relpath(mpy.ROOT / name, OUT) for name in ("**/*_viper.py", *_NOT_FOR.get(stubs, ()))],
        "stubPath": typings,
        "typeshedPath": typings,
        "venvPath": str(mpy.ROOT),
        "venv": ".venv",
        "extraPaths": [str(path) for path in (mpy.ROOT / "lib", mpy.ROOT / "firmware", *folders, *_STAND_INS.get(stubs, ()))],
    }


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    status = 0
    for stubs in dict.fromkeys(board.stubs for board in BOARDS.values()):
        path = OUT / f"{stubs}.json"
        path.write_text(json.dumps(config(stubs), indent=1))
        print(f"pyright, stubs of {stubs}:", flush=True)
        status |= subprocess.call([Path(sys.executable).with_name("pyright"), "-p", path])
    return status


if __name__ == "__main__":
    sys.exit(main())
