"""Run a MicroPython script on CPython: python host_tests/shim/run.py SCRIPT [ARGS]."""

import os
import sys
import types

# Of the path only this entry is Python's own choice: the script must not find the shim's files there. See shim.set_path.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
import shim  # noqa: E402

shim.install()

sys.argv = sys.argv[1:]
if not sys.argv:
    sys.exit(__doc__)
path = sys.argv[0]
shim.set_path(os.path.dirname(os.path.abspath(path)))

main = types.ModuleType("__main__")
main.__file__ = path
sys.modules["__main__"] = main
with open(path, "rb") as file:
    code = compile(file.read(), path, "exec")
exec(code, main.__dict__)
