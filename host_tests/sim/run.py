"""Run seeds of the simulated world.

    python -m host_tests.sim.run --profile esp32 --seed0 0 --seeds 500
    python -m host_tests.sim.run --profile esp32 --seed0 17 --seeds 1 --trace      one seed, step by step

Without --profile all four, on both cores. Ends with status 1 if a promise was broken, and says how to see it again.
"""

import argparse
import os
import subprocess
import sys
import time

from ..shim import language
from . import broker, checks, everyday, fleet, loader, scenario, secure
from .mutate_ast import ROOT
from .mutations import MUTATIONS
from .profiles import PROFILES

MODULE = "host_tests.sim.run"


class Runner:
    """The library, loaded once for a profile."""

    def __init__(self, name, mutation=None):
        self.profile = PROFILES[name]
        self.loader = loader.Loader(self.profile, mutation)
        self.library = self.loader.load()
        checks.install(self.library)
        self.app = self.loader.app
        self.app._pcb = self.app.pcb

    def run(self, seed, log=None):
        return scenario.run(self.loader, self.app, self.profile, seed, log, scene_of(seed))


def scene_of(seed):
    """Each kind of scene has a range of seeds."""
    if seed >= fleet.FIRST_SEED:
        return fleet.FleetScene
    if seed >= everyday.FIRST_SEED:
        return everyday.EverydayScene
    if seed >= broker.FIRST_SEED:
        return broker.BrokerScene
    return secure.SecureScene if seed >= secure.FIRST_SEED else scenario.Scene


def prepare():
    """OSError's errno is its first argument, as in MicroPython."""
    if not hasattr(prepare, "done"):
        language._errno_is_first_argument()
        prepare.done = True


def say(text):
    """Print it in one piece: two processes write to the same output, and `print` may write the end of the line by itself."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def command(profile, seed, mutation):
    broken = "" if mutation is None else f" --mutation {mutation}"
    return f"python -m {MODULE} --profile {profile} --seed0 {seed} --seeds 1 --trace{broken}"


def run_profile(name, seed0, seeds, trace=False, mutation=None, hashes=False, most=5):
    """Run these seeds, up to `most` that fail; the list of those."""
    prepare()
    runner = Runner(name, None if mutation is None else MUTATIONS[mutation])
    failed = []
    start = time.monotonic()
    us = steps = answers = 0
    for seed in range(seed0, seed0 + seeds):
        result = runner.run(seed, print if trace else None)
        us += result.us
        steps += result.steps
        answers += result.scene.answers
        if hashes and not result.failure:
            say(f"{name} seed {seed}: hash {result.hash:08x} after {result.steps} steps")
        if result.failure:
            failed.append(seed)
            say(f"{name} seed {seed}: {result.failure}\n{result.stack}    again: {command(name, seed, mutation)}")
        if trace or hashes and result.failure:
            say(f"hash {result.hash:08x} after {result.steps} steps")
        if len(failed) >= most:
            break
    say(
        f"{name}: {seeds} seeds from {seed0}, {len(failed)} failed; {us / 1e6:.0f} s of virtual time, {steps} steps, {answers} answers"
        f" in {time.monotonic() - start:.1f} s"
    )
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=PROFILES)
    parser.add_argument("--seed0", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--trace", action="store_true", help="print each step")
    parser.add_argument("--hashes", action="store_true", help="print what stands for all of a seed's steps")
    parser.add_argument("--mutation", type=int, help="break the library so: a place in the list of mutations.py")
    args = parser.parse_args()
    if args.profile:
        sys.exit(bool(run_profile(args.profile, args.seed0, args.seeds, args.trace, args.mutation, args.hashes)))
    # Two processes at a time, each with some seeds of a profile.
    share = max(args.seeds // 4, 50)
    tasks = [
        (name, seed, min(share, args.seed0 + args.seeds - seed))
        for seed in range(args.seed0, args.seed0 + args.seeds, share)
        for name in PROFILES
    ]
    running = []
    status = 0
    while tasks or running:
        while tasks and len(running) < (os.cpu_count() or 1):
            name, seed, n = tasks.pop(0)
            command = [sys.executable, "-m", MODULE, "--profile", name, "--seed0", str(seed), "--seeds", str(n)]
            running.append(subprocess.Popen(command, cwd=ROOT))
        done = [process for process in running if process.poll() is not None]
        running = [process for process in running if process not in done]
        status |= any(process.returncode for process in done)
        time.sleep(0.02)
    sys.exit(status)


if __name__ == "__main__":
    main()
