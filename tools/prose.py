"""Check the language of README.md and the guide with proselint. Part of make lint.

Code is left out: fenced blocks, and what stands between backticks. A finding is an error unless EXCEPTIONS lists it.
"""

import re
import subprocess
import sys
from pathlib import Path

import mpy

OUT = mpy.ROOT / "build" / "prose"

# Checks that are off, each with the reason.
OFF = {
    "typography.symbols.curly_quotes": "straight quotes can be typed and searched for",
    "typography.symbols.ellipsis": "three dots can be typed and searched for",
    "typography.symbols.copyright": "(c) is the letter C in brackets here",
}
# Single findings that stay: (page, what proselint says), with the reason.
EXCEPTIONS = {}


def pages():
    """The files that are checked."""
    return [*sorted(mpy.ROOT.glob("*.md")), mpy.ROOT / "boards" / "README.md", *sorted((mpy.ROOT / "docs").glob("*.md"))]


def without_code(text):
    """The text with the same lines and columns, but code is blank. Cells of tables, which have no sentences between them, are apart."""

    def blank(found):
        return re.sub(r"[^\n]", " ", found.group())

    text = re.sub(r"^```.*?^```$", blank, text, flags=re.M | re.S)
    text = re.sub(r"^#+ .*$", blank, text, flags=re.M)  # a title repeats the words of its text
    text = re.sub(r"`[^`\n]+`", lambda found: "#" * len(found.group()), text)
    return re.sub(r"\]\([^)\n]*\)", lambda found: "]" + " " * (len(found.group()) - 1), text)


def findings(paths):
    """Lines "page:line:column: check: text" of what proselint finds in these files."""
    names = {}
    for path in paths:
        name = path.relative_to(mpy.ROOT).as_posix()
        copy = OUT / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(without_code(path.read_text()))
        names[str(copy)] = name
    command = [Path(sys.executable).with_name("proselint"), "check", *names]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode > 1 or done.stderr.strip():
        raise RuntimeError(done.stdout + done.stderr)
    found = done.stdout
    for copy, name in names.items():
        found = found.replace(copy, name)
    return found.splitlines()


def main():
    status = 0
    for line in findings(pages()):
        page = line.partition(":")[0]
        if not any(f" {check}: " in line for check in OFF) and not any(page == where and said in line for where, said in EXCEPTIONS):
            print(line)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
