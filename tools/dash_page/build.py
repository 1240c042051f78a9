"""Build the page of mungo.dash from its sources: make dash-page

Writes firmware/www/dash/, or the folder that is named. The files there are in the repository, so only who changes the page needs npm.
"""

import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
ROOT = SOURCES.parents[1]
sys.path.insert(0, str(SOURCES.parent))

import nodejs  # noqa: E402

HOME = ROOT / "build" / "dash_page"  # of node_modules
OUT = ROOT / "firmware" / "www" / "dash"


def build(out):
    """Build the page into the folder `out`, and return what the tool says of its files."""
    nodejs.install(SOURCES, HOME)
    return nodejs.run(HOME, SOURCES / "build.mjs", SOURCES, out)


def main(args):
    if len(args) > 1:
        return __doc__
    out = Path(args[0]).resolve() if args else OUT
    print(build(out), end="")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
