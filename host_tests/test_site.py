"""`make docs`: it builds without a warning, its links lead somewhere, its reference is complete, and its search finds things."""

import ast
import html.parser
import http.server
import re
import subprocess
import threading
import urllib.parse

import pytest

import lanes

ROOT = lanes.ROOT
HTML = ROOT / "build" / "site" / "html"
BUILD_S = 300
WAIT_MS = 20000


@pytest.fixture(scope="module")
def site():
    """The folder of the site, built."""
    setup = subprocess.run(["make", ".venv-docs/.stamp"], cwd=ROOT, capture_output=True, text=True, timeout=BUILD_S)
    if setup.returncode and "pip" in setup.stdout + setup.stderr and not (ROOT / ".venv-docs/.stamp").exists():
        pytest.skip("the packages of tools/requirements_docs.txt can't be had: " + setup.stderr.strip().splitlines()[-1])
    assert setup.returncode == 0, setup.stderr
    done = subprocess.run(["make", "docs"], cwd=ROOT, capture_output=True, text=True, timeout=BUILD_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr and "arning" not in done.stdout, done.stdout
    return HTML


class Page(html.parser.HTMLParser):
    """The ids and the links of a page."""

    def __init__(self, path):
        super().__init__()
        self.ids = set()
        self.links = []
        self.loaded = []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id"))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in ("script", "img", "link", "iframe"):
            self.loaded.append(found.get("src") or found.get("href") or "")


def test_links_and_anchors_lead_somewhere(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    assert len(pages) > 40
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        assert not [loaded for loaded in page.loaded if "://" in loaded], path  # nothing comes from elsewhere
        for link in page.links:
            url = urllib.parse.urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / urllib.parse.unquote(url.path)).resolve() if url.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), (path, link)
            if url.fragment and target in pages:
                assert urllib.parse.unquote(url.fragment) in pages[target].ids, (path, link)


def public(node, prefix):
    """The dotted names of the functions, classes, methods and properties below this node; those with _ in front are private."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if not child.name.startswith("_"):
                yield f"{prefix}.{child.name}"
                if isinstance(child, ast.ClassDef):
                    yield from public(child, f"{prefix}.{child.name}")
        elif isinstance(child, (ast.If, ast.Try)):
            yield from public(child, prefix)


def test_the_reference_has_every_public_name(site):
    wanted = {f"mungo.{name}" for name in re.findall(r"^(EV_\w+) = ", (ROOT / "lib/mungo/__init__.py").read_text(), re.M)}
    assert len(wanted) >= 16
    for path in (ROOT / "lib").rglob("*.py"):
        if not path.stem.endswith("_viper"):  # these have the functions of their twins
            name = ".".join(path.relative_to(ROOT / "lib").with_suffix("").parts).removesuffix(".__init__")
            wanted |= set(public(ast.parse(path.read_text()), name))
    found = set().union(*(Page(path).ids for path in (site / "api").glob("*.html")))
    assert len(wanted) > 700 and wanted - found == set()
    assert not [name for name in found if name and re.match(r"mungo\..*\._", name)]


def test_names_that_programs_import_are_explained(site):
    ids = Page(site / "api/app.html").ids | Page(site / "api/mungo.html").ids
    assert {"mungo.app.app.App.route", "mungo.manager.Manager.mkpipe", "mungo.fetch.fetch"} <= ids
    assert re.search("&lt;int:name(>|&gt;) one of digits", (site / "api/app.html").read_text())  # it is not taken for a tag


@pytest.fixture(scope="module")
def served(site):
    """The site's URL."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(site))

        def log_message(self, *args):
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield "http://127.0.0.1:%d" % httpd.server_address[1]
        httpd.shutdown()
        thread.join()


# Each is typed into the search field. A page or section that must be among the results.
WORDS = {
    "mkpipe": "api/mungo.html?h=mkpipe#mungo.manager.Manager.mkpipe",
    "worker=True": "troubleshooting.html?h=worker%3DTrue#everything-waits-for-one-request",
    "EADDRINUSE": "troubleshooting.html?h=EADDRINUSE#eaddrinuse",
}


@pytest.mark.parametrize("word", WORDS)
def test_the_search_finds(served, browser, word):
    page = browser.new_page()
    errors, elsewhere = [], []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith((served, "data:", "blob:")) else elsewhere.append(request.url))
    page.goto(f"{served}/index.html", wait_until="networkidle")
    page.keyboard.press("/")
    page.get_by_placeholder("Search").fill(word, timeout=WAIT_MS)
    page.locator(f"a[href$='{WORDS[word]}']").wait_for(timeout=WAIT_MS)
    assert (errors, elsewhere) == ([], [])
    page.close()


def test_light_and_dark(site):
    text = (site / "index.html").read_text()
    assert 'data-md-color-scheme="slate"' in text and 'data-md-color-scheme="default"' in text
