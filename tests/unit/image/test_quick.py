"""The short way of image.build and image.push: taken only where everything is as it was recorded."""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from hostonly.errors import Unreachable
from hostonly.image import quick, state
from hostonly.image.flavour import JAVA, PYTHON, labels
from hostonly.image.inputs import inputs
from hostonly.registry import direct
from hostonly.sandbox import quick as sandbox_quick
from hostonly.vantages import shared_ssh
from tests.unit.registry.serving import Store, digest, served

ROOT = Path(__file__).resolve().parents[3]
LAYERS = (b"base" * 1000, b"server" * 1000)
BUILD = ["inv", "image.build", "--flavour", "python"]
PUSH = ["inv", "image.push", "--flavour=python"]


class Place:
    """A checkout, an engine and a registry that have what was recorded; tests change one of them."""

    def __init__(self, root: Path, store: Store, port: int) -> None:
        self.root, self.store = root, store
        manifest = store.add_image(*LAYERS)
        store.tags["python"] = manifest
        config = store.of(manifest)["config"]["digest"]
        there = f"localhost:{port}/app"
        self.images: dict[str, dict[str, Any]] = {
            "app:python": {
                "Id": config,
                "RepoTags": ["app:python", f"{there}:python"],
                "RepoDigests": [f"{there}@{manifest}"],
                "RootFS": {"Layers": [digest(layer) for layer in LAYERS]},
            }
        }
        told = inputs(root, PYTHON, labels(root, PYTHON))
        self.built = state.Built(told, config, config, "sandbox", "python", manifest)
        self.record(self.built)
        self.note = sandbox_quick.Note(
            inputs=sandbox_quick.inputs(root),
            site={
                "network": {"sandbox": "127.0.0.1", "bridge": "hostonly0"},
                "registry": {"port": port},
                "image": {"name": "app", "base": "", "python_base": ""},
            },
            container="one-sandbox",
            ssh=["false"],
            destination="vagrant@127.0.0.1",
        )
        (root / ".hostonly" / "ssh").mkdir()
        self.remember(self.note)

    @property
    def image(self) -> dict[str, Any]:
        return self.images["app:python"]

    def record(self, built: state.Built) -> None:
        file = state.record(self.root / ".hostonly", built.place, built.flavour)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({key: getattr(built, key) for key in built.__slots__}))
        bill = {"metadata": {"component": {"bom-ref": built.config}}}
        state.bill(self.root / ".hostonly", PYTHON).write_text(json.dumps(bill))
        self.note_push(built)

    def note_push(self, built: state.Built, repository: str = "app") -> None:
        pushed = [repository, built.flavour, str(built.manifest), built.config, built.place]
        file = state.pushed_record(self.root / ".hostonly", built.flavour)
        file.write_text(json.dumps(asdict(state.Pushed(*pushed))))

    def remember(self, note: sandbox_quick.Note) -> None:
        sandbox_quick.remember(self.root, note)

    def said(self, argv: list[str] = PUSH) -> list[str] | None:
        return quick.unchanged(self.root, argv)


