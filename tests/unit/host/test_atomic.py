"""What is written is there whole, with the mode that was asked for, and nothing is left beside it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from hostonly.errors import ToolFailed
from hostonly.host import atomic, command


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where to write; root's commands are run as ourselves."""
    monkeypatch.setattr(atomic, "run", lambda argv, root, **how: command.run(argv, **how))
    return tmp_path / "with space" / "file"


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_of_ours(file: Path, mode: int) -> None:
    file.parent.mkdir()
    # What a kill has left, closed as it may be.
    file.with_name("file.new").touch(0o400)
    for content in (b"first\n", b"second \0\n"):
        atomic.write(file, content, mode)
        assert file.read_bytes() == content
        assert stat.S_IMODE(file.stat().st_mode) == mode
        assert list(file.parent.iterdir()) == [file]


def test_a_file_of_roots(file: Path) -> None:
    file.parent.mkdir()
    for text in ("first\n", "50 %s \\n of it\n", "-n"):
        atomic.write_as_root(file, text)
        assert file.read_text() == text
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
        assert list(file.parent.iterdir()) == [file]


def test_what_cannot_be_written_leaves_what_was_there(file: Path) -> None:
    file.mkdir(parents=True)
    (file / "kept").touch()
    with pytest.raises(ToolFailed):
        atomic.write_as_root(file, "text")
    with pytest.raises(OSError):
        atomic.write(file, b"text")
    assert (file / "kept").exists()
