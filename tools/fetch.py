"""Fetch the tools that a file names into a virtual environment: python3 tools/fetch.py .venv tools/requirements.txt

Says how far it is, in one line on a terminal. What pip says goes to build/pip.log, which an error names. (Python's own modules suffice.)
"""

import re
import subprocess
import sys
from pathlib import Path

LOG = Path("build") / "pip.log"
OLDEST = (3, 11)
FEW = 10  # packages that are fetched in seconds
_STEP = re.compile(r"\s*(?:Collecting|Requirement already satisfied:) ([\w.-]+)")


def show(text, is_last=False):
    """A line of progress: on a terminal it replaces the one before."""
    if sys.stdout.isatty():
        print("\r\033[K" + text, end="\n" if is_last else "", flush=True)
    else:
        print(text, flush=True)


def packages(file):
    """The lines of a file that name packages, and of the files that it includes by `-r`."""
    lines = [line.strip() for line in file.read_text().splitlines()]
    included = [file.parent / line.split()[1] for line in lines if line.startswith("-r ")]
    return [line for line in lines if line and line[0] not in "#-"] + [name for other in included for name in packages(other)]


def run(command, log, total, folder):
    """Run pip, and count the packages that it has come to. Its exit status."""
    n = 0
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            log.write(line)
            found = _STEP.match(line)
            if found and n < total:
                n += 1
                if sys.stdout.isatty() or n in (1, total) or n % 10 == 0:
                    show(f"fetching tools into {folder}: {n} of {total}, {found[1]}")
            elif line.startswith("Installing collected packages"):
                show(f"fetching tools into {folder}: all are here, installing them")
    return process.returncode


def main(args):
    if len(args) != 2:
        return __doc__
    folder, wanted = map(Path, args)
    if sys.version_info < OLDEST:
        return f"This is Python {sys.version.split()[0]}: want {OLDEST[0]}.{OLDEST[1]} or newer, for example make PYTHON=python3.12"
    names = packages(wanted)
    LOG.parent.mkdir(exist_ok=True)
    python = folder / "bin" / "python"
    show(f"fetching tools into {folder}: {len(names)} packages, once" + ("; this takes a minute or two" if len(names) > FEW else ""))
    with open(LOG, "w") as log:
        if not python.exists():
            made = subprocess.run([sys.executable, "-m", "venv", str(folder)], stdout=log, stderr=log)
            if made.returncode:
                return f"{folder} could not be made: {LOG} says why. On Debian, install python3-venv."
        command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", "-r", str(wanted)]
        status = run(command, log, len(names), folder)
    if status:
        errors = [line for line in LOG.read_text().splitlines() if line.startswith("ERROR:")]
        last = f" ({errors[-1][7:]})" if errors else ""
        if sys.stdout.isatty():
            print()
        return f"pip could not fetch the tools{last}: {LOG} says why. Is there a network? Then do this again."
    show(f"fetching tools into {folder}: done", is_last=True)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