@contextmanager
def engine(path: Path, images: dict[str, dict[str, Any]]) -> Iterator[None]:
    """An engine's API at a socket, as far as ImageInspect goes."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/images/").removesuffix("/json")
            body = json.dumps(images.get(name, {"message": "no such image"})).encode()
            self.send_response(200 if name in images else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

        def get_request(self) -> tuple[Any, Any]:
            return super().get_request()[0], ("", 0)

    with Server(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", sandbox_quick.OTHER_FILE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(sandbox_quick, "init_of", lambda container: "77")
    for module in (quick, direct):
        monkeypatch.setattr(module, "require_host_only_route", lambda address, bridge: None)
    monkeypatch.setattr(
        shared_ssh.SharedConnection, "ready", lambda self, generation: generation == "77"
    )
    shutil.copytree(ROOT / "packer", tmp_path / "packer")
    (tmp_path / PYTHON.artefact).parent.mkdir(parents=True)
    shutil.copy(ROOT / PYTHON.artefact, tmp_path / PYTHON.artefact)
    (tmp_path / "invoke.yaml").write_text("sandbox:\n  name: one\n")
    store = Store()
    with served(store) as port:
        made = Place(tmp_path, store, port)
        with engine(tmp_path / ".hostonly" / "ssh" / "sandbox.77.engine", made.images):
            yield made


def test_what_is_unchanged_is_said(place: Place) -> None:
    short = state.short(place.built.config)
    built = [
        "sandbox is up at 127.0.0.1",
        f"the image app:python is built and unchanged ({short})",
    ]
    assert place.said(BUILD) == built
    name = place.image["RepoTags"][1]
    pushed = state.short(place.store.tags["python"])
    assert place.said(PUSH) == [*built, f"{name} is pushed and unchanged ({pushed})"]


def test_by_the_hosts_own_engine(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.record(replace(place.built, place="host"))
    socket = place.root / "host.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{socket}")
    assert place.said([*BUILD, "--on", "host"]) is None
    with engine(socket, place.images):
        assert len(place.said([*BUILD, "--on=host"]) or ()) == 1
        # It is not called by the address that the host pushes to.
        assert place.said([*PUSH, "--from", "host"]) is None
        port = place.note.site["registry"]["port"]
        place.image["RepoTags"].append(f"127.0.0.1:{port}/app:python")
        assert len(place.said([*PUSH, "--from", "host"]) or ()) == 3


@pytest.mark.parametrize(
    "argv",
    [
        ["inv"],
        ["inv", "image.pull"],
        ["inv", "image.build", "--flavour"],
        ["inv", "image.build", "--flavour", "ruby"],
        ["inv", "image.build", "--on", "elsewhere"],
        ["inv", "image.build", "--from", "host"],
        ["inv", "image.push", "--on", "host"],
        ["inv", "image.push", "--help"],
        ["inv", "image.build", "image.push"],
        ["inv", "-f", "other.yaml", "image.build"],
    ],
)
def test_no_other_command_line(place: Place, argv: list[str]) -> None:
    assert quick.asked(argv) is None
    assert place.said(argv) is None


def test_the_flavour_that_was_not_built(place: Place) -> None:
    assert quick.asked(["inv", "image.build"]) == quick.Asked("image.build", JAVA, "sandbox")
    assert place.said(["inv", "image.build"]) is None


@pytest.mark.parametrize("name", ["packer/hello-socket-python.json", "packer/base/base.toml"])
def test_changed_inputs(place: Place, name: str) -> None:
    file = place.root / name
    file.write_text(file.read_text() + "\n")
    assert place.said(BUILD) is None


def test_a_changed_artefact(place: Place) -> None:
    with (place.root / PYTHON.artefact).open("a") as file:
        file.write("#\n")
    assert place.said(BUILD) is None


def test_another_commit(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {**labels(place.root, PYTHON), "revision": "another"}
    monkeypatch.setattr(quick, "labels", lambda root, flavour: told)
    assert place.said(BUILD) is None


def test_changed_settings_and_a_base_of_the_users(place: Place) -> None:
    for base, python_base, quick_way in (("temurin", "", True), ("", "python", False)):
        image = {"name": "app", "base": base, "python_base": python_base}
        place.remember(replace(place.note, site={**place.note.site, "image": image}))
        assert (place.said(BUILD) is not None) is quick_way
    place.remember(place.note)
    assert place.said(BUILD)
    (place.root / "invoke.yaml").write_text("sandbox:\n  name: two\n")
    assert place.said(BUILD) is None


def test_a_further_file_of_settings(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sandbox_quick.OTHER_FILE, "")
    place.remember(replace(place.note, inputs=sandbox_quick.inputs(place.root)))
    assert place.said(BUILD)
    monkeypatch.setenv(sandbox_quick.OTHER_FILE, "other.yaml")
    place.remember(replace(place.note, inputs=sandbox_quick.inputs(place.root)))
    assert place.said(BUILD) is None


def test_no_record_or_no_bill(place: Place) -> None:
    bill = state.bill(place.root / ".hostonly", PYTHON)
    bill.write_text("{}")
    assert place.said(BUILD) is None
    place.record(place.built)
    state.record(place.root / ".hostonly", "sandbox", "python").unlink()
    assert place.said(BUILD) is None


def test_the_last_push_was_of_another(place: Place) -> None:
    """By the host's engine, say, or to another repository: that this one is there has to be noted."""
    assert place.said(PUSH)
    place.note_push(replace(place.built, manifest=digest(b"other")))
    assert place.said(PUSH) is None and place.said(BUILD)
    place.note_push(place.built, "another")
    assert place.said(PUSH) is None
    state.pushed_record(place.root / ".hostonly", "python").unlink()
    assert place.said(PUSH) is None


