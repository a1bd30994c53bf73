"""Where an image is: each engine and the registry are asked, whoever brought it there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import ImageNotFound

from hostonly.errors import HostonlyError, Unreachable
from hostonly.image import inspect as inspect_module
from hostonly.image import record
from hostonly.image.engine import Engine
from hostonly.image.flavour import PYTHON
from hostonly.image.inspect import inspect
from hostonly.registry import client as client_module
from hostonly.registry.client import RegistryClient
from hostonly.results.image import ImageView
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from tests.unit.registry.serving import Store, digest, served
from tests.unit.sites import at

LAYERS = (b"base" * 1000, b"server" * 1000)
# The engine API's Info where containerd keeps the images.
CONTAINERD = {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}


class Images:
    """An engine's images, each by all its names and its id."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        self.info: dict[str, Any] = {}

    def add(self, image_id: str, *tags: str) -> None:
        attributes = {
            "Size": 42,
            "RootFS": {"Layers": [digest(layer) for layer in LAYERS]},
            "Config": {"User": "10001", "ExposedPorts": {"8080/tcp": {}}, "Labels": {"title": "x"}},
        }
        image = SimpleNamespace(id=image_id, tags=list(tags), attrs=attributes, history=lambda: [])
        self.known |= dict.fromkeys((image_id, *tags), image)

    def get(self, name: str) -> Any:
        if name not in self.known:
            raise ImageNotFound(name)
        return self.known[name]


class Place:
    """The checkout with its records, two engines and a registry, none of which has anything yet."""

    def __init__(self, site: Site, store: Store) -> None:
        self.site, self.store = site, store
        self.engines: dict[str, Images | HostonlyError] = {"sandbox": Images(), "host": Images()}
        self.machine = cast(
            Machine,
            SimpleNamespace(site=site, address="172.16.0.2", require_running=lambda: None),
        )
        self.manifest = store.add_image(*LAYERS)
        self.config = store.of(self.manifest)["config"]["digest"]

    @contextmanager
    def engine_of(self, machine: Machine, place: str) -> Iterator[Engine]:
        images = self.engines[place]
        if isinstance(images, HostonlyError):
            raise images
        client = SimpleNamespace(images=images, info=lambda: images.info)
        yield Engine(place, {}, lambda: None, cast(Any, client))

    def has(self, place: str) -> Images:
        images = self.engines[place]
        assert isinstance(images, Images)
        return images

    def record(self, place: str, image_id: str = "") -> None:
        built = record.Built("i", image_id or self.config, self.config, place, "python")
        record.save(self.site, built)

    def look(self) -> tuple[ImageView, dict[str, bool | None]]:
        view = inspect(self.machine, PYTHON)
        return view, {each.place: each.present for each in view.present}


@pytest.fixture
def place(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(client_module, "require_host_only_route", lambda address, bridge: None)
    store = Store()
    here = at(site, tmp_path)
    made = Place(replace(here, image=replace(here.image, name="app")), store)
    with served(store) as port:
        monkeypatch.setattr(
            inspect_module, "client", lambda _: RegistryClient("127.0.0.1", port, bridge="b")
        )
        monkeypatch.setattr(inspect_module, "engine_of", made.engine_of)
        yield made


def test_an_engine_is_asked_though_nothing_was_built_there(place: Place) -> None:
    place.record("sandbox")
    place.has("sandbox").add(place.config, "app:python")
    place.has("host").add(place.config, "172.16.0.2:5000/app:python")
    view, present = place.look()
    assert present == {"sandbox engine": True, "host engine": True, "registry": False}
    assert (view.size, view.ports, view.user) == (42, ("8080/tcp",), "10001")


def test_by_its_manifest_where_containerd_keeps_it(place: Place) -> None:
    place.record("sandbox")
    place.has("sandbox").add(place.config, "app:python")
    place.has("host").info = CONTAINERD
    place.has("host").add(place.manifest, "172.16.0.2:5000/app:python")
    # A manifest of which nobody here knows is no reason to say yes or no.
    assert place.look()[1]["host engine"] is None
    place.store.tags["python"] = place.manifest
    assert place.look()[1]["host engine"] is True


def test_what_only_the_registry_has_is_shown(place: Place) -> None:
    place.store.tags["python"] = place.manifest
    view, present = place.look()
    assert present == {"sandbox engine": False, "host engine": False, "registry": True}
    assert (view.config, view.size, view.labels) == (place.config, None, {"title": "app"})
    assert [layer.digest for layer in view.layers] == [digest(layer) for layer in LAYERS]
    # Also where it was built here, and is gone from the engine.
    place.record("sandbox")
    assert place.look()[1]["registry"] is True


def test_another_image_of_that_name(place: Place) -> None:
    place.record("sandbox")
    place.has("sandbox").add(place.config)
    place.has("host").add(digest(b"another"), "app:python")
    place.store.tags["python"] = place.store.add_image(b"another")
    view, present = place.look()
    assert present == {"sandbox engine": True, "host engine": False, "registry": False}
    told = {each.place: each.detail for each in view.present}
    assert "another image" in told["host engine"] and "another image" in told["registry"]


def test_what_does_not_answer_is_not_observed(place: Place) -> None:
    place.record("host")
    place.engines["sandbox"] = Unreachable("no answer")
    place.has("host").add(place.config, "app:python")
    assert place.look()[1] == {"sandbox engine": None, "host engine": True, "registry": False}


def test_nobody_has_it(place: Place) -> None:
    with pytest.raises(HostonlyError, match="nobody has the python image") as error:
        place.look()
    assert "registry: is not there" in error.value.output
    place.has("host").add(digest(b"another"), "app:python")
    with pytest.raises(HostonlyError) as error:
        place.look()
    assert "another image" in error.value.output
