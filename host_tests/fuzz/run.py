"""Coverage-guided fuzzing of the parsers with atheris: python -m host_tests.fuzz.run [--minutes N | --inputs N] [TARGET ...]

Each target gets its share of the time, or of the inputs. What it learns is kept below build/fuzz/, inputs that fail are reported with
their file: put it into host_tests/fuzz/corpus/TARGET/ and test_fuzz.py keeps it. Ends with status 1 if one has failed.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

from .. import shim

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "host_tests" / "fuzz"


def prepare():
    """Have this process look like a board, whose program is in the folder of the targets."""
    shim.install()
    shim.set_path(HERE)


def fuzz(name, arguments):
    """In a process of its own: the target with this name."""
    import atheris

    prepare()
    with atheris.instrument_imports(include=["mungo", "captive", "schema"]):
        import targets
    atheris.Setup([sys.argv[0], *arguments], targets.TARGETS[name])
    atheris.Fuzz()


def run(name, limit):
    """Fuzz one target until this limit, an argument of libFuzzer: (inputs, edges, seconds, status, output)."""
    out = ROOT / "build" / "fuzz" / name
    corpus = out / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "host_tests.fuzz.run", "--target", name, limit, "-max_len=300", "-timeout=20", f"-dict={HERE / 'http.dict'}",
        f"-artifact_prefix={out}/", "-print_final_stats=1", "-verbosity=1", str(corpus), str(HERE / "corpus" / name),
    ]  # fmt: skip
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    seconds = time.monotonic() - start
    inputs = re.findall(r"stat::number_of_executed_units: (\d+)", done.stdout)
    edges = re.findall(r" cov: (\d+)", done.stdout)
    return int(inputs[-1]) if inputs else 0, int(edges[-1]) if edges else 0, seconds, done.returncode, done.stdout


def main(minutes, inputs, names):
    prepare()
    from targets import ALL

    names = names or list(ALL)
    shares = sum(ALL[name][1] for name in names)
    status = total = took = 0
    print(f"{'target':12} {'inputs':>9} {'a second':>9} {'edges':>6} status", flush=True)
    for name in names:
        share = ALL[name][1] / shares
        limit = f"-runs={-int(-inputs * share // 1)}" if inputs else f"-max_total_time={max(1, int(60 * minutes * share))}"
        n, edges, seconds, code, output = run(name, limit)
        total += n
        took += seconds
        print(f"{name:12} {n:9} {n / seconds:9.0f} {edges:6} {code or 'ok'}", flush=True)
        if code:
            print(output[-4000:], flush=True)
            status = 1
    print(f"{'all':12} {total:9} {total / took:9.0f}", flush=True)
    return status


if __name__ == "__main__":
    if sys.argv[1:2] == ["--target"]:
        fuzz(sys.argv[2], sys.argv[3:])
    else:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--minutes", type=float, default=10)
        parser.add_argument("--inputs", type=int, default=0)
        parser.add_argument("names", nargs="*")
        given = parser.parse_args()
        sys.exit(main(given.minutes, given.inputs, given.names))
