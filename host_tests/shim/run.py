"""Run a MicroPython script on CPython: python host_tests/shim/run.py SCRIPT [ARGS]."""

import os
import sys
import types

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(os.path.dirname(here))

# lib/ and firmware/ are copied to boards: no __pycache__ there.
sys.pycache_prefix = os.path.join(root, "build", "pycache")

# Names of the shim's own files must not be importable by the script.
sys.path[0] = os.path.dirname(here)
import shim  # noqa: E402

shim.install()

sys.argv = sys.argv[1:]
if not sys.argv:
    sys.exit(__doc__)
path = sys.argv[0]
sys.path[0:1] = [os.path.dirname(os.path.abspath(path)), os.path.join(root, "lib"), os.path.join(root, "firmware")]

main = types.ModuleType("__main__")
main.__file__ = path
sys.modules["__main__"] = main
with open(path, "rb") as file:
    code = compile(file.read(), path, "exec")
exec(code, main.__dict__)
