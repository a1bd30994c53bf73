"""Whether LXC may use the sandboxes' id range."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly.providers.lxc import idmap


@pytest.mark.parametrize(
    ("lines", "allowed"),
    [
        ("root:1000000:65536\n", True),
        ("root:900000:200000\n", True),
        ("root:1000000:65535\n", False),
        ("ada:1000000:65536\n", False),
        ("", False),
        ("garbage\n", False),
    ],
)
def test_the_id_range_must_be_covered_by_an_entry_of_roots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, allowed: bool
) -> None:
    files = (tmp_path / "subuid", tmp_path / "subgid")
    for file in files:
        file.write_text(lines)
    monkeypatch.setattr(idmap, "_FILES", files)
    monkeypatch.setattr(idmap, "find", lambda program: Path("/usr/bin") / program)
    assert idmap.allowed() is allowed


def test_without_newuidmap_no_entry_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idmap, "_FILES", ())
    monkeypatch.setattr(idmap, "find", lambda program: None)
    assert idmap.allowed()
