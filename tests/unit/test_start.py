"""sandbox.exec becomes ssh by the site that was kept: in any doubt the whole program is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostonly import providers, site_cache, start
from hostonly.errors import ToolFailed, Unreachable
from hostonly.site import Site
from hostonly.vantages import route_guard
from hostonly.vantages.shared_ssh import SharedConnection
from hostonly.waiting import limit, set_patience
from tests.unit.sandbox.provided import Noted
from tests.unit.sites import at

COMMAND = ["echo", "a  b"]


class Became(Exception):
    """Raised in place of becoming another program."""


class WholeWay(Exception):
    """Raised in place of running the whole program."""


@pytest.fixture
def here(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A checkout whose site is kept: the sandbox runs, the route is right, the connection is there."""
    here = at(site, tmp_path)
    here.login_key.parent.mkdir(parents=True)
    monkeypatch.setattr("hostonly.site.ROOT", tmp_path)
    site_cache.keep(here, site_cache.inputs(tmp_path))
    monkeypatch.setattr(providers, "provider_of", Noted(sandbox="running").provider_of)
    monkeypatch.setattr(route_guard, "require_host_only_route", lambda address, bridge: None)
    monkeypatch.setattr(SharedConnection, "ready", lambda self, boot, **_: boot == "7")

    def become(program: str, argv: list[str]) -> None:
        raise Became(program, argv)

    def whole() -> None:
        raise WholeWay

    monkeypatch.setattr(os, "execvp", become)
    monkeypatch.setattr("hostonly.cli.main", whole)
    typed(monkeypatch, "sandbox.exec", "--", *COMMAND)
    return here


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["inv", *words])


def test_it_becomes_ssh(here: Site) -> None:
    with pytest.raises(Became) as became:
        start.main()
    program, argv = became.value.args
    assert program == argv[0] == "ssh"
    path = here.login_key.parent / "sandbox.7.shared"
    assert argv[-4:] == ["-o", f'ControlPath="{path}"', "vagrant@172.16.0.2", "echo 'a  b'"]
    assert argv[argv.index("-i") + 1] == str(here.login_key)


def test_it_is_as_patient_as_the_settings_say(
    site: Site, here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site_cache.keep(replace(here, patience=7), site_cache.inputs(here.root))
    try:
        with pytest.raises(Became):
            start.main()
        assert limit(1) == 7
    finally:
        set_patience(1)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["sandbox.exec"],
        ["sandbox.exec", "--"],
        ["sandbox.exec", "-m", "sandbox2", "--", "true"],
        ["-f", "other.yaml", "sandbox.exec", "--", "true"],
        ["sandbox.status", "--", "true"],
    ],
)
def test_no_other_command_line(
    here: Site, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    typed(monkeypatch, *words)
    with pytest.raises(WholeWay):
        start.main()


def raising(error: BaseException) -> Callable[..., Any]:
    def act(*_: object, **__: object) -> Any:
        raise error

    return act


def no_site(here: Site, patch: pytest.MonkeyPatch) -> None:
    (here.state / "site.json").unlink()


def damaged_site(here: Site, patch: pytest.MonkeyPatch) -> None:
    (here.state / "site.json").write_text("{")


def other_settings(here: Site, patch: pytest.MonkeyPatch) -> None:
    (here.root / "invoke.yaml").write_text("sandbox:\n  name: two\n")


def other_variable(here: Site, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("INVOKE_NETWORK_SANDBOX", "172.16.0.7")


def not_running(here: Site, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(providers, "provider_of", Noted(sandbox="stopped").provider_of)


def not_to_be_asked(here: Site, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("tests.unit.sandbox.provided.Provided.boot", raising(ToolFailed("lxc-info")))


def no_lxc(here: Site, patch: pytest.MonkeyPatch) -> None:
    patch.setattr("tests.unit.sandbox.provided.Provided.boot", raising(FileNotFoundError()))


def astray(here: Site, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(route_guard, "require_host_only_route", raising(Unreachable("by vpn0")))


def no_connection(here: Site, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SharedConnection, "ready", lambda self, boot, **_: False)


def no_keys(here: Site, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SharedConnection, "ready", raising(PermissionError()))


@pytest.mark.parametrize(
    "doubt",
    [
        *(no_site, damaged_site, other_settings, other_variable),
        *(not_running, not_to_be_asked, no_lxc, astray, no_connection, no_keys),
    ],
)
def test_in_any_doubt_the_task_itself_is_run(
    here: Site,
    monkeypatch: pytest.MonkeyPatch,
    doubt: Callable[[Site, pytest.MonkeyPatch], None],
) -> None:
    doubt(here, monkeypatch)
    with pytest.raises(WholeWay):
        start.main()


def test_it_is_interrupted_as_every_task_is(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SharedConnection, "ready", raising(KeyboardInterrupt()))
    with pytest.raises(SystemExit) as left:
        start.main()
    assert left.value.code == 130
