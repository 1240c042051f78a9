"""State machines of connections' lives, with Hypothesis: TCP, HTTP exchanges and WebSockets, over sockets that are simulated.

Each runs in a process of its own, through the shim. With EXAMPLES there are that many, at random, and what fails is made small:

    EXAMPLES=2000 python host_tests/shim/run.py host_tests/machines/run.py tcp
"""

import pytest

import lanes


@pytest.mark.parametrize("name", ["tcp", "exchange", "websocket"])
def test_machine(name):
    done = lanes.run_script("cpython", "host_tests/machines/run.py", name, timeout=None)
    assert done.returncode == 0, done.stdout + done.stderr
