"""The view of an image, for people and for programs."""

from __future__ import annotations

import shlex
from dataclasses import asdict

from hostonly.report.document import SCHEMA, dumps
from hostonly.results.image import ImageView

SAYS = {True: "yes", False: "no", None: "not observed"}


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:.1f} MB"


def as_text(view: ImageView) -> str:
    """Return one fact a line."""
    lines = [
        f"{view.name} ({view.flavour}), {_megabytes(view.size)}, {view.config}",
        f"runs as {view.user or 'root'}, exposes {', '.join(view.ports) or 'nothing'}: "
        f"{shlex.join(view.entry_point)}",
        *(
            f"layer {number}: {_megabytes(layer.size):>8}  {layer.digest}  {layer.made_by}"
            for number, layer in enumerate(view.layers, 1)
        ),
        *(f"label {key}={value}" for key, value in sorted(view.labels.items())),
        f"bill of materials: {view.bill or 'none'}",
        *(f"{each.place}: {SAYS[each.present]}: {each.detail}" for each in view.present),
    ]
    return "\n".join(lines)


def as_json(view: ImageView) -> str:
    """Return ``{"schema", "kind": "image", …}``; sizes in bytes, null for what was not observed."""
    return dumps({"schema": SCHEMA, "kind": "image", **asdict(view)})
