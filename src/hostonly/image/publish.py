"""Pushing to the sandbox's registry, pulling back, and carrying an image to another sandbox.

It is proved each time that the image is the same at both ends.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from hostonly.errors import HostonlyError, Unreachable
from hostonly.events import Done, Emit, Started, Unchanged, Warned
from hostonly.image import proof, record
from hostonly.image.engine import Engine, understood
from hostonly.image.flavour import FLAVOURS
from hostonly.image.record import short
from hostonly.image.stream import follow
from hostonly.registry import service
from hostonly.registry.access import client as registry_client
from hostonly.registry.client import RegistryClient
from hostonly.registry.inspect import inspect
from hostonly.registry.reference import TAG, Reference
from hostonly.results.registry import Inspection
from hostonly.sandbox.machine import Machine


def reference(machine: Machine, place: str = "sandbox") -> str:
    """Return the image's name as the tutorial types it at ``place``; see ``record.typed``."""
    site = machine.site
    return record.typed(place, machine.address, site.registry_port, site.image.name)


def _names(machine: Machine, built: record.Built) -> tuple[str, str, str]:
    """Return the repository as its engine types it, the tag, and the image's name of both.

    A tag that is ``latest`` is not part of the name, since nobody types it."""
    repository, tag = reference(machine, built.place), FLAVOURS[built.flavour].tag
    return repository, tag, repository if tag == TAG else f"{repository}:{tag}"


def push(machine: Machine, engine: Engine, built: record.Built, emit: Emit) -> record.Built:
    """Tag and push ``built``, unless the registry serves it; return it with its manifest's digest.

    The proof reads everything back: the manifest's digest from its bytes, the configuration, and
    every layer, packed and unpacked, against what the engine has.

    Raises:
        ToolFailed: the engine or the registry could not do it, with the reason; the catalog shows
            nothing of the image then, or a warning says that it may.
        HostonlyError: the registry serves something else.
    """
    there, tag, name = _names(machine, built)
    repository = machine.site.image.name
    registry = registry_client(machine.site)
    _name_it(engine, built.image_id, name, emit)
    before = _served(registry, repository, version=tag)
    # Whoever pushed it: an engine that has not may have the very same image.
    image = _image(engine, built.image_id)
    wrong = proof.differences(before, image, there, config=built.config, pushed=False)
    if before is not None and not wrong:
        emit(Unchanged(record.said_pushed(there, tag, before.digest)))
        return _record(machine, built, before.digest)
    if before is not None:
        emit(Warned(f"the registry's {repository}:{tag} is not what was built here: {wrong[0]}"))
    start = time.monotonic()
    ran = f"docker push {name}"
    emit(Started(ran))
    try:
        with understood(engine.place, ran):
            lines = engine.client.api.push(there, tag=tag, stream=True, decode=True)
            follow(lines, ran, emit, lambda: _full_disk(machine))
    except BaseException:
        # An interrupt too; the engine, whom nobody listens to any more, has given up by now.
        _clear_up(machine, registry, repository, emit)
        raise
    found = _served(registry, repository, version=tag, verify=True)
    wrong = proof.differences(found, _image(engine, built.image_id), there)
    if found is None or wrong:
        raise HostonlyError(
            f"after the push the registry's {repository}:{tag} is not the image that was built",
            ran=ran,
            output="\n".join(wrong),
            remedy=f"./inv registry.delete {repository}:{tag}, then ./inv image.push",
        )
    emit(Done(f"pushed {name} ({short(found.digest)})", time.monotonic() - start))
    return _record(machine, built, found.digest)


def served(machine: Machine, built: record.Built) -> bool:
    """Return whether the registry serves ``built`` under its tag, whole, as it was pushed."""
    found = _served(
        registry_client(machine.site),
        machine.site.image.name,
        version=FLAVOURS[built.flavour].tag,
    )
    return found is not None and found.digest == built.manifest and not found.problems


