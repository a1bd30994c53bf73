"""What is done where LXC and Vagrant do not agree on a container."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostonly.errors import ToolFailed
from hostonly.events import Event, Warned
from hostonly.providers.lxc import container as module
from hostonly.providers.lxc.container import COMPLETE, UNFINISHED, LxcContainer
from hostonly.sandbox.status import state_of
from hostonly.site import Site
from tests.unit.sites import at


class Commands:
    """Stands for the lxc-… commands, with one container's state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = "STOPPED"
        self.destroyable = True
        self.ran: list[list[str]] = []

    def run(self, argv: Sequence[str], **_: Any) -> str:
        self.ran.append(list(argv))
        match argv[0]:
            case "lxc-info" if "--state" in argv:
                return self.state + "\n"
            case "lxc-info":
                return "Name:           c\nState:          RUNNING\nLink:           vethA\nLink:           vethB\n"
            case "lxc-unfreeze":
                self.state = "RUNNING"
            case "lxc-destroy":
                if not self.destroyable:
                    raise ToolFailed("Container is not defined")
                self._remove()
            case "sh":
                self._remove()
        return ""

    def _remove(self) -> None:
        for file in self.folder.iterdir():
            file.unlink()
        self.folder.rmdir()


@pytest.fixture
def lxc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setattr(module, "LXC", tmp_path / "lxc")
    made = Commands(tmp_path / "lxc" / "c")
    monkeypatch.setattr(module, "run", made.run)
    return made


@pytest.fixture
def container(site: Site, tmp_path: Path) -> LxcContainer:
    here = at(site, tmp_path)
    return LxcContainer(here, replace(here.sandbox, instance="c"))


def said(container: LxcContainer) -> list[str]:
    events: list[Event] = []
    container.reconcile(events.append)
    return [event.what for event in events if isinstance(event, Warned)]


def create(lxc: Commands, *, complete: bool, unfinished: bool = False) -> None:
    lxc.folder.mkdir(parents=True)
    (lxc.folder / "config").touch()
    if complete:
        (lxc.folder / COMPLETE).touch()
    if unfinished:
        (lxc.folder / UNFINISHED).touch()


def note(container: LxcContainer) -> None:
    container.id_file.parent.mkdir(parents=True)
    container.id_file.write_text("c")


def test_nothing_there_is_nothing_to_do(lxc: Commands, container: LxcContainer) -> None:
    assert said(container) == []
    assert lxc.ran == []


@pytest.mark.parametrize("noted", [True, False])
def test_one_that_somebody_has_begun_to_destroy_is_removed(
    lxc: Commands, container: LxcContainer, noted: bool
) -> None:
    create(lxc, complete=False)
    if noted:
        note(container)
        assert state_of(container.site, container.machine) == "half_destroyed"
    assert said(container) == ["the container c was destroyed only half: removing the rest"]
    assert not container.exists and not container.known_to_vagrant


def test_one_of_which_only_a_part_of_the_layer_is_left_is_removed(
    lxc: Commands, container: LxcContainer
) -> None:
    create(lxc, complete=False)
    note(container)
    (lxc.folder / "config").rename(lxc.folder / "layer")
    lxc.destroyable = False
    assert state_of(container.site, container.machine) == "half_destroyed"
    assert said(container) == ["the container c was destroyed only half: removing the rest"]
    assert not container.exists and not container.known_to_vagrant


@pytest.mark.parametrize("runs", [True, False])
def test_one_that_lxc_does_not_understand_any_more(
    lxc: Commands,
    container: LxcContainer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    runs: bool,
) -> None:
    create(lxc, complete=False)
    note(container)
    ours = f"@{lxc.folder}/command" if runs else f"@{lxc.folder}2/command"
    (tmp_path / "unix").write_text(f"0: 2 0 10000 1 01 4711 {ours}\n")
    monkeypatch.setattr(module, "SOCKETS", tmp_path / "unix")

    def run(argv: Sequence[str], **how: Any) -> str:
        if argv[0].startswith("lxc-"):
            raise ToolFailed("Failed to parse config")
        return lxc.run(argv, **how)

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert container.half_destroyed != runs
    assert container.finish_destruction(lambda event: None) != runs
    assert container.exists == runs


def test_one_that_runs_is_not_taken_for_destroyed(lxc: Commands, container: LxcContainer) -> None:
    """LXC destroys none that runs: somebody has lost the mark, and nothing else."""
    create(lxc, complete=False)
    note(container)
    lxc.state = "RUNNING"
    assert state_of(container.site, container.machine) == "running"
    assert said(container) == []
    assert container.exists


