"""What a bench says of the machine and its versions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench import machine, report
from hostonly.errors import HostonlyError
from hostonly.image import runtime
from hostonly.site import Site

SCHEMA = json.loads(Path(report.__file__).with_name("bench.schema.json").read_text())


def test_what_the_document_must_have_is_said(site: Site) -> None:
    found = machine.machine(site.root) | machine.versions(site.root)
    assert set(SCHEMA["properties"]["machine"]["required"]) <= set(found)
    assert all(found.values())
    assert re.fullmatch(r"0\.1\.0, commit ([0-9a-f]{12}(-dirty)?|unknown)", found["hostonly"])


def test_what_is_not_there_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_jdk() -> None:
        raise HostonlyError("there is none")

    monkeypatch.setattr(runtime, "find_jdk", no_jdk)
    monkeypatch.setattr(machine, "PACKAGES", ("hostonly-is-no-package",))
    recipe = tmp_path / "packer" / "guest"
    recipe.mkdir(parents=True)
    for name in ("packages", "configure"):
        (recipe / name).touch()
    assert machine.versions(tmp_path) == {"java": "none"}
    assert machine.machine(tmp_path)["hostonly"].endswith("commit unknown")
