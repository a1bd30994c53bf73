"""A file of ours that may not be used is a sentence with the command that mends it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hostonly.errors import HostonlyError, ToolFailed, UsageError
from hostonly.unusable import in_words

# Somebody who is neither root nor anybody's owner; by number, since a machine may not know the name.
STRANGER = 65534


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stranger's checkout, where the stranger can come to it."""
    if os.geteuid() != 0:
        pytest.skip("only root gives files to others")
    folder = Path(tempfile.mkdtemp()).resolve()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("VAGRANT_HOME", raising=False)
    try:
        checkout = folder / "a checkout"
        for each in (".hostonly/ssh", ".hostonly/bench/rootfs", ".venv/lib", ".vagrant"):
            (checkout / each).mkdir(parents=True)
        (checkout / ".hostonly" / "demo.lock").touch()
        (checkout / ".vagrant" / "lxc-config.backup").touch()
        for path in (folder, *folder.rglob("*")):
            os.chown(path, STRANGER, STRANGER)
        # As they are in any user's checkout.
        for each in (".hostonly/bench/rootfs", ".vagrant/lxc-config.backup"):
            os.chown(checkout / each, 0, 0)
        yield checkout
    finally:
        shutil.rmtree(folder)


def asked(root: Path, act: Callable[[], object], user: int = STRANGER) -> list[str]:
    """The lines of what is said to ``user`` where ``act`` fails; none where it does not."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        try:
            act()
        except Exception as error:
            os.write(write, str(in_words(error, root)).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        lines = answer.read().splitlines()
    os.waitpid(process, 0)
    return lines


def opened(root: Path) -> Callable[[], object]:
    return (root / ".hostonly" / "demo.lock").touch


def tool(remedy: str | None = None) -> Callable[[], object]:
    def fails() -> None:
        raise ToolFailed("vagrant failed", remedy=remedy)

    return fails


def test_what_is_somebody_elses_is_given_back(root: Path) -> None:
    os.chown(root / ".hostonly" / "demo.lock", 0, 0)
    os.chown(root / ".venv" / "lib", 0, 0)
    what, mend = asked(root, opened(root))
    assert what.endswith(f"may not read or write {root}/.hostonly/demo.lock")
    assert mend.startswith("sudo chown -R ")
    assert f"'{root}/.hostonly' '{root}/.venv'" in mend and ".vagrant" not in mend
    # Also where a tool has stumbled over it, before what the tool's error says.
    broken = asked(root, tool("try again"))
    assert broken == ["vagrant failed", mend, "        try again"]
    os.chown(root / ".hostonly" / "demo.lock", STRANGER, STRANGER)
    os.chown(root / ".venv" / "lib", STRANGER, STRANGER)
    assert asked(root, opened(root)) == []
    assert asked(root, tool()) == ["vagrant failed"]


def test_a_folder_that_cannot_be_entered(root: Path) -> None:
    os.chown(root / ".hostonly" / "ssh", 0, 0)
    (root / ".hostonly" / "ssh").chmod(0o700)
    what, mend = asked(root, (root / ".hostonly" / "ssh" / "known_hosts").read_text)
    assert what.endswith("known_hosts") and "sudo chown -R " in mend


def test_what_is_ones_own_and_closed_is_opened(root: Path) -> None:
    (root / ".hostonly").chmod(0o500)
    what, mend = asked(root, (root / ".hostonly" / "new").touch)
    assert what.endswith(".hostonly/new")
    assert mend == f"chmod -R u+rwX '{root}/.hostonly'   then again"
    # What was to be made in the checkout itself.
    (root / ".hostonly").chmod(0o700)
    root.chmod(0o500)
    mend = asked(root, (root / "target").mkdir)[1]
    assert mend == f"chmod -R u+rwX '{root}'   then again"


def test_a_name_that_a_removal_gives_without_its_folder(root: Path) -> None:
    os.chown(root / ".venv", 0, 0)
    what, mend = asked(root, lambda: shutil.rmtree(root / ".venv"))
    # From Python 3.13 on it gives the folder as well.
    assert what.endswith("lib") and f"chown -R {_owner()} '{root}/.venv'" in mend


def _owner() -> str:
    from hostonly.unusable import name

    called = name(STRANGER)
    return called if called.isdecimal() else f"{called}:"


def test_another_users_checkout(root: Path) -> None:
    root.parent.chmod(0o755)
    what, whose = asked(root, opened(root), user=54321)
    assert what.startswith("54321 may not") and f"the checkout {root} is " in whose
    assert "./inv" in whose and "a clone of your own" in whose


def test_a_file_of_nobody_we_know(root: Path) -> None:
    (said,) = asked(root, Path("/etc/shadow").read_text)
    assert said.endswith("may not read or write /etc/shadow")


def said(error: Exception, root: Path) -> HostonlyError:
    found = in_words(error, root)
    assert found is not None
    return found


def test_what_is_in_the_way(tmp_path: Path) -> None:
    state = tmp_path / "the checkout" / ".hostonly"
    state.parent.mkdir()
    state.touch()
    for act in (lambda: state.mkdir(exist_ok=True), lambda: (state / "ssh" / "key").read_text()):
        with pytest.raises(OSError) as caught:
            act()
        found = said(caught.value, state.parent)
        assert found.what == f"{state} is a file, where hostonly needs a folder"
        assert found.remedy == f"mv '{state}' '{state}.old'   then again"
    state.unlink()
    state.symlink_to(tmp_path / "gone")
    with pytest.raises(FileExistsError) as dangling:
        state.mkdir(exist_ok=True)
    assert "a link that leads to no folder" in said(dangling.value, state.parent).what
    state.unlink()
    (state / "demo.lock").mkdir(parents=True)
    with pytest.raises(IsADirectoryError) as folder:
        (state / "demo.lock").write_text("")
    assert "demo.lock is a folder, where hostonly needs a file" in said(folder.value, tmp_path).what


def test_a_full_or_a_read_only_disk(tmp_path: Path) -> None:
    file = str(tmp_path / "file")
    full = said(OSError(28, "No space left on device", file), tmp_path)
    assert file in full.what and full.remedy is not None and "df -h" in full.remedy
    assert "no space left" in said(OSError(28, "No space left on device"), tmp_path).what
    read_only = said(OSError(30, "Read-only file system", file), tmp_path)
    assert "read-only" in read_only.what and "findmnt" in (read_only.remedy or "")


@pytest.mark.parametrize(
    "error",
    [
        KeyError("oops"),
        FileNotFoundError(2, "No such file or directory", "/nowhere"),
        PermissionError(1, "Operation not permitted"),
        FileExistsError(17, "File exists", "/"),
    ],
)
def test_what_is_still_a_bug(tmp_path: Path, error: Exception) -> None:
    assert in_words(error, tmp_path) is None


def test_our_own_errors_stay_as_they_are(tmp_path: Path) -> None:
    for error in (UsageError("wrong", remedy="so"), ToolFailed("it broke")):
        before = error.remedy
        assert in_words(error, tmp_path) is error and error.remedy == before
