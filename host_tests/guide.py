"""What the tests read of README.md and the guide in docs/: blocks, tables, sentences, anchors."""

import ast
import re

import lanes

ROOT = lanes.ROOT
README = ROOT / "README.md"
SETTINGS_FILE = ROOT / "firmware" / "settings.py"
DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial.md"
LIMITS = DOCS / "limits.md"
SETTINGS = DOCS / "settings.md"
PERFORMANCE = DOCS / "performance.md"
MONGOOSE = DOCS / "coming-from-mongoose.md"
# {name: path} of all pages.
PAGES = {"README": README, **{path.stem: path for path in sorted(DOCS.glob("*.md"))}}


class Block:
    """A fenced block: its language, its text, and the heading that it stands under."""

    def __init__(self, kind, text, heading):
        self.kind = kind
        self.text = text
        self.heading = heading


def blocks(path, kind=None):
    """The fenced blocks of a page, of one language if `kind` names it."""
    heading = ""
    found = []
    for title, language, text in re.findall(r"^(#+ [^\n]*)$|^```(\w*)\n(.*?)^```$", path.read_text(), re.M | re.S):
        if title:
            heading = title.lstrip("# ")
        else:
            found.append(Block(language, text, heading))
    return [block for block in found if kind is None or block.kind == kind]


def prose(path):
    """The text of a page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)


def table(path, name):
    """The rows of the table between <!-- name:begin --> and <!-- name:end -->, each a list of cells; the first is the head."""
    part = path.read_text().partition(f"<!-- {name}:begin -->\n")[2].partition(f"<!-- {name}:end -->")[0]
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in part.strip().splitlines()]
    assert len(rows) > 2, f"no table {name}"
    assert {len(row) for row in rows} == {len(rows[0])}, rows
    return [rows[0], *rows[2:]]


def code_spans(text):
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


def anchors(path):
    """The anchors of a page's headings, as GitHub and the site make them."""
    titles = re.findall(r"^#+ (.*)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def sentences(path):
    """The sentences of a page. A link counts as its text, a code span as one word; each cell of a table and each item of a list is a
    sentence of its own."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"<!--.*?-->", "", prose(path), flags=re.S))
    text = re.sub(r"`[^`]+`", "code", text)
    text = re.sub(r"^#+ .*$|^\|[-:| ]+\|$", "\n", text, flags=re.M)
    parts = []
    for line in text.splitlines():
        if line.startswith("|"):
            parts += ["", *(cell + "\n" for cell in line.split("|")), ""]
        else:
            parts.append(re.sub(r"^\s*(?:[-*]|\d+\.) ", "\n", line))
    for paragraph in re.split(r"\n\s*\n", "\n".join(parts).replace(" \n", "\n\n")):
        yield from (found for found in re.split(r"(?<=[.!?:])\s+(?=[A-Z*`\"(\[])", " ".join(paragraph.split())) if found)


def setting_names():
    """All that settings.py reads from the environment."""
    found = set()
    for node in ast.walk(ast.parse(SETTINGS_FILE.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[A-Z_ ]+|\w+_ms", node.value):
            found.update(node.value.upper().split())
    return found
