"""Pushing and pulling: what is an error, what is not worth another attempt, what is cleared up after.

The streams in push/ are Docker 20.10's own: the registry killed in mid-push (most of the progress
left out), and the end of a push onto a full disk.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import ImageNotFound
from urllib3.exceptions import ProtocolError

from hostonly.errors import HostonlyError, ToolFailed, Unreachable
from hostonly.events import Done, Event, Progress, Unchanged, Warned, ignore
from hostonly.image import publish, record
from hostonly.image.engine import Engine, understood
from hostonly.image.stream import follow
from hostonly.registry import client as client_module
from hostonly.registry import service
from hostonly.registry.client import RegistryClient
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from tests.unit.registry.serving import Store, digest, served
from tests.unit.sites import at


def stream(name: str) -> Generator[dict[str, Any]]:
    for line in (Path(__file__).parent / "push" / name).read_text().splitlines():
        yield json.loads(line)


def test_an_attempt_that_the_engine_repeats_is_progress() -> None:
    events: list[Event] = []
    follow(stream("retried.jsonl"), "docker push big", events.append, lambda: None)
    assert Progress("7cae415a2241 Retrying in 5 seconds") in events
    assert Progress("7cae415a2241 Pushed") in events


def test_it_ends_at_once_where_no_attempt_can_do_better() -> None:
    events: list[Event] = []
    with pytest.raises(ToolFailed, match="the disk is full") as error:
        follow(
            stream("retried.jsonl"), "docker push big", events.append, lambda: "the disk is full"
        )
    assert error.value.ran == "docker push big"
    assert not any("Retrying" in str(event) for event in events)


def test_an_error_in_the_stream_is_an_error() -> None:
    with pytest.raises(ToolFailed, match="could not finish") as error:
        follow(stream("refused.jsonl"), "docker push big", lambda event: None)
    assert error.value.output == "received unexpected HTTP status: 500 Internal Server Error"
    assert "registry.usage" in str(error.value.remedy)


def test_an_engine_without_room_is_told_from_a_registry_without() -> None:
    said = "write /var/lib/docker/tmp/GetImageBlob4223155168: no space left on device"
    with (
        pytest.raises(ToolFailed, match="the sandbox's engine has no room left") as error,
        understood("sandbox", "docker pull big"),
    ):
        follow((line for line in [{"error": said}]), "docker pull big", lambda event: None)
    assert (error.value.ran, error.value.output) == ("docker pull big", said)
    assert "docker system prune" in str(error.value.remedy)


LAYERS = (b"base" * 1000, b"server" * 1000)


class FakeEngine:
    """An engine's images by name or id, and what its streams say; ``arrive`` is what a pull brings."""

    def __init__(self, *lines: dict[str, Any] | BaseException) -> None:
        self.lines, self.ended = lines, False
        self.images: dict[str, dict[str, Any]] = {}
        self.arrive: dict[str, dict[str, Any]] = {}
        self.pulled: list[str] = []
        self.api = self

    def stream(self) -> Iterator[dict[str, Any]]:
        try:
            for line in self.lines:
                if isinstance(line, BaseException):
                    raise line
                yield line
        finally:
            self.ended = True

    def push(self, there: str, **_: object) -> Iterator[dict[str, Any]]:
        return self.stream()

    def pull(self, there: str, *, tag: str, **_: object) -> Iterator[dict[str, Any]]:
        self.pulled.append(f"{there}@{tag}")
        self.images.update(self.arrive)
        return self.stream()

    def get(self, name: str) -> Any:
        ids = {attributes["Id"]: attributes for attributes in self.images.values()}
        if name not in self.images and name not in ids:
            raise ImageNotFound(name)
        attributes = self.images.get(name) or ids[name]

        def tag(repository: str, tag: str) -> None:
            short = repository if tag == "latest" else f"{repository}:{tag}"
            self.images[short] = self.images[f"{repository}:{tag}"] = attributes

        return SimpleNamespace(id=attributes["Id"], attrs=attributes, tag=tag)

    def at(self, place: str) -> Engine:
        client = cast(Any, SimpleNamespace(images=self, api=self))
        return Engine(place, {}, lambda: None, client)


