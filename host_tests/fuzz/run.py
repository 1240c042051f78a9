"""Coverage-guided fuzzing of the parsers with atheris: python host_tests/fuzz/run.py MINUTES [TARGET ...]

Each target gets its share of the time. What it learns is kept below build/fuzz/, inputs that fail are reported with their file:
put it into host_tests/fuzz/corpus/TARGET/ and test_fuzz.py keeps it. Ends with status 1 if one has failed.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "host_tests" / "fuzz"
sys.pycache_prefix = str(ROOT / "build" / "pycache")
NAMES = ("request", "chunked", "form", "paths")


def fuzz(name, arguments):
    """In a process of its own: the target with this name."""
    import atheris

    sys.path[0:1] = [str(ROOT / "host_tests"), str(HERE), str(ROOT / "host_tests" / "unit"), str(ROOT / "lib")]
    import shim

    shim.install()
    with atheris.instrument_imports(include=["mungo"]):
        import targets
    atheris.Setup([sys.argv[0], *arguments], targets.TARGETS[name])
    atheris.Fuzz()


def main(minutes, names):
    status = 0
    total = 0
    for name in names or NAMES:
        out = ROOT / "build" / "fuzz" / name
        corpus = out / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        seconds = max(1, int(60 * minutes / len(names or NAMES)))
        command = [
            sys.executable, __file__, "--target", name, f"-max_total_time={seconds}", "-max_len=400", f"-dict={HERE / 'http.dict'}",
            f"-artifact_prefix={out}/", "-print_final_stats=1", "-verbosity=1", str(corpus), str(HERE / "corpus" / name),
        ]  # fmt: skip
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        runs = re.search(r"stat::number_of_executed_units: (\d+)", done.stdout)
        n = int(runs[1]) if runs else 0
        total += n
        print(f"{name}: {n} inputs in {seconds} s, status {done.returncode}", flush=True)
        if done.returncode:
            print(done.stdout[-4000:])
            status = 1
    print(f"{total} inputs in all")
    return status


if __name__ == "__main__":
    if sys.argv[1:2] == ["--target"]:
        fuzz(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main(float(sys.argv[1]) if sys.argv[1:] else 10, sys.argv[2:]))
