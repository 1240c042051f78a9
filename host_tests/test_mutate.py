"""tools/mutate.py: what it chooses, and in which order it tries tests."""

import shutil

import lanes
import mutate


def test_each_known_survivor_has_a_reason():
    for place, reason in mutate.known().items():
        assert place.startswith("lib/mungo/") and " | " in place and " -> " in place, place
        assert reason.startswith(("equivalent: ", "accepted: ")), place


def test_a_line_more_leaves_the_choice_as_it_was(tmp_path):
    file = tmp_path / "lib" / "mungo" / "http" / "date.py"
    file.parent.mkdir(parents=True)
    shutil.copy(lanes.ROOT / "lib" / "mungo" / "http" / "date.py", file)
    before = mutate.choose(tmp_path, "lib/*", 7, 20)
    assert [one.key for one in before] != [one.key for one in mutate.choose(tmp_path, "lib/*", 8, 20)]
    file.write_text("import sys\n" + file.read_text())
    after = mutate.choose(tmp_path, "lib/*", 7, 20)
    assert [one.key for one in after] == [one.key for one in before]
    after[0].write(tmp_path)
    assert after[0].key not in [one.key for one in mutate.mutants_of(tmp_path, "lib/mungo/http/date.py")]


def test_the_tests_named_after_a_file_come_first():
    mutant = mutate.Mutant("lib/mungo/http/date.py", 3, "", 3, 0, 0, "", "")
    through = {"lib/mungo/http/date.py": [3]}
    covered = {"test_answers": [1, through], "test_date": [9, through], "test_loop": [1, {}]}
    steps = [str(step) for step in mutate.steps_for(mutant, covered, is_quick=True)]
    assert steps == ["test_date on cpython", "test_date on upy", "test_answers on cpython"]
    steps = [str(step) for step in mutate.steps_for(mutant, covered)]
    assert steps[3] == "test_answers on upy" and "host_tests/test_http_server.py" in steps
