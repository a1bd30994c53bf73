"""The machines' states, by the provider's own word."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly.providers.lxc import container as container_module
from hostonly.sandbox.status import Status, status
from hostonly.site import Site
from tests.unit.sites import at


def test_only_what_vagrant_knows_is_there(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container_module, "LXC", tmp_path / "lxc")
    monkeypatch.setattr(container_module, "run", lambda argv, **_: "RUNNING\n")
    here = at(site, tmp_path)
    for machine in here.machines:
        (tmp_path / "lxc" / machine.instance).mkdir(parents=True)
        (tmp_path / "lxc" / machine.instance / "config").touch()
    here.sandbox.vagrant_id.parent.mkdir(parents=True)
    here.sandbox.vagrant_id.write_text("hostonly-sandbox")
    assert [status(here, machine) for machine in here.machines] == [
        Status("sandbox", "hostonly-sandbox", "lxc", "172.16.0.2", "running"),
        Status("sandbox2", "hostonly-sandbox2", "lxc", "172.16.0.3", "not_created"),
    ]
