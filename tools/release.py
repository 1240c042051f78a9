"""Prepare a release: `make release VERSION=0.2.0`. The version is __version__ in lib/mungo/__init__.py, and nowhere else.

1. Checks: the tree is clean, the version is newer, and CHANGELOG.md has something under "Unreleased".
2. Sets the version, dates the changelog, and writes the packages for mip.
3. Runs `make check`. If that fails, the tree is as it was before.
4. Writes to build/release/: the library as source and as bytecode, and notes.md, the changelog's part.

Commit and tag are yours: the last lines say how.
"""

import argparse
import datetime
import os
import re
import subprocess
import sys
import tarfile

import mpy
import packages

ROOT = mpy.ROOT
OUT = ROOT / "build" / "release"
_UNRELEASED = "## Unreleased\n"


class Refused(Exception):
    """The release can't be made; the text says why, and what to do."""


def numbers(version):
    """A version as a tuple of numbers."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise Refused(f"VERSION={version}: want three numbers, as in VERSION=0.2.0")
    return tuple(map(int, version.split(".")))


def notes(changelog):
    """What CHANGELOG.md has under "Unreleased"."""
    found = changelog.partition(_UNRELEASED)[2].partition("\n## ")[0].strip()
    if not found:
        raise Refused('CHANGELOG.md has nothing under "Unreleased": write what has changed for users')
    return found + "\n"


def git(*args):
    done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"git {args[0]}: {done.stderr.strip()}")
    return done.stdout


def prepare(version):
    """Steps 1 and 2. Returns the notes."""
    old = packages.version()
    if numbers(version) <= numbers(old):
        raise Refused(f"VERSION={version}: want one after {old}")
    changed = git("status", "--porcelain", "--untracked-files=no")
    if changed:
        raise Refused("the tree has changes, commit them first:\n" + changed.rstrip())
    changelog = ROOT / "CHANGELOG.md"
    text = changelog.read_text()
    found = notes(text)
    changelog.write_text(text.replace(_UNRELEASED, f"{_UNRELEASED}\n## {version}, {datetime.date.today()}\n", 1))
    source = ROOT / "lib" / "mungo" / "__init__.py"
    source.write_text(source.read_text().replace(f'__version__ = "{old}"', f'__version__ = "{version}"'))
    wrong = packages.main([])
    if wrong:
        git("checkout", "--", ".")
        raise Refused(wrong)
    return found


def write(version, text):
    """Step 4. Returns the files."""
    OUT.mkdir(parents=True, exist_ok=True)
    made = [OUT / "notes.md", OUT / f"mungo-{version}.tar.gz", OUT / f"mungo-{version}-bytecode.tar.gz"]
    made[0].write_text(text)
    listed = git("ls-files", "lib", "package.json", "manifest.py", "LICENSE", "README.md", "CHANGELOG.md").split()
    with tarfile.open(made[1], "w:gz") as archive:
        for name in listed:
            archive.add(ROOT / name, f"mungo-{version}/{name}")
    with tarfile.open(made[2], "w:gz") as archive:
        archive.add(packages.OUT, f"mungo-{version}")
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version")
    version = parser.parse_args().version
    try:
        text = prepare(version)
    except Refused as er:
        return str(er)
    # What the outer make exports is not for the tests: they run make flash, which has a VERSION, too.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VERSION")}
    if subprocess.call(["make", "check"], cwd=ROOT, env=environment):
        git("checkout", "--", ".")
        return "make check has failed, so there is no release. The tree is as it was."
    for path in write(version, text):
        print(path.relative_to(ROOT))
    print(f"Next: git commit -am 'release: {version}.' && git tag v{version}, push both, and attach these files to the release.")
    return None


if __name__ == "__main__":
    sys.exit(main())
