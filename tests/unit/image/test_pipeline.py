"""What has to be installed for an image is said before anything is made, and all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace

import pytest
from invoke import Context

from hostonly.errors import HostonlyError
from hostonly.host import packages
from hostonly.image.parts import tools
from hostonly.sandbox import prepare
from hostonly.site import Site


@pytest.mark.parametrize("task", ["build", "push", "pull"])
def test_where_nothing_may_be_installed_every_package_is_named(
    task: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = import_module("hostonly.tasks.image")
    machine = SimpleNamespace(site=site, state=lambda: "not_created")

    @contextmanager
    def machine_of(ctx: Context, name: str) -> Iterator[SimpleNamespace]:
        yield machine

    def missing(names: Sequence[str]) -> list[str]:
        return list(names)

    monkeypatch.setattr(tasks, "machine_of", machine_of)
    monkeypatch.setattr(packages, "missing", missing)
    monkeypatch.setenv("HOSTONLY_INSTALL", "never")
    with pytest.raises(HostonlyError) as caught:
        getattr(tasks, task)(Context())
    assert all(name in (caught.value.remedy or "") for name in (*prepare.needed(site), *tools()))
