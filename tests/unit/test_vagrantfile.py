"""The Vagrantfile has the settings that `inv` has: it asks for them, with every override."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hostonly.sandbox.vagrant import for_vagrant
from hostonly.site import INSTANCES
from tests.unit.sites import settled
from tests.unit.vagrantfile import FILE, MODULE

RUBY = f"""{MODULE}
require "json"
2.times {{ puts JSON.generate(Hostonly.site) }}
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of a Vagrantfile beside which is the `inv` of this checkout."""
    root = tmp_path / "a checkout"
    root.mkdir()
    (root / "mine.yaml").write_text("sandbox: {memory: 1024}\nregistry: {port: 5001}\n")
    (root / "inv").write_text(
        f'#!/bin/sh\necho "$@" >>"{root}/asked"\nexec "{sys.executable}" -m hostonly "$@"\n'
    )
    (root / "inv").chmod(0o755)
    for name in [name for name in os.environ if name.startswith(("INVOKE_", "HOSTONLY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HERE", str(root / "Vagrantfile"))
    monkeypatch.chdir(root)
    return root


def seen_by_vagrant() -> subprocess.CompletedProcess[str]:
    command = ["ruby", "-e", RUBY, str(FILE)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.needs("ruby")
def test_every_override_counts_as_it_does_for_inv(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables, a file as by -f, and both: there the file has the last word, as Invoke has it."""
    monkeypatch.setenv("INVOKE_SANDBOX_MEMORY", "512")
    monkeypatch.setenv("INVOKE_NETWORK_BRIDGE", "other0")
    monkeypatch.setenv("INVOKE_RUNTIME_CONFIG", "mine.yaml")
    changed = settled(
        sandbox={"memory": 1024}, registry={"port": 5001}, network={"bridge": "other0"}
    )
    machines = tuple(replace(each, folder=INSTANCES / each.instance) for each in changed.machines)
    # Vagrant asks an inv of its own, which knows nothing of the tests' folder of claims.
    expected = json.loads(json.dumps(for_vagrant(replace(changed, machines=machines))))
    done = seen_by_vagrant()
    assert [json.loads(line) for line in done.stdout.splitlines()] == [expected] * 2, done.stderr
    # Vagrant reads its file more than once.
    assert (checkout / "asked").read_text() == "host.settings\n"


@pytest.mark.needs("ruby")
def test_what_is_wrong_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_NETWORK_SANDBX", "1")
    done = seen_by_vagrant()
    assert done.returncode != 0 and done.stdout == ""
    assert "inv: INVOKE_NETWORK_SANDBX: '1' is for an unknown key; did you mean" in done.stderr
    assert f"the settings of {checkout} cannot be used" in done.stderr


@pytest.mark.needs("ruby")
def test_what_inv_hands_over_is_not_asked_for(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTONLY_SITE", '{"handed": "over"}')
    assert seen_by_vagrant().stdout == '{"handed":"over"}\n' * 2
    assert not (checkout / "asked").exists()
