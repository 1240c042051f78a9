"""State machines of connections' lives, with Hypothesis: TCP, HTTP exchanges and WebSockets, over sockets that are simulated.

Each runs in a process of its own, through the shim. With EXAMPLES there are that many, at random, and what fails is made small:

    EXAMPLES=2000 python host_tests/shim/run.py host_tests/machines/run.py tcp
"""

import subprocess

import pytest

import lanes


@pytest.mark.parametrize("name", ["tcp", "exchange", "websocket"])
def test_machine(name):
    command, environment = lanes.script_command(lanes.LANES["cpython"], "host_tests/machines/run.py")
    done = subprocess.run(
        [*command, name], cwd=lanes.ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
