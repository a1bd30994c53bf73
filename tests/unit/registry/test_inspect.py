"""What inspect says of images that are whole, and of each way not to be; and proof beside it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hostonly.image.proof import EngineImage, differences, read
from hostonly.registry import client as client_module
from hostonly.registry.client import RegistryClient
from hostonly.registry.inspect import inspect
from hostonly.registry.reference import Reference
from hostonly.results.registry import Blob, Inspection, ServedImage
from tests.unit.registry.serving import LIST, Store, digest, served

NAME = "localhost:5000/app"
LAYERS = (b"base" * 1000, b"jar" * 1000)


@pytest.fixture
def store() -> Store:
    made = Store()
    made.tags["latest"] = made.add_image(*LAYERS)
    return made


@pytest.fixture
def registry(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[RegistryClient]:
    monkeypatch.setattr(client_module, "require_host_only_route", lambda address, bridge: None)
    with served(store) as port:
        yield RegistryClient("127.0.0.1", port, bridge="hostonly0")


def look(registry: RegistryClient, *, verify: bool = True) -> Inspection:
    found = inspect(registry, Reference("app", "latest"), verify=verify)
    assert found is not None
    return found


def engine_image(store: Store, tag: str = "latest", *, by_manifest: bool = False) -> EngineImage:
    """The image as an engine has it: by a graph driver, or ``by_manifest`` (containerd)."""
    manifest = store.tags[tag]
    document = store.of(manifest)
    return EngineImage(
        manifest if by_manifest else document["config"]["digest"],
        tuple(digest(layer) for layer in LAYERS),
        (f"{NAME}@{manifest}",),
    )


def test_a_whole_image(registry: RegistryClient, store: Store) -> None:
    found = look(registry)
    assert found.problems == () and found.verified
    assert found.digest == store.tags["latest"] and found.tags == ("latest",)
    (image,) = found.images
    assert image.platform == "linux/amd64" and image.labels == {"title": "app"}
    assert image.diff_ids == tuple(digest(layer) for layer in LAYERS)
    assert found.size == sum(len(blob) for blob in store.blobs.values())


def test_what_is_not_there_is_none(registry: RegistryClient) -> None:
    assert inspect(registry, Reference("app", "other")) is None
    assert differences(None, EngineImage("sha256:0", (), ()), NAME) == [
        "the registry has no such image"
    ]


def test_a_missing_layer_is_named_without_reading_any(
    registry: RegistryClient, store: Store
) -> None:
    layer = store.of(store.tags["latest"])["layers"][1]["digest"]
    del store.blobs[layer]
    assert look(registry, verify=False).problems == (f"layer 2 of 2 ({layer}) is not there",)


def test_a_missing_configuration_is_named(registry: RegistryClient, store: Store) -> None:
    config = store.of(store.tags["latest"])["config"]["digest"]
    del store.blobs[config]
    found = look(registry)
    assert f"the configuration ({config}) is not there" in found.problems


def test_a_cut_layer_is_named_by_its_size(registry: RegistryClient, store: Store) -> None:
    layer = store.of(store.tags["latest"])["layers"][0]["digest"]
    whole = store.blobs[layer]
    store.blobs[layer] = whole[:-1]
    (problem,) = look(registry, verify=False).problems
    assert problem.endswith(f"has {len(whole) - 1} bytes and not the manifest's {len(whole)}")


def test_a_damaged_layer_of_the_right_size_is_found_by_reading_it(
    registry: RegistryClient, store: Store
) -> None:
    layer = store.of(store.tags["latest"])["layers"][0]["digest"]
    store.blobs[layer] = store.blobs[layer][:-8] + bytes(8)
    assert look(registry, verify=False).problems == ()
    assert "layer 1 of 2" in look(registry).problems[0]


def test_another_layer_under_a_digest_is_found(registry: RegistryClient, store: Store) -> None:
    layer = store.of(store.tags["latest"])["layers"][0]["digest"]
    store.blobs[layer] = gzip.compress(b"evil" * 1000, mtime=0)
    assert any("layer 1 of 2 is damaged" in problem for problem in look(registry).problems)


def test_a_layer_that_is_not_what_the_configuration_says(store: Store) -> None:
    store.tags["latest"] = store.add_image(*LAYERS, diff_ids=[digest(b"x"), digest(LAYERS[1])])
    with pytest.MonkeyPatch.context() as patch, served(store) as port:
        patch.setattr(client_module, "require_host_only_route", lambda address, bridge: None)
        (problem,) = look(RegistryClient("127.0.0.1", port, bridge="b")).problems
    assert problem.startswith("layer 1 of 2 unpacked is") and digest(b"x") in problem


def test_fewer_layers_than_the_configuration_names(store: Store) -> None:
    store.tags["latest"] = store.add_image(LAYERS[0], diff_ids=[digest(x) for x in LAYERS])
    with pytest.MonkeyPatch.context() as patch, served(store) as port:
        patch.setattr(client_module, "require_host_only_route", lambda address, bridge: None)
        found = look(RegistryClient("127.0.0.1", port, bridge="b"))
    assert "the manifest names 1 layers, the configuration 2" in found.problems


def index(store: Store) -> str:
    """An index of the latest image and of another platform's; its digest."""
    entries = [
        {"digest": each, "platform": {"os": "linux", "architecture": word}}
        for each, word in ((store.tags["latest"], "amd64"), (store.add_image(b"arm"), "arm64"))
    ]
    return store.add_manifest({"manifests": entries}, LIST)


