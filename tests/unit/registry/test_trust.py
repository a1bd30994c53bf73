"""What is written for the engine, and that only that is taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hostonly.errors import HostonlyError
from hostonly.host import atomic, command
from hostonly.host import journal as journals
from hostonly.registry import access, certificate, trust
from hostonly.site import Site
from tests.unit.sites import at


class Answers:
    """A registry that has shown its certificate."""

    def answers(self) -> None:
        """Do nothing: it does."""


@pytest.fixture
def here(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Settings of a checkout below tmp_path; root's commands are run as ourselves, there alone."""

    def run(argv: Sequence[str], *, root: bool = False, **more: Any) -> str:
        assert all(str(tmp_path) in word for word in argv if word.startswith("/"))
        return command.run(argv, **more)

    for module in (trust, atomic, journals):
        monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(access, "tls_client", lambda site: Answers())
    ours = at(site, tmp_path / "checkout")
    certificate.ensure(ours.sandbox.certificates, ours.sandbox.address)
    yield ours


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "docker"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "lib" / "engine-folders.json"


def test_one_file_is_written_and_everything_of_it_goes(
    here: Site, engine: Path, journal: Path, tmp_path: Path
) -> None:
    (tmp_path / "etc").mkdir()
    plan = trust.plan(here, engine)
    assert str(plan.file) in plan.describe() and plan.fingerprint in plan.describe()
    assert not plan.present and trust.install(plan, journal)
    assert [p for p in engine.rglob("*") if p.is_file()] == [
        engine / "certs.d" / "172.16.0.2:5000" / "ca.crt"
    ]
    assert "BEGIN CERTIFICATE" in plan.file.read_text()
    assert plan.present and not trust.install(plan, journal)
    assert trust.remove(here.root, engine) == [str(plan.file)]
    trust.tidy(journal)
    assert not engine.exists() and not journal.exists() and (tmp_path / "etc").exists()


def test_what_was_there_before_stays(here: Site, engine: Path, journal: Path) -> None:
    (engine / "certs.d" / "registry.example:443").mkdir(parents=True)
    (engine / "certs.d" / "registry.example:443" / "ca.crt").write_text("theirs")
    (engine / "daemon.json").write_text("{}")
    before = sorted(engine.rglob("*"))
    trust.install(trust.plan(here, engine), journal)
    assert trust.remove(here.root, engine)
    trust.tidy(journal)
    assert sorted(engine.rglob("*")) == before
    assert (engine / "daemon.json").read_text() == "{}"


def test_a_folder_that_somebody_uses_meanwhile_stays(
    here: Site, engine: Path, journal: Path
) -> None:
    trust.install(trust.plan(here, engine), journal)
    (engine / "daemon.json").write_text("{}")
    trust.remove(here.root, engine)
    trust.tidy(journal)
    assert sorted(engine.rglob("*")) == [engine / "daemon.json"]
    # Once the other is gone, the folder that we made goes as well.
    assert sorted(json.loads(journal.read_text())) == [str(engine.parent), str(engine)]
    (engine / "daemon.json").unlink()
    trust.tidy(journal)
    assert not engine.exists()


def test_what_a_killed_install_had_begun_to_write_goes_as_well(
    here: Site, engine: Path, journal: Path, tmp_path: Path
) -> None:
    (tmp_path / "etc").mkdir()
    plan = trust.plan(here, engine)
    trust.install(plan, journal)
    plan.file.rename(plan.file.with_name("ca.crt.4711"))
    assert trust.remove(here.root, engine) == [f"{plan.file}.4711"]
    trust.tidy(journal)
    assert not engine.exists()


@pytest.mark.parametrize("text", ["theirs\n", "# hostonly /another/checkout\n", ""])
def test_somebody_elses_file_is_neither_changed_nor_removed(
    here: Site, engine: Path, text: str
) -> None:
    file = engine / "certs.d" / "172.16.0.2:5000" / "ca.crt"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(HostonlyError, match="left alone"):
        trust.plan(here, engine)
    assert trust.remove(here.root, engine) == []
    assert file.read_text() == text


def test_an_older_authority_of_ours_is_replaced(here: Site, engine: Path, journal: Path) -> None:
    trust.install(trust.plan(here, engine), journal)
    made = here.state / "registry" / "sandbox"
    (made / "server.pem").unlink()
    certificate.ensure(made, here.sandbox.address)
    plan = trust.plan(here, engine)
    assert not plan.present and trust.install(plan, journal)
    assert plan.file.read_text().endswith((made / "ca.crt").read_text())


def test_nothing_is_planned_unless_the_registry_shows_the_certificate(
    here: Site, engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other:
        def answers(self) -> None:
            raise HostonlyError("what answers does not show this sandbox's certificate")

    monkeypatch.setattr(access, "tls_client", lambda site: Other())
    with pytest.raises(HostonlyError, match="does not show"):
        trust.plan(here, engine)
    (here.state / "registry" / "sandbox" / "ca.crt").unlink()
    with pytest.raises(HostonlyError, match="no certificate"):
        trust.plan(here, engine)
    assert not engine.exists()


def test_the_tutorials_way_is_shown_and_nothing_is_changed(here: Site, engine: Path) -> None:
    text = trust.insecure(here, engine)
    assert '"insecure-registries": ["172.16.0.2:5000"]' in text
    assert str(engine / "daemon.json") in text and not engine.exists()