def test_the_engine_has_another_image_or_none(place: Place) -> None:
    place.image["Id"] = digest(b"other")
    assert place.said(BUILD) is None
    del place.images["app:python"]
    assert place.said(BUILD) is None


def test_a_name_that_was_taken_away(place: Place) -> None:
    place.image["RepoTags"].pop()
    assert place.said(BUILD) and place.said(PUSH) is None


def test_other_layers_on_the_engine(place: Place) -> None:
    place.image["RootFS"]["Layers"][1] = digest(b"other")
    assert place.said(PUSH) is None


def test_containerds_own_manifest_of_what_another_engine_has_pushed(place: Place) -> None:
    place.image.update(Id=digest(b"a manifest of its own"), RepoDigests=[])
    place.record(replace(place.built, image_id=place.image["Id"]))
    assert place.said(PUSH) is not None
    place.record(replace(place.built, image_id=place.image["Id"], config=digest(b"other")))
    assert place.said(PUSH) is None


def test_the_registry_has_no_such_tag(place: Place) -> None:
    place.store.tags.clear()
    assert place.said(PUSH) is None


def test_the_registry_has_another_image(place: Place) -> None:
    place.store.tags["python"] = place.store.add_image(b"other")
    assert place.said(PUSH) is None


def test_the_registry_has_the_image_by_another_manifest(place: Place) -> None:
    document = place.store.of(place.store.tags["python"])
    place.store.tags["python"] = place.store.add_manifest({**document, "annotations": {}})
    assert place.said(PUSH) is None


@pytest.mark.parametrize("part", ["config", "layer"])
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_the_registry_lacks_a_part(place: Place, part: str, damage: str) -> None:
    document = place.store.of(place.store.tags["python"])
    which = (document["config"] if part == "config" else document["layers"][1])["digest"]
    whole = place.store.blobs.pop(which)
    if damage == "cut":
        place.store.blobs[which] = whole[:-1]
    assert place.said(BUILD) and place.said(PUSH) is None


def test_a_configuration_that_was_changed(place: Place) -> None:
    which = place.store.of(place.store.tags["python"])["config"]["digest"]
    place.store.blobs[which] = place.store.blobs[which].replace(b"linux", b"other")
    assert place.said(PUSH) is None


def test_no_sandbox_no_connection_no_route(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: str, bridge: str) -> None:
        raise Unreachable("it leaves by another interface")

    with monkeypatch.context() as patch:
        patch.setattr(sandbox_quick, "init_of", lambda container: "")
        assert place.said(BUILD) is None
    with monkeypatch.context() as patch:
        patch.setattr(sandbox_quick, "init_of", lambda container: "78")
        assert place.said(BUILD) is None
    for module in (quick, direct):
        with monkeypatch.context() as patch:
            patch.setattr(module, "require_host_only_route", refuse)
            assert place.said(BUILD) is None
    assert place.said(BUILD)


def test_a_registry_that_does_not_answer(place: Place) -> None:
    site = {**place.note.site, "registry": {"port": 1}}
    place.remember(replace(place.note, site=site))
    assert place.said(BUILD) is None


def test_where_the_hosts_engine_is(tmp_path: Path) -> None:
    own = Path(quick.SOCKET)
    config = {"DOCKER_CONFIG": str(tmp_path)}
    assert quick.host_socket(config) == own
    assert quick.host_socket({**config, "DOCKER_HOST": "unix:///run/a.sock"}) == Path("/run/a.sock")
    for other in ("tcp://192.0.2.1:2375", "ssh://somebody@192.0.2.1"):
        assert quick.host_socket({**config, "DOCKER_HOST": other}) is None
    assert quick.host_socket({**config, "DOCKER_CONTEXT": "other"}) is None
    (tmp_path / "config.json").write_text('{"currentContext": "other"}')
    assert quick.host_socket(config) is None
    assert quick.host_socket({**config, "DOCKER_CONTEXT": "default"}) == own
    (tmp_path / "config.json").write_text('{"auths": {}}')
    assert quick.host_socket(config) == own
