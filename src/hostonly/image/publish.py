"""Pushing to the sandbox's registry and pulling back, with proof that it is the same image; and
carrying it to the second sandbox."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.events import Done, Emit, Progress, Started, Unchanged, Warned
from hostonly.image import state
from hostonly.image.build import short
from hostonly.image.engine import Engine
from hostonly.registry.client import Manifest, RegistryClient
from hostonly.registry.look import client as registry_client
from hostonly.sandbox.machine import Machine

TAG = "latest"


def reference(machine: Machine) -> str:
    """The image's name as the tutorial types it in the sandbox: ``localhost:5000/hello-socket``."""
    settings = machine.settings
    return f"localhost:{settings.registry.port}/{settings.image.name}"


def push(machine: Machine, engine: Engine, built: state.Built, emit: Emit) -> state.Built:
    """Tag and push ``built``, unless the registry serves it already; with its manifest's digest.

    Proved by reading back: the manifest that the tag names is fetched, its digest computed from
    its bytes, and the configuration it names must be the image that was built.

    Raises:
        ToolFailed: the engine reported an error. HostonlyError: the registry serves something else.
    """
    repository = machine.settings.image.name
    registry = registry_client(machine.settings)
    served = registry.manifest(repository, TAG)
    _name_it(engine, built.image_id, reference(machine), emit)
    if served is not None and _serves(registry, repository, served, built):
        emit(Unchanged(f"{reference(machine)} is pushed and unchanged ({short(served.digest)})"))
        return _record(machine, built, served.digest)
    if served is not None:
        emit(
            Warned(
                f"the registry's {repository}:{TAG} was not what was built here "
                f"(image {short(served.config_digest or served.digest)}): pushing ours"
            )
        )
    start = time.monotonic()
    emit(Started(f"docker push {reference(machine)}"))
    _follow(
        engine.client.api.push(reference(machine), tag=TAG, stream=True, decode=True),
        f"docker push {reference(machine)}",
        emit,
    )
    served = registry.manifest(repository, TAG)
    if served is None or not _serves(registry, repository, served, built):
        found = "nothing" if served is None else f"image {served.config_digest}"
        raise HostonlyError(
            f"after the push the registry serves {found} as {repository}:{TAG}, "
            f"and not the image that was built ({built.image_id})",
            ran=f"docker push {reference(machine)}",
            remedy="./inv image.push",
        )
    emit(Done(f"pushed {reference(machine)} ({short(served.digest)})", time.monotonic() - start))
    return _record(machine, built, served.digest)


def pull(machine: Machine, engine: Engine, built: state.Built, emit: Emit) -> None:
    """Pull what was pushed, by its digest, and have the engine's tag name it.

    Raises:
        HostonlyError: it was not pushed, or what came is not what was built.
    """
    if built.manifest is None:
        raise HostonlyError("the image was not pushed yet", remedy="./inv image.push")
    registry = registry_client(machine.settings)
    served = registry.manifest(machine.settings.image.name, TAG)
    if served is None or served.digest != built.manifest:
        found = "nothing" if served is None else short(served.digest)
        emit(
            Warned(
                f"the registry's {machine.settings.image.name}:{TAG} is {found} and not what was "
                f"pushed from here: pulling by digest"
            )
        )
    by_digest = f"{reference(machine)}@{built.manifest}"
    if (
        _id(engine, by_digest) == built.image_id
        and _id(engine, reference(machine)) == built.image_id
    ):
        emit(Unchanged(f"{reference(machine)} is pulled and unchanged ({short(built.manifest)})"))
        return
    emit(Started(f"docker pull {by_digest}"))
    _follow(
        engine.client.api.pull(reference(machine), tag=built.manifest, stream=True, decode=True),
        f"docker pull {by_digest}",
        emit,
    )
    came = _id(engine, by_digest)
    if came != built.image_id:
        raise HostonlyError(
            f"what was pulled is {came} and not the image that was built ({built.image_id})",
            ran=f"docker pull {by_digest}",
            remedy="./inv image.push",
        )
    _name_it(engine, built.image_id, reference(machine), emit)
    emit(Done(f"pulled {by_digest}"))


def carry(source: Engine, target: Engine, built: state.Built, name: str, emit: Emit) -> None:
    """Bring ``built`` from one engine to another and have its ``name`` there name it.

    Raises:
        HostonlyError: what came is not what was built.
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


def _record(machine: Machine, built: state.Built, manifest: str) -> state.Built:
    pushed = replace(built, manifest=manifest)
    if pushed != built:
        state.save(machine.settings.state / "image" / "built.json", pushed)
    return pushed


def _serves(
    registry: RegistryClient, repository: str, served: Manifest, built: state.Built
) -> bool:
    """Whether the manifest is of the built image and every blob that it names is there."""
    return served.config_digest == built.image_id and not registry.missing_blobs(repository, served)


def _id(engine: Engine, name: str) -> str | None:
    from docker.errors import ImageNotFound

    try:
        return str(engine.client.images.get(name).id)
    except ImageNotFound:
        return None


def _name_it(engine: Engine, image_id: str, name: str, emit: Emit) -> None:
    before = _id(engine, name)
    if before == image_id:
        return
    engine.client.images.get(image_id).tag(name, TAG)
    if before is not None:
        emit(
            Warned(
                f"{name} named another image ({short(before)}): it names {short(image_id)} again"
            )
        )


def _follow(lines: Iterable[dict[str, Any]], ran: str, emit: Emit) -> None:
    """Turn the engine's stream into progress; an error in it is an error."""
    for line in lines:
        if "error" in line:
            raise ToolFailed(
                "the engine could not finish it",
                ran=ran,
                output=str(line["error"]),
                remedy="Is the registry up (./inv registry.up) and is there room in the sandbox "
                "(./inv sandbox.exec -- df -h /var)?",
            )
        if line.get("status"):
            emit(
                Progress(
                    " ".join(str(line[k]) for k in ("id", "status", "progress") if line.get(k))
                )
            )
