"""conformance_mqtt.md: it has all numbered statements of both versions, and the tests that it names are there."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TABLE = HERE / "conformance_mqtt.md"

# How many statements each section has, and in 5.0 one whose first number is 2.
SECTIONS = {
    "MQTT 3.1.1": "1.5.3:3 2.2.2:2 2.3.1:7 3.1.0:2 3.1.2:24 3.1.3:11 3.1.4:5 3.2.0:1 3.2.2:6 3.3.1:12 3.3.2:3 3.3.4:1 3.3.5:2 3.6.1:1"
    " 3.8.1:1 3.8.3:4 3.8.4:6 3.9.3:2 3.10.1:1 3.10.3:2 3.10.4:6 3.12.4:1 3.14.1:1 3.14.4:3 4.1.0:2 4.3.1:1 4.3.2:2 4.3.3:2 4.4.0:1 4.5.0:2"
    " 4.6.0:6 4.7.1:3 4.7.2:1 4.7.3:4 4.8.0:2 6.0.0:4 7.0.0:2 7.1.1:1 7.1.2:1",
    "MQTT 5.0": "1.5.4:3 1.5.5:1 1.5.7:1 2.1.3:1 2.2.1:2-6 2.2.2:1 3.1.0:2 3.1.2:30 3.1.3:12 3.1.4:6 3.2.0:2 3.2.2:22 3.3.1:13 3.3.2:20"
    " 3.3.4:10 3.4.2:3 3.5.2:3 3.6.1:1 3.6.2:3 3.7.2:3 3.8.1:1 3.8.3:5 3.8.4:8 3.9.2:2 3.9.3:2 3.10.1:1 3.10.3:2 3.10.4:6 3.11.2:2"
    " 3.11.3:2 3.12.4:1 3.14.0:1 3.14.1:1 3.14.2:4 3.14.4:3 3.15.1:1 3.15.2:3 4.1.0:2 4.2.0:1 4.3.1:1 4.3.2:5 4.3.3:13 4.4.0:2 4.5.0:2"
    " 4.6.0:6 4.7.0:1 4.7.1:2 4.7.2:1 4.7.3:4 4.8.2:6 4.9.0:3 4.12.0:7 4.12.1:2 4.13.1:1 4.13.2:1 6.0.0:4",
}
COUNTS = {"MQTT 3.1.1": 141, "MQTT 5.0": 251}  # in all


def statements(version):
    for section in SECTIONS[version].split():
        name, _, numbers = section.partition(":")
        first, _, last = numbers.rpartition("-")
        for n in range(int(first or 1), int(last) + 1):
            yield f"{name}-{n}"


def chapter(version):
    return TABLE.read_text().partition(f"\n## {version}\n")[2].partition("\n## ")[0]


def rows(version):
    """(statement, demand, tests, reason) of each row."""
    for line in chapter(version).splitlines():
        if line.startswith("| ") and line[2].isdigit():
            cells = [cell.strip() for cell in line[1:-1].split("|")]
            assert len(cells) == 4, line
            yield cells


def of_servers(version):
    text = re.search(r"\nA server's alone: (.*?)\.\n", chapter(version), re.DOTALL)[1]
    for name, first, last in re.findall(r"(\d+\.\d+\.\d+)-(\d+)(?:\s+to\s+(\d+))?", text):
        for n in range(int(first), int(last or first) + 1):
            yield f"{name}-{n}"


@pytest.mark.parametrize("version", SECTIONS)
def test_all_statements_are_there(version):
    bound = [statement for statement, *_ in rows(version)]
    others = list(of_servers(version))
    assert sorted(bound + others) == sorted(statements(version))
    assert len(bound) + len(others) == COUNTS[version] and len(bound) > 60
    for group in (bound, others):
        assert group == sorted(group, key=lambda one: [int(n) for n in re.split("[.-]", one)])


@pytest.mark.parametrize("version", SECTIONS)
def test_each_demand_has_a_test_or_a_reason(version):
    for statement, demand, tests, reason in rows(version):
        names = re.findall("`([^`]+)`", tests)
        assert names or reason, statement
        assert tests == ", ".join(f"`{name}`" for name in names), statement
        assert demand.endswith(".") and (not reason or reason.endswith(".")), statement
        for name in names:
            file, _, function = name.partition("::")
            assert f"\ndef {function}(" in (HERE / file).read_text(), f"{statement} {name}"
