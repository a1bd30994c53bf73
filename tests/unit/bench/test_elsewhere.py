"""What the bench calls acts on the bench's own machines, whatever is in the user's environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.checkout import Checkout
from bench.stock import Stock
from hostonly.site import Site

USERS = {
    "VAGRANT_HOME": "/theirs",
    "VAGRANT_CWD": "/their/project",
    "VAGRANT_DOTFILE_PATH": ".theirs",
    "HOSTONLY_PREPARED": "1",
    "HOSTONLY_SITE": "{}",
    "HOSTONLY_INSTALL": "never",
    "INVOKE_SANDBOX_NAME": "theirs",
    "PYTHONPATH": "/theirs",
}


def environment(said: str) -> dict[str, str]:
    """What `env` has printed of the variables that matter here."""
    pairs = (line.partition("=") for line in said.splitlines())
    begins = ("VAGRANT_", "HOSTONLY_", "INVOKE_", "PYTHONPATH")
    return {name: value for name, _, value in pairs if name.startswith(begins)}


@pytest.fixture(autouse=True)
def users(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in USERS.items():
        monkeypatch.setenv(name, value)


def test_stock_vagrant_acts_in_its_own_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vagrant").write_text("#!/bin/sh\npwd; env\n")
    (tmp_path / "vagrant").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    said = Stock(tmp_path, tmp_path / "vagrant.d").vagrant("destroy", "-f")
    assert said.splitlines()[0] == str(tmp_path)
    vagrants = {k: v for k, v in environment(said).items() if k.startswith("VAGRANT_")}
    assert vagrants == {
        "VAGRANT_HOME": str(tmp_path / "vagrant.d"),
        "VAGRANT_CHECKPOINT_DISABLE": "1",
    }


def test_a_checkout_of_the_benchs_has_its_own_boxes_and_settings(
    tmp_path: Path, site: Site
) -> None:
    here = Checkout(tmp_path, site, tmp_path / "vagrant.d")
    assert environment(here.run("env")) == {
        "VAGRANT_HOME": str(tmp_path / "vagrant.d"),
        # Whether packages may be installed is the user's word.
        "HOSTONLY_INSTALL": "never",
    }
