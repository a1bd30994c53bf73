"""What an image's labels say: the last commit of its inputs, and whether they were changed since."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hostonly.errors import UsageError
from hostonly.image.flavour import FLAVOURS, JAVA, PYTHON, flavour_named, labels, template

ROOT = Path(__file__).parents[3]


def git(root: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b.invalid"]
    return subprocess.run(
        ["git", "-C", str(root), *who, *words],
        check=True,
        capture_output=True,
        text=True,
        env={
            "GIT_COMMITTER_DATE": "2024-05-06T07:08:09+02:00",
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
        },
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("pom.xml", "src/hostonly/hello/server.py", "docs/image.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def test_the_last_commit_of_the_inputs(checkout: Path) -> None:
    first = git(checkout, "rev-parse", "HEAD")
    (checkout / "docs/image.md").write_text("2\n")
    (checkout / "pom.xml").write_text("2\n")
    git(checkout, "add", "pom.xml")
    git(checkout, "commit", "-qm", "two")
    second = git(checkout, "rev-parse", "HEAD")
    assert labels(checkout, JAVA) == {
        "version": "1.0",
        "revision": second,
        "created": "2024-05-06T05:08:09Z",
    }
    assert labels(checkout, PYTHON)["revision"] == first


def test_changes_that_are_not_committed_are_told(checkout: Path) -> None:
    (checkout / "pom.xml").write_text("2\n")
    assert labels(checkout, JAVA)["revision"].endswith("-modified")
    assert not labels(checkout, PYTHON)["revision"].endswith("-modified")


def test_without_a_history_the_labels_say_so(tmp_path: Path) -> None:
    assert labels(tmp_path, JAVA)["revision"] == "unknown"


@pytest.mark.parametrize("name", FLAVOURS)
def test_a_flavour_is_made_from_what_is_there(name: str) -> None:
    flavour = flavour_named(name)
    for path in (*flavour.inputs,):
        assert (ROOT / path).exists()
    assert template(ROOT, flavour).entry_point[-1] == template(ROOT, flavour).destination


def test_there_is_no_such_flavour() -> None:
    with pytest.raises(UsageError, match="java or python"):
        flavour_named("go")
