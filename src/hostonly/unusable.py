"""Errors about files of ours that cannot be used: what is wrong, and the command that mends it.

Only the standard library is imported, since ``.venv`` itself may be what cannot be used.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from hostonly.errors import HostonlyError

_REFUSED = (errno.EACCES, errno.EPERM)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_IN_THE_WAY = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP)

# Made in a checkout by hostonly and its tools.
_MADE = (".hostonly", ".venv", ".vagrant", "target")
# Root's by right, in an ordinary user's checkout as well: vagrant-lxc's copy of a container's
# configuration, and the trees of the bench's stock machine.
_ROOTS_FILE, _ROOTS_FOLDER = "lxc-config.backup", "bench"


def in_words(error: Exception, root: Path) -> HostonlyError | None:
    """Return ``error`` in the checkout at ``root`` as one of ours, with the mend of unusable files.

    One of ours gets the mend in front of its remedy, since a tool that meets such a file says so in
    words of its own, or not at all. An OSError about such a file becomes one of ours. Others: None.
    """
    if isinstance(error, OSError):
        return _as_error(error, root)
    if not isinstance(error, HostonlyError):
        return None
    mend = remedy(root) if error.exit_code == HostonlyError.exit_code else None
    if mend is not None:
        error.remedy = f"{mend}\n        {error.remedy}" if error.remedy else mend
    return error


def _as_error(error: OSError, root: Path) -> HostonlyError | None:
    path = (
        Path(os.fsdecode(error.filename))
        if isinstance(error.filename, str | bytes | os.PathLike)
        else None
    )
    if error.errno in _FULL:
        # An error of an open stream has no file name.
        where = path or "the output or a file of ours"
        return HostonlyError(
            f"no space left on the device for {where}",
            remedy=f"df -h {_quoted(_existing(path))}   shows how full it is" if path else None,
        )
    if path is None:
        return None
    if error.errno == errno.EROFS:
        return HostonlyError(f"{path} is on a read-only file system", remedy=_read_only(path))
    if error.errno in _REFUSED:
        # An error of a removal of a whole folder has only the file's last name.
        mend = remedy(root, path if path.is_absolute() else None)
        return HostonlyError(f"{name(os.geteuid())} may not read or write {path}", remedy=mend)
    if error.errno in _IN_THE_WAY and path.is_absolute():
        return _in_the_way(path, folder=error.errno != errno.EISDIR)
    return None


def remedy(root: Path, path: Path | None = None) -> str | None:
    """Return the command that makes the checkout's files, and ``path``, usable again.

    None where all of them are usable, are none of ours, or cannot even be looked at.
    """
    with contextlib.suppress(OSError):
        return _remedy(root, path)
    return None


def _remedy(root: Path, path: Path | None) -> str | None:
    closed = {place: found for place in _places(root) for found in islice(_closed(place), 1)}
    if path is not None and not any(path.is_relative_to(place) for place in closed):
        place, nearest = _top(root, path), _existing(path)
        if place is not None and not _usable(nearest):
            closed[place] = nearest
    if not closed:
        return None
    for found in closed.values():
        if os.statvfs(found).f_flag & os.ST_RDONLY:
            return _read_only(found)
    me, owner = os.geteuid(), root.stat().st_uid
    if me not in (0, owner):
        call = "sudo ./inv …" if owner == 0 else f"sudo -u {_quoted(name(owner))} ./inv …"
        return f"the checkout {root} is {name(owner)}'s: {call}   or take a clone of your own"
    words = " ".join(_quoted(place) for place in sorted(closed))
    if all(found.lstat().st_uid == me for found in closed.values()):
        return f"chmod -R u+rwX {words}   then again"
    sudo = "" if me == 0 else "sudo "
    return f"{sudo}chown -R {_quoted(_group_too(owner))} {words}   then again"


def name(uid: int) -> str:
    """Return the name of the user ``uid``, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_too(uid: int) -> str:
    """Return chown(1)'s word for a user with the login group; an id without a name has none."""
    called = name(uid)
    return called if called.isdecimal() else f"{called}:"


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _places(root: Path) -> list[Path]:
    home = _home()
    vagrant = os.environ.get("VAGRANT_HOME") or (home / ".vagrant.d" if home else None)
    return [*(root / made for made in _MADE), *([Path(vagrant)] if vagrant else [])]


def _top(root: Path, path: Path) -> Path | None:
    """Return the file or folder to mend as a whole for ``path``.

    It is the one of the checkout, or of the home, that holds ``path``, or the checkout itself where
    that does not exist yet; None where ``path`` lies elsewhere.
    """
    for place in (*_places(root), root, _home()):
        if place is None or not path.is_relative_to(place):
            continue
        if place not in (root, _home()):
            return place if os.path.lexists(place) else place.parent
        first = place.joinpath(*path.relative_to(place).parts[:1])
        return first if os.path.lexists(first) else place
    return None


def _existing(path: Path) -> Path:
    """Return ``path``, or the nearest folder above it that exists."""
    return next((each for each in (path, *path.parents) if os.path.lexists(each)), Path("/"))


def _usable(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0))


def _closed(place: Path) -> Iterator[Path]:
    """Yield ``place`` and what is in it, where this user cannot use it; follow no links."""
    if os.path.lexists(place) and not place.is_symlink() and not _usable(place):
        yield place
        return
    for folder, folders, files in os.walk(place):
        if folder == str(place) and place.name == _MADE[0]:
            folders[:] = [each for each in folders if each != _ROOTS_FOLDER]
        for each in (*folders, *files):
            found = Path(folder, each)
            if each == _ROOTS_FILE or found.is_symlink() or _usable(found):
                continue
            # A file of one's own that is read-only is meant to be.
            if each in folders or found.lstat().st_uid != os.geteuid():
                yield found


def _read_only(path: Path) -> str:
    return f"findmnt --target {_quoted(_existing(path))}   shows which; a clone where you may write will do"


def _in_the_way(path: Path, *, folder: bool) -> HostonlyError | None:
    """Return an error if ``path`` or one above it is no ``folder``, or is one and must not be."""
    for each in (*reversed(path.parents), path) if folder else (path,):
        if os.path.lexists(each) and each.is_dir() != folder:
            kind, wanted = ("file", "folder") if folder else ("folder", "file")
            kind = "link that leads to no folder" if folder and each.is_symlink() else kind
            return HostonlyError(
                f"{each} is a {kind}, where hostonly needs a {wanted}",
                remedy=f"mv {_quoted(each)} {_quoted(f'{each}.old')}   then again",
            )
    return None


def _quoted(word: object) -> str:
    return shlex.quote(str(word))
