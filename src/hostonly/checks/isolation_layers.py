"""Where on the host the sandbox's files are: in a layer of its own, on a base that is never written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hostonly.errors import HostonlyError
from hostonly.facts import Fact, NotObserved, observe, select, together
from hostonly.facts import confinement as read
from hostonly.host.command import as_root
from hostonly.sandbox.machine import Machine
from hostonly.vantages import Vantage


def layers_of(host: Vantage, machine: Machine, closed: str | None) -> Fact[read.Layers]:
    """What its root file system is put together from; ``closed`` is why nothing may be asked."""
    if closed is not None:
        return NotObserved(closed)
    argv = as_root(machine.provider.layers_argv)
    return observe(host, argv, read.parse_layers)


def found_of(
    host: Vantage, sandbox: Vantage, name: str, layers: Fact[read.Layers]
) -> Fact[tuple[str, ...]]:
    """Where on the host a file is found that is written in the sandbox's /etc, and then removed."""
    if isinstance(layers, NotObserved):
        return layers
    places = [f"{layers.value.base}/etc", f"{layers.value.layer}/etc"]
    with _file_inside(sandbox, f"/etc/{name}") as made:
        if isinstance(made, NotObserved):
            return made
        search = ["find", *places, "-maxdepth", "1", "-name", name]
        found = observe(host, as_root(search), read.parse_paths)
        return select(together([made, found]), lambda values: values[1])


@contextlib.contextmanager
def _file_inside(sandbox: Vantage, path: str) -> Iterator[Fact[tuple[str, ...]]]:
    try:
        yield observe(sandbox, ["sudo", "tee", path], read.parse_lines)
    finally:
        with contextlib.suppress(HostonlyError):
            sandbox.run(["sudo", "rm", "-f", path])


def base_of(host: Vantage, layers: Fact[read.Layers]) -> dict[str, Fact[Any]]:
    """The base's folder, and what in it has changed since it was built, by the claim's parameters."""
    if isinstance(layers, NotObserved):
        return {"seen": layers, "newer": layers}
    rootfs = layers.value.base
    newer = ["find", rootfs, "-xdev", "-cnewer", f"{Path(rootfs).parent}/complete", "-print"]
    return {
        "seen": observe(host, as_root(["find", rootfs, "-maxdepth", "1"]), read.parse_paths),
        "newer": observe(host, as_root(newer), read.parse_paths),
    }
