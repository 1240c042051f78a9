"""Build the site of the guide in build/site/html/: the pages of docs/, an API reference, and a page for each other file that they link to.

    .venv-docs/bin/python tools/site/build.py

The reference is read from the docstrings of lib/, which is not imported. Its pages are the rooms that docs/internals.md names. A warning,
such as for a link that leads nowhere, is an error.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OUT = ROOT / "build"
LANGUAGES = {".py": "python", ".json": "json", ".md": None, ".h": "c", ".c": "c", ".sh": "sh", ".toml": "toml", ".cmake": "cmake"}

# {page of the reference: (its title, its modules in their order, or packages that have them)}
ROOMS = {
    "mungo": ("mungo", ("mungo.manager", "mungo.fetch", "mungo.aio", "mungo.auth", "mungo.cookies", "mungo.cors", "mungo")),
    "app": ("mungo.app", ("mungo.app",)),
    "http": ("mungo.http", ("mungo.http",)),
    "ws": ("mungo.ws and mungo.sse", ("mungo.ws", "mungo.sse")),
    "names": ("mungo.dns, mungo.mdns and mungo.sntp", ("mungo.dns", "mungo.mdns", "mungo.sntp", "mungo.rtc")),
    "threads": ("mungo.threads", ("mungo.threads",)),
    "core": ("mungo.core", ("mungo.core",)),
    "port": ("mungo.port", ("mungo.port",)),
}
# What programs import, and where it is defined.
SHORT_NAMES = {
    "mungo.App": "mungo.app.app.App",
    "mungo.Manager": "mungo.manager.Manager",
    "mungo.flash": "mungo.port.flash.Flash",
    "mungo.app.Request": "mungo.app.request.Request",
    "mungo.app.Response": "mungo.app.response.Response",
    "mungo.app.HttpError": "mungo.app.response.HttpError",
    "mungo.app.abort": "mungo.app.response.abort",
    "mungo.app.redirect": "mungo.app.response.redirect",
    "mungo.auth.Basic": "mungo.app.auth.Basic",
    "mungo.auth.Bearer": "mungo.app.auth.Bearer",
    "mungo.cookies.Signed": "mungo.app.cookies.Signed",
    "mungo.cookies.set_cookie": "mungo.app.cookies.set_cookie",
    "mungo.cors.Cors": "mungo.app.cors.Cors",
}


def modules():
    """The library's modules. Machine code has the functions of its twins in Python."""
    for path in sorted((ROOT / "lib").rglob("*.py")):
        if not path.stem.endswith("_viper"):
            yield ".".join(path.relative_to(ROOT / "lib").with_suffix("").parts).removesuffix(".__init__")


def room(module):
    """(The page of the reference that has this module, its place there.)"""
    fitting = []
    for page, (_, starts) in ROOMS.items():
        for place, start in enumerate(starts):
            if f"{module}.".startswith(f"{start}."):
                fitting.append((len(start), page, place))
    return max(fitting)[1:]


def reference():
    """{page: its Markdown} of the API reference."""
    pages = {}
    short = "\n".join(f"| `{name}` | [{target}][] |" for name, target in SHORT_NAMES.items())
    pages["api/index.md"] = (
        "# API reference\n\nEach public name, from its docstring. [Internals](../internals.md) has a picture of the rooms.\n\n"
        + "".join(f"- [{title}]({name}.md)\n" for name, (title, _) in ROOMS.items())
        + f"\nThe names that programs import, and where they are defined:\n\n| name | defined as |\n|---|---|\n{short}\n"
    )
    for name, (title, _) in ROOMS.items():
        lines = [f"# {title}\n"]
        for module in sorted((one for one in modules() if room(one)[0] == name), key=room):
            lines.append(f"::: {module}")
            if module == "mungo":  # its constants are explained on the page of events
                lines.append("    options:\n      show_if_no_docstring: true\n      members:")
                lines += [f"        - {event}" for event in events()]
            lines.append("")
        pages[f"api/{name}.md"] = "\n".join(lines)
    return pages


def events():
    """The names of the events' constants."""
    return re.findall(r"^(EV_\w+) = ", (ROOT / "lib/mungo/__init__.py").read_text(), re.M)


# --- links that leave docs/


def page_of(target):
    """Where the site has a file of the repository, as a path below docs/."""
    if target.is_relative_to(ROOT / "docs"):
        return target.relative_to(ROOT / "docs").as_posix()
    name = target.relative_to(ROOT).as_posix()
    return f"source/{name}" if target.suffix == ".md" else f"source/{name}.md"


def links(text, source):
    """Each link of the Markdown file `source` to a file: (as it is written, the file). Not in fenced blocks."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    for written in set(re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose)):
        if "://" not in written:
            yield written, (source.parent / written).resolve()


def rewrite(text, source, page):
    """The Markdown of the file `source` for the page `page`, a path below docs/: with links to pages."""
    for written, target in links(text, source):
        if source.is_relative_to(ROOT / "docs") and target.is_relative_to(ROOT / "docs"):
            continue
        to = "../" * page.count("/") + page_of(target)
        text = re.sub(rf"\]\({re.escape(written)}(?=[#)])", f"]({to}", text)
    return text


def shown(target):
    """The Markdown of a page that shows a file or a folder."""
    name = target.relative_to(ROOT).as_posix()
    if target.is_dir():
        listed = subprocess.run(["git", "ls-files", name], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return f"# {name}\n\n" + "".join(f"- {line}\n" for line in listed.splitlines())
    text = target.read_text()
    if target.suffix == ".md":
        return rewrite(text, target, page_of(target))
    return f"# {target.name}\n\n`{name}`\n\n````{LANGUAGES.get(target.suffix, '')}\n{text.rstrip()}\n````\n"


def linked():
    """The files and folders outside of docs/ that the pages link to, and those that these link to."""
    found = []
    waiting = sorted((ROOT / "docs").glob("*.md"))
    while waiting:
        source = waiting.pop()
        for _, target in links(source.read_text(), source):
            if target.exists() and not target.is_relative_to(ROOT / "docs") and target not in found:
                found.append(target)
                if target.suffix == ".md":
                    waiting.append(target)
    return sorted(found)


# --- the site


def write(folder):
    """Write what the generator reads to `folder`: pages and pictures below docs/, and mkdocs.yml. Returns the path of that."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = {path.name: rewrite(path.read_text(), path, path.name) for path in sorted((ROOT / "docs").glob("*.md"))}
    config = yaml.safe_load((HERE / "mkdocs.yml").read_text())
    named = str(config["nav"])
    more = [name for name in pages if name not in named]
    config["nav"] += [{"More": more}] if more else []
    config["nav"].append({"API reference": list(reference())})
    pages |= reference()
    pages |= {page_of(target): shown(target) for target in linked()}
    for name, text in pages.items():
        path = folder / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for picture in (ROOT / "docs").iterdir():
        if picture.suffix in (".svg", ".png"):
            shutil.copy(picture, folder / "docs")
    shutil.copy(HERE / "docstrings.py", folder)
    path = folder / "mkdocs.yml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def main():
    config = write(OUT / "site")
    generator = Path(sys.executable).with_name("zensical")
    return subprocess.call([generator, "build", "--strict", "--clean", "--config-file", config])


if __name__ == "__main__":
    sys.exit(main())
