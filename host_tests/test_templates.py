"""Compiled templates give what Jinja2 gives, on both runtimes, and say what they can't."""

import json

import jinja2
import pytest

import lanes
import templates

# {what: ({file: text}, values)}; the first file is the page
PAGES = {
    "for if, of pairs": (
        {"a.html": "{% for a, b in ns if b > 1 %}{{ loop.index }}{{ a }}{{ b }}{% endfor %}"},
        {"ns": [["x", 1], ["y", 2]]},
    ),
    "text": ({"a.html": "100 % 'and' \"quotes\" \\ {{ '{{' }} é\n\n"}, {}),
    "escaping": (
        {"a.html": "<p title='{{ x }}'>{{ x }}{{ x | safe }}{{ x | e }}{{ n }}{{ t }}"},
        {"x": "<a href=\"'&amp;'\">", "n": 5, "t": True},
    ),
    "conditions": (
        {"a.html": "{% for n in range(5) %}{% if n > 3 %}a{% elif n == 2 or not n %}b{% else %}{{ n }}{% endif %}{% endfor %}"},
        {},
    ),
    "for": (
        {
            "a.html": "{% for row in rows %}{{ loop.index }}/{{ loop.length }}{{ ',' if loop.first }}{{ row.name }}{{ row['n'] }}"
            "{{ '' if loop.last else ';' }}{% else %}none{% endfor %}"
        },
        {"rows": [{"name": "<a>", "n": 1}, {"name": "b", "n": 2}]},
    ),
    "for else": ({"a.html": "{% for row in rows %}{{ row }}{% else %}none{% endfor %}."}, {"rows": []}),
    "for if": ({"a.html": "{% for n in ns if n is odd %}{{ loop.index0 }}:{{ n }} {% endfor %}"}, {"ns": [1, 2, 3, 4, 5]}),
    "nested for": (
        {"a.html": "{% for a in ns %}{% for b in ns %}{{ a * b }}{{ loop.index }} {% endfor %}{{ loop.index }}\n{% endfor %}"},
        {"ns": [1, 2, 3]},
    ),
    "empty": ({"a.html": ""}, {}),
    "for without a body": ({"a.html": "a{% for x in ns %}{% endfor %}b{% if ns %}{% endif %}"}, {"ns": [1]}),
    "pairs": ({"a.html": "{% for name, value in d.items() %}{{ name }}={{ value }};{% endfor %}"}, {"d": {"a<": "1>"}}),
    "set": ({"a.html": "{% set n = ns | length %}{{ n + 1 }}{% set x = n ~ '!' %}{{ x }}"}, {"ns": [1, 2]}),
    "filters": (
        {
            "a.html": "{{ x | upper }}{{ x | lower }}{{ x | trim }}{{ ns | join(', ') }}{{ '3' | int + 1 }}"
            "{{ ns | length }}{{ 2 | string ~ 3 }}"
        },
        {"x": " aB ", "ns": [1, "<", 3]},
    ),
    "default": ({"a.html": "{{ x | default('none') }}{{ d.a | default('no a') }}{{ d.b | default('no b') }}"}, {"d": {"b": 2}}),
    "expressions": (
        {
            "a.html": "{{ 7 // 2 }}{{ 7 % 4 }}{{ -n }}{{ 2 ** 3 }}{{ n in [1, 2] }}{{ n not in (3, 4) }}"
            "{{ not n }}{{ s[1:3] }}{{ {'a': n}['a'] }}"
        },
        {"n": 2, "s": "abcd"},
    ),
    "tests": ({"a.html": "{{ x is none }}{{ n is even }}{{ n is not odd }}"}, {"x": None, "n": 2}),
    "include": ({"a.html": "{% for x in xs %}{% include 'row.html' %}{% endfor %}", "row.html": "<li>{{ x }}\n"}, {"xs": ["<", "b"]}),
    "extends": (
        {
            "a.html": "{% extends 'base.html' %}{% block title %}{{ t }}{% endblock %}ignored{% block body %}<p>{{ t }}{% endblock %}",
            "base.html": "<title>{% block title %}none{% endblock %}</title>{% block body %}{% endblock %}"
            "{% block foot %}foot{% endblock %}\n",
        },
        {"t": "<t>"},
    ),
    "extends twice": (
        {
            "a.html": "{% extends 'b.html' %}{% block x %}inner{% endblock %}",
            "b.html": "{% extends 'c.html' %}{% block x %}middle{% endblock %}{% block y %}{{ n }}{% endblock %}",
            "c.html": "{% block x %}outer{% endblock %}-{% block y %}outer{% endblock %}",
        },
        {"n": 1},
    ),
    "comments and raw": ({"a.html": "a{# no #}b{% raw %}{{ x }}{% endraw %}{%- if x %} c {%- endif -%} d"}, {"x": 1}),
    "methods": ({"a.html": "{{ x.replace('a', '<') }}{{ f(2) if f else 'no' }}"}, {"x": "banana", "f": None}),
}

SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
values = json.loads(open(sys.argv[1] + "/values").read())
print(json.dumps("".join(__import__("a").a(**values))))
"""


@pytest.mark.parametrize("what", PAGES)
def test_pages_are_as_jinja_makes_them(what, runtime, tmp_path):
    files, values = PAGES[what]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    loader = jinja2.FileSystemLoader(tmp_path)
    expected = jinja2.Environment(loader=loader, autoescape=True, keep_trailing_newline=True).get_template("a.html").render(values)
    assert templates.main([str(tmp_path / "a.html")]) == 0
    (tmp_path / "values").write_text(json.dumps(values))
    (tmp_path / "script.py").write_text(SCRIPT)
    done = lanes.run_script(runtime, tmp_path / "script.py", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == expected


WRONG = {
    "{% macro f() %}{% endmacro %}": "Macro",
    "\n\n{{ x | tojson }}": ":3: filter tojson",
    "{{ x is mapping }}": "Test",
    "{% for x in xs recursive %}{% endfor %}": "recursive",
    "{% for x in xs %}{% endfor %}{{ x }}": "which a loop sets",
    "{{ x }}{% for x in xs %}{% endfor %}": "which is used outside",
    "{% include name %}": "no constant",
    "{{ x | default(1, true) }}": "filter default",
    "{{ f(a=1) }}": "Call",
    "{{ x": "unexpected end",
    "{% include 'nowhere.html' %}": "nowhere.html",
    "{{ class }}": "the name class",
    "{% import 'a.html' as b %}": "Import",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_compiled_is_an_error_with_its_line(text, tmp_path, capsys):
    (tmp_path / "a.html").write_text(text)
    assert templates.main([str(tmp_path / "a.html")]) == 1
    assert WRONG[text] in capsys.readouterr().err
    assert not (tmp_path / "a.py").exists()


def test_a_name_that_is_no_function(tmp_path, capsys):
    (tmp_path / "a-b.html").write_text("x")
    assert templates.main([str(tmp_path / "a-b.html")]) == 1
    assert "name of Python" in capsys.readouterr().err


def test_check(tmp_path, capsys):
    page = tmp_path / "a.html"
    page.write_text("{{ x }}")
    assert templates.main(["--check", str(page)]) == 1 and not (tmp_path / "a.py").exists()
    assert templates.main([str(page)]) == 0
    assert templates.main(["--check", str(page)]) == 0
    page.write_text("{{ y }}")
    assert templates.main(["--check", str(page)]) == 1
    assert "run tools/templates.py" in capsys.readouterr().err


def test_text_and_values_that_follow_each_other_are_one_piece(tmp_path):
    (tmp_path / "a.html").write_text("<p>{{ x }}</p>{% if x %}<b>{{ x }}</b>{% endif %}")
    assert templates.Compiler(tmp_path / "a.html").source().count("yield") == 2


def test_the_pages_of_the_examples_are_what_their_templates_say():
    pages = sorted((lanes.ROOT / "firmware/apps").glob("*/page_*.html"))
    assert len(pages) > 1 and templates.main(["--check", *map(str, pages)]) == 0