def test_an_index_has_an_image_for_each_platform(registry: RegistryClient, store: Store) -> None:
    store.tags["latest"] = index(store)
    found = look(registry)
    assert [image.platform for image in found.images] == ["linux/amd64", "linux/arm64"]
    assert found.problems == ()


def test_an_index_whose_manifest_is_missing(registry: RegistryClient, store: Store) -> None:
    gone = store.tags["latest"]
    store.tags["latest"] = index(store)
    del store.manifests[gone]
    assert look(registry).problems == (f"the index names the manifest {gone}, which is not there",)


@pytest.mark.parametrize("by_manifest", [False, True], ids=["graph driver", "containerd"])
def test_the_same_image_in_either_image_store(
    registry: RegistryClient, store: Store, by_manifest: bool
) -> None:
    image = engine_image(store, by_manifest=by_manifest)
    assert differences(look(registry), image, NAME) == []


def test_the_same_image_where_the_engine_knows_it_by_the_index(
    registry: RegistryClient, store: Store
) -> None:
    image = engine_image(store)
    store.tags["latest"] = index(store)
    by_index = replace(image, id=store.tags["latest"], digests=(f"{NAME}@{store.tags['latest']}",))
    assert differences(look(registry), by_index, NAME) == []
    other = replace(by_index, diff_ids=(digest(b"other"),))
    assert differences(look(registry), other, NAME) == [
        "none of the registry's 2 images has the engine's layers"
    ]


def test_pushed_by_another_engine_the_configuration_and_the_layers_count(
    registry: RegistryClient, store: Store
) -> None:
    # containerd's own manifest of it, which the registry has never seen.
    mine = replace(engine_image(store), id=digest(b"a manifest of my own"), digests=())
    config = store.of(store.tags["latest"])["config"]["digest"]
    found = look(registry)
    assert differences(found, mine, NAME, config=config, pushed=False) == []
    assert differences(found, mine, NAME, config=digest(b"other"), pushed=False)
    assert differences(found, mine, NAME, pushed=False)
    # By the engine that has pushed or pulled it, the manifest is known.
    assert differences(found, mine, NAME, config=config)
    other = replace(mine, diff_ids=(mine.diff_ids[0], digest(b"other")))
    (problem,) = differences(found, other, NAME, config=config, pushed=False)
    assert problem.startswith("layer 2 of 2 is")


