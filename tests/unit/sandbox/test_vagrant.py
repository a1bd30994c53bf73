"""What Vagrant is told by variables: our machine and provider, whatever the user's own say."""

from __future__ import annotations

import subprocess

import pytest

from hostonly.sandbox.vagrant_calls import command
from hostonly.site import Site


def test_only_the_users_boxes_are_where_they_say(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAGRANT_HOME", "/theirs")
    monkeypatch.setenv("VAGRANT_CWD", "/their/project")
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", "virtualbox")
    argv = command(site.to_json(), ["status"])
    assert argv[-2:] == ["vagrant", "status"]
    said = subprocess.run([*argv[:-2], "env"], capture_output=True, text=True, check=True).stdout
    found = {line for line in said.splitlines() if line.startswith("VAGRANT_")}
    assert found == {
        "VAGRANT_HOME=/theirs",
        "VAGRANT_CHECKPOINT_DISABLE=1",
        "VAGRANT_NO_COLOR=1",
        "VAGRANT_DEFAULT_PROVIDER=lxc",
    }