class Place:
    """A checkout that has built and pushed an image, the registry that has it, and its sandbox."""

    def __init__(self, site: Site, store: Store, port: int) -> None:
        image = replace(site.image, name="app")
        self.site = replace(site, registry_port=port, image=image)
        self.store, self.said = store, list[Event]()
        self.manifest = store.tags["python"] = store.add_image(*LAYERS)
        self.config = store.of(self.manifest)["config"]["digest"]
        self.built = record.Built(
            "inputs", self.config, self.config, "sandbox", "python", self.manifest
        )
        self.machine = cast(
            Machine,
            SimpleNamespace(
                site=self.site,
                address="172.16.0.2",
                vantage=lambda: contextlib.nullcontext("the sandbox"),
            ),
        )

    def name(self, place: str) -> str:
        return record.typed(place, "172.16.0.2", self.site.registry_port, "app")

    def image(self, place: str, image_id: str = "", *layers: bytes) -> dict[str, Any]:
        return {
            "Id": image_id or self.config,
            "RepoDigests": [f"{self.name(place)}@{self.manifest}"],
            "RootFS": {"Layers": [digest(layer) for layer in layers or LAYERS]},
        }

    def stream(self, by_manifest: bool = False) -> Iterator[dict[str, Any]]:
        """What an engine says of a pull: containerd tells of the configuration as of a layer."""
        document = self.store.of(self.manifest)
        said = "Download complete" if by_manifest else "Pull complete"
        yield {"status": "Pulling from app", "id": self.manifest}
        for blob in (*document["layers"], *([document["config"]] if by_manifest else [])):
            yield {"status": "Downloading", "id": record.short(blob["digest"])}
            yield {"status": said, "id": record.short(blob["digest"])}

    def pull(self, engine: FakeEngine, place: str = "sandbox") -> record.Built:
        return publish.pull(self.machine, engine.at(place), self.built, self.said.append)


