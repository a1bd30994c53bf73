"""What needs no building: here already, kept for an empty engine, or built by the other engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import ImageNotFound

from hostonly.errors import HostonlyError
from hostonly.events import Done, Event, Unchanged
from hostonly.host import packages
from hostonly.image import archive, record
from hostonly.image import build as build_module
from hostonly.image.build import build, pushed_before
from hostonly.image.engine import Engine
from hostonly.image.flavour import PYTHON
from hostonly.site import Site
from tests.unit.registry.serving import digest
from tests.unit.sites import at

CONFIG = digest(b"configuration")
BUILT = record.Built("inputs", CONFIG, CONFIG, "sandbox", "python", digest(b"manifest"))


class Images:
    """An engine's images, by id and by name."""

    def __init__(self, *ids: str) -> None:
        self.known = {name: name for name in ids}

    def get(self, name: str) -> Any:
        if name not in self.known:
            raise ImageNotFound(name)
        image_id = self.known[name]

        def tag(repository: str, tag: str) -> None:
            self.known[f"{repository}:{tag}"] = image_id

        return SimpleNamespace(id=image_id, tag=tag)


def engine(place: str, *ids: str) -> Engine:
    return Engine(place, {}, lambda: None, cast(Any, SimpleNamespace(images=Images(*ids))))


class Parts(Exception):
    """The image was about to be put together."""


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The archives that there are: a configuration's digest, and the id that a load gives."""
    archives: dict[str, str] = {}

    def load(site: Site, target: Engine, built: record.Built) -> str | None:
        image_id = archives.get(built.config)
        if image_id:
            cast(Any, target.client.images).known[image_id] = image_id
        return image_id

    def artefact(*_: object) -> None:
        raise Parts

    monkeypatch.setattr(packages, "install", lambda names, emit, root: [])
    monkeypatch.setattr(build_module, "labels", lambda root, flavour: {})
    monkeypatch.setattr(build_module, "inputs", lambda root, flavour, told, theirs: "inputs")
    monkeypatch.setattr(record, "is_bill_of", lambda file, config: config == CONFIG)
    monkeypatch.setattr(archive, "load", load)
    monkeypatch.setattr(build_module, "artefact", artefact)
    return archives


@pytest.fixture
def here(site: Site, tmp_path: Path) -> Site:
    return at(site, tmp_path)


def test_what_is_there_is_unchanged(here: Site, kept: dict[str, str]) -> None:
    record.save(here, BUILT)
    events: list[Event] = []
    assert build(here, engine("sandbox", CONFIG), events.append, PYTHON) == BUILT
    assert isinstance(events[-1], Unchanged)


@pytest.mark.parametrize("place", record.PLACES)
@pytest.mark.parametrize("called", [CONFIG, digest(b"its own manifest")])
def test_what_was_kept_is_loaded(here: Site, kept: dict[str, str], place: str, called: str) -> None:
    record.save(here, BUILT)
    kept[CONFIG] = called
    events: list[Event] = []
    target = engine(place)
    expected = replace(BUILT, place=place, image_id=called)
    assert build(here, target, events.append, PYTHON) == expected
    assert target.has(f"{here.image.name}:python")
    assert record.load(record.record(here.state, place, "python")) == expected
    said = "loaded again" if place == "sandbox" else "loaded, as the sandbox's engine has built it"
    assert isinstance(events[-1], Done) and said in str(events[-1])


def test_the_engines_own_image_comes_before_the_others(here: Site, kept: dict[str, str]) -> None:
    own = replace(BUILT, place="host", image_id=digest(b"own"))
    record.save(here, BUILT)
    record.save(here, own)
    assert build(here, engine("host", own.image_id), lambda event: None, PYTHON) == own


@pytest.mark.parametrize(
    "change", [{"inputs": "others"}, {"config": digest(b"without a bill")}, {}]
)
def test_what_was_not_kept_or_from_something_else_is_built(
    here: Site, kept: dict[str, str], change: dict[str, str]
) -> None:
    record.save(here, replace(BUILT, **change))
    if change:
        kept[change.get("config", CONFIG)] = CONFIG
    with pytest.raises(Parts):
        build(here, engine("host"), lambda event: None, PYTHON)


def test_what_was_pushed_from_the_same_inputs_can_be_pulled(
    here: Site, kept: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = engine("host")
    assert pushed_before(here, host, PYTHON) is None
    record.save(here, BUILT)
    assert pushed_before(here, host, PYTHON) == BUILT
    record.save(here, replace(BUILT, place="host", manifest=None))
    assert pushed_before(here, host, PYTHON) == BUILT
    own = replace(BUILT, place="host", manifest=digest(b"by the host"))
    record.save(here, own)
    assert pushed_before(here, host, PYTHON) == own
    record.save(here, replace(own, inputs="others"))
    assert pushed_before(here, host, PYTHON) == BUILT

    def no_jdk(*_: object) -> str:
        raise HostonlyError("no JDK")

    monkeypatch.setattr(build_module, "inputs", no_jdk)
    assert pushed_before(here, host, PYTHON) is None


def test_a_base_of_the_users_that_is_not_there_tells_nothing(
    here: Site, kept: dict[str, str]
) -> None:
    based = replace(here, image=replace(here.image, python_base="python:3.13-slim"))
    record.save(based, BUILT)
    assert pushed_before(based, engine("sandbox"), PYTHON) is None
    assert pushed_before(based, engine("sandbox", "python:3.13-slim"), PYTHON) == BUILT
