"""Results about the registry, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hostonly.report.document import SCHEMA, dumps
from hostonly.report.escape import plain
from hostonly.results.registry import Blob, Deletion, Inspection, Usage

KILO = 1000.0


def document(kind: str, content: dict[str, Any]) -> str:
    """Return ``{"schema", "kind", …}`` as JSON text."""
    return dumps({"schema": SCHEMA, "kind": kind, **content})


def names_json(kind: str, names: list[str], **about: str) -> str:
    """Return the document of a list; ``kind`` is catalog (of repositories) or tags."""
    return document(kind, {**about, "repositories" if kind == "catalog" else "tags": names})


def inspection_json(found: Inspection) -> str:
    """Return the document of one reference; ``size`` is in bytes."""
    return document("image", {**asdict(found), "size": found.size})


def usage_json(found: Usage) -> str:
    """Return the document of the registry's usage, in bytes."""
    return document("usage", asdict(found))


def deletion_json(found: Deletion) -> str:
    """Return the document of one deletion; ``freed`` is in bytes."""
    return document("deletion", asdict(found))


def inspection_text(found: Inspection) -> str:
    """Return the manifest, its images with their layers, and what is wrong with them."""
    lines = [
        found.reference,
        f"  manifest  {found.digest}  {found.media_type}",
        f"  tags      {', '.join(found.tags) or 'none'}",
        f"  size      {size(found.size)}",
    ]
    for image in found.images:
        lines.append(f"  image     {image.platform}, created {image.created or 'at no known time'}")
        if image.digest != found.digest:
            lines.append(f"  manifest  {image.digest}")
        lines.append(f"  config    {_blob(image.config)}")
        lines += [
            f"  layer {number:<3} {_blob(blob)}" for number, blob in enumerate(image.layers, 1)
        ]
        lines += [f"  label     {key}={value}" for key, value in sorted(image.labels.items())]
    if found.verified and not found.problems:
        lines.append("  every byte was read and has its digest, packed and unpacked")
    lines += [f"  WRONG     {problem}" for problem in found.problems]
    return plain("\n".join(lines))


def _blob(blob: Blob) -> str:
    return f"{blob.digest}  {size(blob.size):>9}" + ("" if blob.stored is not None else "  MISSING")


def usage_text(found: Usage) -> str:
    """Return one line a repository, then the sums."""
    lines = [
        f"{each.repository}  {size(each.bytes)}  tags: {', '.join(each.tags) or 'none'}"
        for each in found.repositories
    ]
    for each in found.repositories:
        lines += [f"{each.repository}@{digest}  has no tag" for digest in each.untagged]
    rest = found.blobs - found.tagged
    lines.append(
        f"{size(found.blobs)} in all, {size(rest)} of it in no tagged image; "
        f"{size(found.on_disk)} on disk, {size(found.free)} free"
    )
    return plain("\n".join(lines))


def deletion_text(found: Deletion) -> str:
    """Return what was deleted and what that freed."""
    tags = f" ({', '.join(found.tags)})" if found.tags else ""
    return plain(f"deleted {found.repository}@{found.digest}{tags}; freed {size(found.freed)}")


def size(count: int) -> str:
    """Return ``count`` bytes as Docker writes them: powers of a thousand."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if abs(value) < KILO:
            break
        value, unit = value / KILO, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