@pytest.fixture
def place(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(client_module, "require_host_only_route", lambda address, bridge: None)
    store = Store()
    with served(store) as port:
        monkeypatch.setattr(
            publish, "registry_client", lambda _: RegistryClient("127.0.0.1", port, bridge="b")
        )
        yield Place(at(site, tmp_path), store, port)


@pytest.fixture
def cleared(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done in the sandbox after a push; the registry has no tag, and lists the repository."""
    done: list[str] = []
    place.store.tags.clear()
    monkeypatch.setattr(RegistryClient, "repositories", lambda self: ["app"])
    monkeypatch.setattr(service, "wait_for_quiet", lambda vantage: done.append("waited"))
    monkeypatch.setattr(service, "collect", lambda vantage, emit: done.append("collected"))
    return done


@pytest.mark.parametrize(
    ("thrown", "caught"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (ProtocolError("Connection broken"), Unreachable),
        (ImageNotFound("gone"), Unreachable),
        (ValueError("not JSON"), ValueError),
    ],
)
def test_after_half_a_push_the_catalog_shows_nothing(
    place: Place, cleared: list[str], thrown: BaseException, caught: type[BaseException]
) -> None:
    engine = FakeEngine({"status": "Pushing"}, thrown)
    engine.images[place.config] = place.image("sandbox")
    with pytest.raises(caught) as error:
        publish.push(place.machine, engine.at("sandbox"), place.built, ignore)
    assert engine.ended and cleared == ["waited", "collected"]
    if isinstance(error.value, HostonlyError):
        assert (error.value.ran or "").startswith("docker push localhost:")


def test_an_interrupt_between_two_lines_closes_the_stream(place: Place, cleared: list[str]) -> None:
    def interrupted(event: Event) -> None:
        if isinstance(event, Progress):
            raise KeyboardInterrupt

    engine = FakeEngine({"status": "Pushing"}, {"status": "Pushed"})
    engine.images[place.config] = place.image("sandbox")
    with pytest.raises(KeyboardInterrupt):
        publish.push(place.machine, engine.at("sandbox"), place.built, interrupted)
    assert engine.ended and cleared == ["waited", "collected"]


def test_what_cannot_be_cleared_up_is_said(
    place: Place, cleared: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(vantage: object) -> None:
        raise Unreachable("no answer")

    monkeypatch.setattr(service, "wait_for_quiet", refuse)
    engine = FakeEngine(KeyboardInterrupt())
    engine.images[place.config] = place.image("sandbox")
    with pytest.raises(KeyboardInterrupt):
        publish.push(place.machine, engine.at("sandbox"), place.built, place.said.append)
    assert any(isinstance(event, Warned) for event in place.said)


def test_the_last_push_is_noted_whichever_engine_it_came_from(place: Place) -> None:
    """Also where the same image is there already; a pull is none."""
    file = record.pushed_record(place.site.state, "python")
    for where in record.PLACES:
        engine = FakeEngine()
        engine.images[place.config] = place.image(where)
        built = replace(place.built, place=where, manifest=None)
        assert publish.push(place.machine, engine.at(where), built, place.said.append).manifest
        noted = record.PushRecord("app", "python", place.manifest, place.config, where)
        assert record.load_pushed(file) == noted
    engine.images[f"{place.name('host')}@{place.manifest}"] = place.image("host")
    file.unlink()
    place.pull(engine, "host")
    assert record.load_pushed(file) is None


@pytest.mark.parametrize("where", record.PLACES)
@pytest.mark.parametrize("by_manifest", [False, True], ids=["graph driver", "containerd"])
def test_an_engine_that_has_nothing_gets_every_layer(
    place: Place, where: str, by_manifest: bool
) -> None:
    engine = FakeEngine(*place.stream(by_manifest))
    by_digest = f"{place.name(where)}@{place.manifest}"
    engine.arrive[by_digest] = place.image(where, place.manifest if by_manifest else "")
    done = place.pull(engine, where)
    assert engine.pulled == [by_digest] and f"{place.name(where)}:python" in engine.images
    assert "and 2 of its 2 layers" in str(place.said[-1]) and isinstance(place.said[-1], Done)
    image_id = place.manifest if by_manifest else place.config
    assert done == replace(place.built, place=where, image_id=image_id)
    if done != place.built:
        assert record.load(record.record(place.site.state, where, "python")) == done
    place.pull(engine, where)
    assert isinstance(place.said[-1], Unchanged) and len(engine.pulled) == 1


def test_what_comes_must_be_what_was_built(place: Place) -> None:
    by_digest = f"{place.name('sandbox')}@{place.manifest}"
    for wrong in (
        place.image("sandbox", digest(b"another")),
        place.image("sandbox", "", LAYERS[0], b"another"),
    ):
        engine = FakeEngine(*place.stream())
        engine.arrive[by_digest] = wrong
        with pytest.raises(HostonlyError, match="not the image that was built"):
            place.pull(engine)
    with pytest.raises(HostonlyError, match="not the image"):
        place.pull(FakeEngine(*place.stream()))
    engine = FakeEngine(*place.stream())
    engine.arrive[by_digest] = place.image("sandbox")
    place.built = replace(place.built, config=digest(b"another"))
    with pytest.raises(HostonlyError, match="not the image") as error:
        place.pull(engine)
    assert place.config in error.value.output


def test_what_the_registry_has_lost_cannot_be_pulled(place: Place) -> None:
    assert publish.served(place.machine, place.built)
    assert not publish.served(place.machine, replace(place.built, manifest=None))
    # It is there still, and somebody else's image has its name.
    place.store.tags["python"] = place.store.add_image(b"another")
    assert not publish.served(place.machine, place.built)
    place.store.tags["python"] = place.manifest
    layer = place.store.of(place.manifest)["layers"][1]["digest"]
    del place.store.blobs[layer]
    assert not publish.served(place.machine, place.built)
    place.store.manifests.clear()
    assert not publish.served(place.machine, place.built)


class Begun(Exception):
    """Raised in place of pushing."""


def pushed(place: Place, monkeypatch: pytest.MonkeyPatch) -> record.Built | None:
    """What a push comes to where nothing is pushed; None where something would be."""

    def push(there: str, **_: object) -> Iterator[dict[str, Any]]:
        raise Begun

    engine = FakeEngine()
    engine.images = {"app": place.image("sandbox")}
    monkeypatch.setattr(engine, "push", push)
    monkeypatch.setattr(publish, "_clear_up", lambda *_: None)
    try:
        return publish.push(place.machine, engine.at("sandbox"), place.built, place.said.append)
    except Begun:
        return None


def test_what_the_registry_has_whole_is_not_pushed_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pushed(place, monkeypatch) == place.built
    assert isinstance(place.said[-1], Unchanged)
    # The same image by a manifest that another engine wrote.
    document = place.store.of(place.manifest)
    place.store.tags["python"] = place.store.add_manifest({**document, "annotations": {}})
    found = pushed(place, monkeypatch)
    assert found is not None and found.manifest == place.store.tags["python"]


def no_tag(place: Place) -> None:
    place.store.tags.clear()


def another_image(place: Place) -> None:
    place.store.tags["python"] = place.store.add_image(b"other")


def no_configuration(place: Place) -> None:
    del place.store.blobs[place.config]


def changed_configuration(place: Place) -> None:
    place.store.blobs[place.config] = place.store.blobs[place.config].replace(b"linux", b"other")


def no_layer(place: Place) -> None:
    del place.store.blobs[place.store.of(place.manifest)["layers"][1]["digest"]]


def half_a_layer(place: Place) -> None:
    layer = place.store.of(place.manifest)["layers"][1]["digest"]
    place.store.blobs[layer] = place.store.blobs[layer][:-1]


@pytest.mark.parametrize(
    "damage",
    [no_tag, another_image, no_configuration, changed_configuration, no_layer, half_a_layer],
)
def test_what_the_registry_has_not_whole_is_pushed(
    place: Place, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Place], None]
) -> None:
    damage(place)
    if damage is changed_configuration:
        with pytest.raises(HostonlyError, match="damaged"):
            pushed(place, monkeypatch)
    else:
        assert pushed(place, monkeypatch) is None
