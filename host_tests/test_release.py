"""`make release`, in a copy of the tree: it refuses what is not ready, and writes version, changelog, packages and notes."""

import json
import os
import shutil
import subprocess
import sys
import tarfile

import pytest

import lanes
import packages

ROOT = lanes.ROOT


def git(tree, *args):
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(["git", *identity, *args], cwd=tree, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def tree(tmp_path):
    """A repository with the library and the tools. `make check` does what the file `verdict` says."""
    for name in ("lib", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "README.md", "manifest.py", "package.json"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n- A change.\n\n## 0.1.0\n\n- The first.\n")
    (tmp_path / "Makefile").write_text("check:\n\t@test -z '$(VERSION)' && sh verdict\n")
    (tmp_path / "verdict").write_text("exit 0\n")
    (tmp_path / ".gitignore").write_text("build/\n__pycache__/\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "a")
    return tmp_path


def make(tree, version):
    """Run the tool: (its exit status, what it prints)."""
    command = [sys.executable, "tools/release.py", version]
    environment = dict(os.environ, VERSION=version)  # as make exports it
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def newer(tree):
    major, minor, _ = packages.version(tree / "lib").split(".")
    return f"{major}.{int(minor) + 1}.0"


def test_a_release(tree):
    version = newer(tree)
    status, said = make(tree, version)
    assert status == 0 and f"git tag v{version}" in said, said
    assert packages.version(tree / "lib") == version
    parts = (tree / "CHANGELOG.md").read_text().split("\n\n")
    assert parts[1] == "## Unreleased" and parts[2].startswith(f"## {version}, 20") and parts[3:5] == ["- A change.", "## 0.1.0"]
    for path in (tree / "package.json", *(tree / "lib").glob("*.json")):
        assert json.loads(path.read_text())["version"] == version
    out = tree / "build" / "release"
    assert (out / "notes.md").read_text() == "- A change.\n"
    with tarfile.open(out / f"mungo-{version}.tar.gz") as archive:
        names = archive.getnames()
    assert {f"mungo-{version}/{name}" for name in ("LICENSE", "package.json", "lib/mungo/manager.py", "lib/core.json")} <= set(names)
    with tarfile.open(out / f"mungo-{version}-bytecode.tar.gz") as archive:
        assert f"mungo-{version}/lib/mungo/manager.mpy" in archive.getnames()


@pytest.mark.parametrize("version", ["", "0.1", "0.1.0", "0.0.9", "v9.0.0", "9.0.0rc1"])
def test_a_wrong_version_is_refused(tree, version):
    status, said = make(tree, version)
    assert status == 1 and said.startswith(f"VERSION={version}: want ") and not git(tree, "status", "--porcelain")


def test_an_unclean_tree_is_refused(tree):
    (tree / "LICENSE").write_text("changed")
    status, said = make(tree, newer(tree))
    assert status == 1 and "LICENSE" in said
    assert git(tree, "status", "--porcelain") == " M LICENSE\n"


def test_a_changelog_without_news_is_refused(tree):
    (tree / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n## 0.1.0\n")
    git(tree, "commit", "-qam", "b")
    status, said = make(tree, newer(tree))
    assert status == 1 and "CHANGELOG.md" in said and not git(tree, "status", "--porcelain")


def test_a_failed_check_leaves_the_tree_as_it_was(tree):
    (tree / "verdict").write_text("exit 1\n")
    git(tree, "commit", "-qam", "b")
    status, said = make(tree, newer(tree))
    assert status == 1 and "has failed" in said
    assert not git(tree, "status", "--porcelain") and not (tree / "build" / "release").exists()


def test_the_version_has_one_place():
    version = packages.version()
    listed = git(ROOT, "grep", "-lF", f'"{version}"', "--", "*.py", "*.toml", "Makefile")
    found = [name for name in listed.split() if name != "host_tests/test_release.py"]
    assert found == ["lib/mungo/__init__.py"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