def test_one_that_is_being_made_is_not_taken_for_destroyed(
    lxc: Commands, container: LxcContainer
) -> None:
    create(lxc, complete=False, unfinished=True)
    assert not container.half_destroyed and not container.finish_destruction(lambda event: None)
    assert container.exists


def test_half_a_container_is_removed(lxc: Commands, container: LxcContainer) -> None:
    create(lxc, complete=False, unfinished=True)
    assert said(container) == ["the container c was made only half: removing it"]
    assert not container.exists


def test_a_container_that_lxc_create_was_killed_over_is_removed(
    lxc: Commands, container: LxcContainer
) -> None:
    """Filled to its end as it is: LXC itself destroys it at the next look."""
    create(lxc, complete=True, unfinished=True)
    assert said(container) == ["the container c was made only half: removing it"]
    assert not container.exists and not container.known_to_vagrant


def test_half_a_container_that_lxc_does_not_know_is_removed_too(
    lxc: Commands, container: LxcContainer
) -> None:
    create(lxc, complete=False, unfinished=True)
    lxc.destroyable = False
    said(container)
    assert not container.exists


def test_half_a_container_that_runs_all_the_same_is_not_deleted_under_itself(
    lxc: Commands, container: LxcContainer
) -> None:
    create(lxc, complete=False)
    lxc.destroyable, lxc.state = False, "RUNNING"
    with pytest.raises(ToolFailed):
        said(container)
    assert container.exists


def test_a_whole_container_that_vagrant_lost_is_noted_again(
    lxc: Commands, container: LxcContainer
) -> None:
    create(lxc, complete=True)
    assert said(container) == ["Vagrant had lost sight of the container c: noted again"]
    assert container.known_to_vagrant


def test_a_note_without_a_container_is_removed(lxc: Commands, container: LxcContainer) -> None:
    note(container)
    assert said(container) == ["the container c is gone; Vagrant's note of it was removed"]
    assert not container.id_file.exists()


def test_a_frozen_container_is_thawed(lxc: Commands, container: LxcContainer) -> None:
    create(lxc, complete=True)
    note(container)
    lxc.state = "FROZEN"
    assert said(container) == ["the container c was frozen: thawing it"]
    assert container.state() == "running"


def test_links_without_a_bridge_are_attached_in_their_order(
    lxc: Commands, container: LxcContainer
) -> None:
    create(lxc, complete=True)
    container.reattach(container.site.bridges[::-1], lambda event: None)
    set_ = [argv[3:6] for argv in lxc.ran if argv[:3] == ["ip", "link", "set"]]
    assert set_ == [["vethA", "master", "hostonlynat0"], ["vethB", "master", "hostonly0"]]


def test_a_container_that_goes_while_it_is_looked_at_is_not_created(
    lxc: Commands, container: LxcContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(lxc, complete=True)

    def run(argv: Sequence[str], **_: Any) -> str:
        (lxc.folder / "config").unlink()
        raise ToolFailed("Failure to retrieve information")

    monkeypatch.setattr(module, "run", run)
    assert container.state() == "not_created"


def test_services_are_started_as_soon_as_there_is_a_systemd_to_ask(
    lxc: Commands, container: LxcContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(lxc, complete=True)
    answers = iter(["Failed to connect to bus: No such file or directory", ""])

    def run(argv: Sequence[str], **_: Any) -> str:
        if said := next(answers):
            raise ToolFailed("lxc-attach failed", output=said)
        return ""

    monkeypatch.setattr(module, "run", run)
    container.start_services(["docker"])
    assert next(answers, None) is None


def test_a_service_that_cannot_be_started_is_said_at_once(
    lxc: Commands, container: LxcContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(lxc, complete=True)

    def run(argv: Sequence[str], **_: Any) -> str:
        raise ToolFailed("lxc-attach failed", output="Unit docker.service is masked.")

    monkeypatch.setattr(module, "run", run)
    with pytest.raises(ToolFailed):
        container.start_services(["docker"])


@pytest.mark.parametrize(("said", "boot"), [("77\n", "77"), ("-1\n", ""), ("", "")])
def test_a_boot_is_known_by_its_init(
    container: LxcContainer, monkeypatch: pytest.MonkeyPatch, said: str, boot: str
) -> None:
    monkeypatch.setattr(module, "run", lambda argv, **_: said)
    assert container.boot() == boot