def test_a_list_with_another_image_in_it_is_not_what_is_to_be_pushed(
    registry: RegistryClient, store: Store
) -> None:
    mine = engine_image(store)
    config = store.of(store.tags["latest"])["config"]["digest"]
    store.tags["latest"] = index(store)
    found = look(registry)
    (problem,) = differences(found, mine, NAME, config=config, pushed=False)
    assert (
        problem == f"the registry serves a list, with {found.images[1].config.digest} in it as well"
    )
    # Where the engine has the list itself, it is its own.
    by_index = replace(mine, id=found.digest)
    assert differences(found, by_index, NAME, config=config, pushed=False) == []


def test_another_image_and_another_layer_are_named(registry: RegistryClient, store: Store) -> None:
    image = engine_image(store)
    other = replace(
        image, id=digest(b"other"), diff_ids=(image.diff_ids[0], digest(b"other layer"))
    )
    wrong = differences(look(registry), other, NAME)
    assert any(other.id in line and "engine has" in line for line in wrong)
    assert any(line.startswith("layer 2 of 2 is") for line in wrong)
    fewer = replace(image, diff_ids=image.diff_ids[:1])
    assert differences(look(registry), fewer, NAME) == [
        "the registry's image has 2 layers, the engine's 1"
    ]


def test_a_manifest_that_the_engine_does_not_know(registry: RegistryClient, store: Store) -> None:
    stale = replace(engine_image(store), digests=(f"{NAME}@{digest(b'old')}", "other@sha256:1"))
    (problem,) = differences(look(registry), stale, NAME)
    assert store.tags["latest"] in problem and digest(b"old") in problem


def test_half_a_push_is_named_beside_the_engines_image(
    registry: RegistryClient, store: Store
) -> None:
    layer = store.of(store.tags["latest"])["layers"][1]["digest"]
    del store.blobs[layer]
    assert differences(look(registry), engine_image(store), NAME) == [
        f"layer 2 of 2 ({layer}) is not there"
    ]


INSPECTED = Path(__file__).parents[1] / "image" / "inspect"


def test_docker_20_10_names_an_image_by_its_configuration() -> None:
    (captured,) = json.loads((INSPECTED / "graph-20.10.json").read_text())
    image = read(captured)
    manifest = image.digests[0].partition("@")[2]
    assert image.id != manifest and len(image.diff_ids) == 2
    blob = Blob(image.id, "", 1, 1)
    of_it = ServedImage(manifest, "linux/amd64", "", blob, (), image.diff_ids, {})
    served = Inspection("hello-socket:latest", manifest, "", ("latest",), (of_it,), True, ())
    name = image.digests[0].partition("@")[0]
    assert differences(served, image, name) == []
    assert differences(served, replace(image, id=digest(b"other")), name)


def test_docker_26_with_containerd_names_it_by_its_manifest() -> None:
    (captured,) = json.loads((INSPECTED / "containerd-26.json").read_text())
    image = read(captured)
    assert image.digests == (f"172.16.16.2:5000/imported@{image.id}",)
    # As the registry served it after that engine's push.
    config = "sha256:2307807aab0b22f2ba843d8d9470d16064ecc6eb3241d0da193b1f748081c279"
    of_it = ServedImage(
        image.id, "linux/amd64", "", Blob(config, "", 291, 291), (), image.diff_ids, {}
    )
    served = Inspection("imported:latest", image.id, "", ("latest",), (of_it,), True, ())
    assert differences(served, image, "172.16.16.2:5000/imported") == []
    other = replace(served, digest=digest(b"x"), images=(replace(of_it, digest=digest(b"x")),))
    assert differences(other, image, "172.16.16.2:5000/imported")


def test_the_engines_own_words_are_read() -> None:
    attributes = {"Id": "sha256:1", "RootFS": {"Layers": ["sha256:2"]}, "RepoDigests": None}
    assert read(attributes) == EngineImage("sha256:1", ("sha256:2",), ())
