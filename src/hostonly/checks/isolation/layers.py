"""The sandbox's files on the host: in a layer of its own, on a base that is never written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hostonly.errors import HostonlyError
from hostonly.facts import Fact, NotObserved, Question, observe, question, select, together
from hostonly.facts.confinement import Layers, parse_lines, parse_paths
from hostonly.process import as_root
from hostonly.sandbox.machine import Machine
from hostonly.vantages import Vantage


def layers_of(host: Vantage, machine: Machine, closed: str | None) -> Fact[Layers]:
    """Return the layers of the machine's root file system; ``closed`` is why not to ask."""
    if closed is not None:
        return NotObserved(closed)
    return observe(host, machine.provider.layers(), root=as_root([]))


def found_of(
    host: Vantage, sandbox: Vantage, name: str, layers: Fact[Layers]
) -> Fact[tuple[str, ...]]:
    """Return where on the host a file shows that is written in the sandbox's /etc, then removed."""
    if isinstance(layers, NotObserved):
        return layers
    places = [f"{layers.value.base}/etc", f"{layers.value.layer}/etc"]
    with _file_inside(sandbox, f"/etc/{name}") as made:
        if isinstance(made, NotObserved):
            return made
        found = observe(host, _paths(*places, "-maxdepth", "1", "-name", name), root=as_root([]))
        return select(together([made, found]), lambda values: values[1])


@contextlib.contextmanager
def _file_inside(sandbox: Vantage, path: str) -> Iterator[Fact[tuple[str, ...]]]:
    try:
        yield observe(sandbox, question(["tee", path], parse_lines, root=True))
    finally:
        with contextlib.suppress(HostonlyError):
            sandbox.run(["sudo", "rm", "-f", path])


def _paths(*search: str) -> Question[tuple[str, ...]]:
    return question(["find", *search], parse_paths, root=True)


def base_of(host: Vantage, layers: Fact[Layers]) -> dict[str, Fact[Any]]:
    """Return the base's folder, and what in it has changed since it was built, for the claim."""
    if isinstance(layers, NotObserved):
        return {"seen": layers, "newer": layers}
    rootfs = layers.value.base
    newer = _paths(rootfs, "-xdev", "-cnewer", f"{Path(rootfs).parent}/complete", "-print")
    root = as_root([])
    return {
        "seen": observe(host, _paths(rootfs, "-maxdepth", "1"), root=root),
        "newer": observe(host, newer, root=root),
    }
