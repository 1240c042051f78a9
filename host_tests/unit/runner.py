# Runs the tests of one module inside the runtime that is tested: CPython through the shim, or MicroPython.
#
#     runner.py MODULE [TEST ...]
#
# It prints `run NAME` before a test, then `ok NAME`, `skip NAME reason` or `FAIL NAME` and the traceback, and `end N`
# at last: the host reads these lines, and whatever stands between them is the test's own output.

import gc
import sys


class Skip(Exception):
    """Raised by a test that can't run on this runtime; its text says why."""


def run(module, names):
    tests = __import__(module)
    if not names:
        names = sorted(name for name in dir(tests) if name.startswith("test_"))
    for name in names:
        gc.collect()
        print("run", name)
        try:
            getattr(tests, name)()
        except Skip as error:
            print("skip", name, error)
        except (Exception, SystemExit) as error:
            print("FAIL", name)
            sys.print_exception(error)
        else:
            print("ok", name)
    print("end", len(names))


if __name__ == "__main__":
    # Tests that say `from runner import Skip` must get this Skip, not a second copy.
    sys.modules["runner"] = sys.modules["__main__"]
    run(sys.argv[1], sys.argv[2:])
