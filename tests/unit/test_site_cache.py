"""The site that was kept counts only while nothing has changed that it comes from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from invoke import Context

from hostonly import site_cache
from hostonly.cli import ProjectConfig
from hostonly.site import ROOT, Site
from hostonly.site_cache import inputs, keep, recall
from hostonly.tasks import session
from tests.unit.sites import at


@pytest.fixture
def root(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout and a user, with the code that decides copied, whose site is kept."""
    for name in [name for name in os.environ if name.startswith("INVOKE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    code = tmp_path / "code"
    for each in ("settings", "providers"):
        shutil.copytree(ROOT / "src" / "hostonly" / each, code / each)
    for each in ("site.py", "site_cache.py"):
        shutil.copy(ROOT / "src" / "hostonly" / each, code / each)
    monkeypatch.setattr(site_cache, "__file__", str(code / "site_cache.py"))
    root = tmp_path / "a checkout"
    shutil.copytree(ROOT / "packer", root / "packer")
    shutil.copy(ROOT / "invoke.yaml", root)
    (tmp_path / "home").mkdir()
    (tmp_path / "mine.yaml").write_text("sandbox: {cpus: 1}\n")
    (root / ".hostonly").mkdir()
    keep(at(site, root), inputs(root))
    return root


def test_it_is_the_site_while_nothing_has_changed(site: Site, root: Path) -> None:
    assert recall(root, inputs(root)) == at(site, root)
    # Whole or not at all, and nothing beside it.
    assert [file.name for file in (root / ".hostonly").iterdir()] == ["site.json"]


def appended(file: Path) -> None:
    with file.open("a") as stream:
        stream.write("#\n")


CHANGES: dict[str, Callable[[Path, pytest.MonkeyPatch], object]] = {
    "invoke.yaml": lambda root, patch: appended(root / "invoke.yaml"),
    "invoke.yaml gone": lambda root, patch: (root / "invoke.yaml").unlink(),
    "invoke.json": lambda root, patch: (root / "invoke.json").write_text("{}"),
    "the user's file": lambda root, patch: (Path.home() / ".invoke.yaml").write_text("{}"),
    "a variable": lambda root, patch: patch.setenv("INVOKE_SANDBOX_CPUS", "1"),
    "a further file by a variable": lambda root, patch: patch.setenv(
        site_cache.OTHER_FILE, str(root.parent / "mine.yaml")
    ),
    "site.py": lambda root, patch: appended(root.parent / "code" / "site.py"),
    "site_cache.py": lambda root, patch: appended(root.parent / "code" / "site_cache.py"),
    "settings": lambda root, patch: appended(root.parent / "code" / "settings" / "settle.py"),
    "providers": lambda root, patch: appended(root.parent / "code" / "providers" / "__init__.py"),
    "another provider": lambda root, patch: (root.parent / "code/providers/toy.py").touch(),
    "a file of the box": lambda root, patch: appended(root / "packer/guest/lxc/lxc-config"),
    "one more file of the box": lambda root, patch: (root / "packer/guest/lxc/more").touch(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_not_after_a_change(root: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    CHANGES[change](root, monkeypatch)
    assert recall(root, inputs(root)) is None


def test_a_further_file_counts_by_its_name_and_its_content(site: Site, root: Path) -> None:
    mine, same = root.parent / "mine.yaml", root.parent / "same.yaml"
    shutil.copy(mine, same)
    assert recall(root, inputs(root, str(mine))) is None
    keep(at(site, root), inputs(root, str(mine)))
    assert recall(root, inputs(root, str(mine))) is not None
    assert recall(root, inputs(root, str(same))) is None
    assert recall(root, inputs(root)) is None
    appended(mine)
    assert recall(root, inputs(root, str(mine))) is None


def test_in_a_copied_checkout_it_is_none(root: Path) -> None:
    copy = root.parent / "copy"
    shutil.copytree(root, copy)
    assert recall(copy, inputs(copy)) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", "5", '{"inputs": 1}', "\0", '{"inputs": "', None])
def test_a_damaged_one_is_none(root: Path, text: str | None) -> None:
    file = root / ".hostonly" / "site.json"
    if text is None:
        file.write_bytes(b"\xff\xfe")
    else:
        file.write_text(text)
    assert recall(root, inputs(root)) is None


@pytest.mark.parametrize("site_of", ["{}", '{"root": "/"}', "null", "[]"])
def test_one_of_another_version_is_none(root: Path, site_of: str) -> None:
    now = inputs(root)
    (root / ".hostonly" / "site.json").write_text(f'{{"inputs": "{now}", "site": {site_of}}}')
    assert recall(root, now) is None


def test_a_checkout_without_state_gets_none(site: Site, root: Path) -> None:
    shutil.rmtree(root / ".hostonly")
    before = sorted(root.iterdir())
    keep(at(site, root), inputs(root))
    assert sorted(root.iterdir()) == before
    assert recall(root, inputs(root)) is None


def test_a_task_settles_once(site: Site, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is taken; where it is none, settled and kept for the next."""
    monkeypatch.setattr("hostonly.site.ROOT", root)
    config = ProjectConfig(project_location=root)
    config.load_project()
    kept = root / ".hostonly" / "site.json"
    with monkeypatch.context() as patch:
        patch.setattr("hostonly.settings.load", lambda config: pytest.fail("settled again"))
        assert session.settled(Context(config)) == at(site, root)
    kept.unlink()
    monkeypatch.setattr("hostonly.settings.settle", lambda settings: at(site, root))
    session.settled(Context(config))
    assert recall(root, inputs(root)) == at(site, root)
