"""The proof that an image on an engine and one in the registry are the same, digest by digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hostonly.results.registry import Inspection, ServedImage


@dataclass(frozen=True, slots=True)
class EngineImage:
    """An image as an engine has it; ``diff_ids`` are its layers unpacked, from the bottom.

    ``id`` is the digest of its configuration where the engine keeps images by a graph driver, and
    of its manifest (or index) where containerd keeps them. ``digests`` are the ``NAME@sha256:…``
    under which registries have it, as far as the engine knows."""

    id: str
    diff_ids: tuple[str, ...]
    digests: tuple[str, ...]


def read(attributes: dict[str, Any]) -> EngineImage:
    """Read an image from the engine API's ImageInspect."""
    return EngineImage(
        str(attributes["Id"]),
        tuple((attributes.get("RootFS") or {}).get("Layers") or ()),
        tuple(attributes.get("RepoDigests") or ()),
    )


def differences(
    served: Inspection | None,
    image: EngineImage,
    name: str,
    *,
    config: str | None = None,
    pushed: bool = True,
) -> list[str]:
    """Return each difference between registry and engine in one sentence; none: they are the same.

    ``name`` is the repository as the engine writes it (``localhost:5000/hello-socket``). An engine
    that has ``pushed`` or pulled the image must know the registry's manifest by its digest. For any
    other engine the manifest may be another engine's: where containerd keeps images, each engine
    packs layers and writes a manifest of its own. Then the configuration counts, which was built as
    ``config`` here; an id by containerd is only that of a manifest.
    """
    if served is None:
        return ["the registry has no such image"]
    found = list(served.problems)
    identities = {
        served.digest,
        *(digest for each in served.images for digest in (each.digest, each.config.digest)),
    }
    # Pushed by another engine, the same configuration is in a manifest that this one has never seen.
    same = not pushed and any(each.config.digest == config for each in served.images)
    if image.id not in identities and not same:
        theirs = ", ".join(each.config.digest for each in served.images) or served.digest
        found.append(f"the registry serves the image {theirs}, the engine has {image.id}")
    others = [each for each in served.images if each.config.digest != config]
    if same and others and image.id != served.digest:
        # Who pulls it may get one of these.
        found.append(f"the registry serves a list, with {others[0].config.digest} in it as well")
    found += _layers(_meant(served, image), image)
    if pushed and f"{name}@{served.digest}" not in image.digests:
        known = ", ".join(d for d in image.digests if d.startswith(f"{name}@")) or "none"
        found.append(
            f"the registry's manifest is {served.digest}; the engine knows {known} as {name}"
        )
    return found


def _meant(served: Inspection, image: EngineImage) -> list[ServedImage]:
    """Return the images of ``served`` that the engine's may be: the one it names, or else all."""
    named = [each for each in served.images if image.id in (each.digest, each.config.digest)]
    return named or list(served.images)


def _layers(candidates: list[ServedImage], image: EngineImage) -> list[str]:
    if any(each.diff_ids == image.diff_ids for each in candidates):
        return []
    if len(candidates) != 1:
        return [f"none of the registry's {len(candidates)} images has the engine's layers"]
    ours, theirs = image.diff_ids, candidates[0].diff_ids
    if len(ours) != len(theirs):
        return [f"the registry's image has {len(theirs)} layers, the engine's {len(ours)}"]
    return [
        f"layer {number} of {len(ours)} is {there} in the registry and {here} on the engine"
        for number, (there, here) in enumerate(zip(theirs, ours, strict=True), 1)
        if there != here
    ]