def pull(machine: Machine, engine: Engine, built: record.Built, emit: Emit) -> record.Built:
    """Pull ``built`` by its digest, and tag it; return it with the id that this engine gives it.

    It was pushed by this engine or another. The proof is made at both ends: the manifest that is
    pulled holds the configuration that was built, and the engine knows the manifest and has each
    layer.

    Raises:
        ToolFailed: the engine could not do it.
        HostonlyError: the image was not pushed, or what came is not what was built.
    """
    if built.manifest is None:
        raise HostonlyError("the image was not pushed yet", remedy="./inv image.push")
    there, tag, name = _names(machine, replace(built, place=engine.place))
    repository = machine.site.image.name
    registry = registry_client(machine.site)
    found = _served(registry, repository, version=tag)
    if found is None or found.digest != built.manifest:
        other = "nothing" if found is None else short(found.digest)
        emit(
            Warned(
                f"the registry's {repository}:{tag} is {other} and not what was pushed from here: "
                "pulling by digest"
            )
        )
        found = _served(registry, repository, version=built.manifest)
    by_digest = f"{there}@{built.manifest}"
    image_id = _id(engine, by_digest)
    start = time.monotonic()
    came = None
    if image_id is None or _id(engine, name) != image_id:
        ran = f"docker pull {by_digest}"
        emit(Started(ran))
        with understood(engine.place, ran):
            lines = engine.client.api.pull(there, tag=built.manifest, stream=True, decode=True)
            came = follow(lines, ran, emit)
        image_id = _id(engine, by_digest)
    wrong = _pulled_wrong(found, engine, there, built)
    if image_id is None or wrong:
        raise HostonlyError(
            "what was pulled is not the image that was built and pushed",
            ran=f"docker pull {by_digest}",
            output="\n".join(wrong),
            remedy="./inv image.push",
        )
    _name_it(engine, image_id, name, emit)
    if came is None:
        emit(Unchanged(f"{name} is pulled and unchanged ({short(built.manifest)})"))
    else:
        layers = [layer.digest for image in found.images for layer in image.layers] if found else []
        moved = sum(short(digest) in came for digest in layers)
        what = f"pulled {by_digest}, and {moved} of its {len(layers)} layers with it"
        emit(Done(what, time.monotonic() - start))
    pulled = replace(built, image_id=image_id, place=engine.place)
    record.save(machine.site, pulled)
    return pulled


def _pulled_wrong(
    found: Inspection | None, engine: Engine, there: str, built: record.Built
) -> list[str]:
    """Return a sentence for each difference between the registry, the engine and what was built."""
    by_digest = f"{there}@{built.manifest}"
    if _id(engine, by_digest) is None:
        return [f"the engine has no {by_digest}"]
    wrong = proof.differences(found, _image(engine, by_digest), there)
    configs = [each.config.digest for each in found.images] if found else []
    if found and built.config not in configs:
        wrong.append(f"its configuration is {', '.join(configs)}, built was {built.config}")
    return wrong


def carry(source: Engine, target: Engine, built: record.Built, name: str, emit: Emit) -> None:
    """Bring ``built`` from one engine to another, and let ``name`` there mean it.

    Raises:
        HostonlyError: the image did not arrive.
    """
    if _id(target, built.image_id) is None:
        start = time.monotonic()
        ran = f"docker save {short(built.image_id)} | docker load"
        emit(Started(ran))
        # Streamed, which the SDK's types do not know of; by its id the image goes without names.
        chunks: Any = source.client.images.get(built.image_id).save()
        target.client.images.load(chunks)
        if _id(target, built.image_id) is None:
            raise HostonlyError(f"{built.image_id} did not come to the other engine", ran=ran)
        emit(
            Done(f"brought {short(built.image_id)} to the other sandbox", time.monotonic() - start)
        )
    _name_it(target, built.image_id, name, emit)


def _record(machine: Machine, built: record.Built, manifest: str) -> record.Built:
    """Record that the registry's tag names ``built``, as ``manifest``; return ``built`` with it.

    Recorded also where the tag named it before: the time of the record tells which sandbox it was.
    """
    done, site = replace(built, manifest=manifest), machine.site
    record.save(site, done)
    pushed = record.PushRecord(site.image.name, built.flavour, manifest, built.config, built.place)
    record.save_pushed(site, pushed)
    return done


def _served(
    registry: RegistryClient, repository: str, *, version: str = TAG, verify: bool = False
) -> Inspection | None:
    return inspect(registry, Reference(repository, version), verify=verify, tags=False)


def _image(engine: Engine, name: str) -> proof.EngineImage:
    return proof.read(engine.client.images.get(name).attrs)


def _full_disk(machine: Machine) -> str | None:
    try:
        with machine.vantage() as sandbox:
            return service.full_disk(sandbox)
    except Unreachable:
        # Then the push itself says what is wrong.
        return None


def _clear_up(machine: Machine, registry: RegistryClient, repository: str, emit: Emit) -> None:
    """Clear up after a push that failed: the catalog must not show what is not there."""
    try:
        if registry.tags(repository):
            return
        with machine.vantage() as sandbox:
            # What is still on its way would be listed as soon as it has come.
            service.wait_for_quiet(sandbox)
            if repository in registry.repositories():
                service.collect(sandbox, emit)
    except HostonlyError as error:
        emit(
            Warned(
                "the catalog may show half an image for a minute or two, or until "
                f"./inv registry.collect: {error.what}"
            )
        )


def _id(engine: Engine, name: str) -> str | None:
    found = engine.find(name)
    return None if found is None else str(found.id)


def _name_it(engine: Engine, image_id: str, name: str, emit: Emit) -> None:
    before = _id(engine, name)
    if before == image_id:
        return
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = name, TAG
    engine.client.images.get(image_id).tag(repository, tag)
    if before is not None:
        emit(
            Warned(
                f"{name} named another image ({short(before)}): it names {short(image_id)} again"
            )
        )
