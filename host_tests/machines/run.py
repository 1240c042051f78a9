"""Run one of the state machines: python host_tests/shim/run.py host_tests/machines/run.py NAME. EXAMPLES=2000: that many, at random."""

import importlib
import os
import sys

from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

MANY = os.environ.get("EXAMPLES")
run_state_machine_as_test(
    importlib.import_module(sys.argv[1]).MACHINE,
    settings=settings(
        max_examples=int(MANY or 250), stateful_step_count=60, deadline=None, derandomize=not MANY, database=None, print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink) if MANY else (Phase.generate,),
    ),
)
