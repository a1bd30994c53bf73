"""The recipe of the base images, ``packer/base/base.toml``, for one flavour of the image."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hostonly.errors import HostonlyError

RECIPE = Path("packer/base")


@dataclass(frozen=True, slots=True)
class Recipe:
    """The recipe for one flavour; ``time`` is in seconds since 1970, UTC.

    Without ``modules`` the base has no Java runtime."""

    suite: str
    time: int
    packages: tuple[str, ...]
    modules: tuple[str, ...]
    drop: tuple[str, ...]
    applets: tuple[str, ...]
    links: Mapping[str, str]
    files: Mapping[str, str]
    directories: Mapping[str, int]


def read_recipe(root: Path, flavour: str = "java") -> Recipe:
    """Read the recipe in the checkout ``root``.

    Raises:
        HostonlyError: the recipe is not in the form that we know.
    """
    file = root / RECIPE / "base.toml"
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        own = table["flavours"][flavour]
        time: datetime.datetime = table["time"]
        return Recipe(
            suite=table["suite"],
            time=int(time.timestamp()),
            packages=(*table["packages"], *own["packages"]),
            modules=tuple(own.get("modules", ())),
            drop=(*table["drop"], *own.get("drop", ())),
            applets=tuple(table["applets"]),
            links=dict(own.get("links", {})),
            files={path: text.lstrip("\n") for path, text in table["files"].items()},
            directories=dict(table["directories"]),
        )
    except (KeyError, AttributeError, TypeError, tomllib.TOMLDecodeError) as problem:
        raise HostonlyError(f"{RECIPE / 'base.toml'} is not a recipe: {problem}") from problem
