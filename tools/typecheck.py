"""Check lib/, firmware/ and boards/ with pyright against each port's stubs on their own: what a port lacks is an error here and not
on the board. Part of make lint.

The settings are those of pyproject.toml.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import mpy
from boards import BOARDS

OUT = mpy.ROOT / "build" / "pyright"

# Modules that only boards have: on a host the shim's stand in for them.
_STAND_INS = {"unix": [mpy.ROOT / "host_tests" / "shim" / "modules"]}

# What is for boards alone, and behind an import that fails on a host.
_NOT_FOR = {"unix": ["firmware/apps/blink", "firmware/wifi.py"]}


def config(stubs):
    """pyright's settings for the ports with these stubs."""
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
