"""The Vagrant box: a few kilobytes that tell LXC how to make a sandbox on the base.

Vagrant keeps boxes for a user, not for a checkout, so the box holds nothing of this checkout.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import shlex
import shutil
import tarfile
import tempfile
from pathlib import Path

from hostonly.errors import HostonlyError
from hostonly.events import Done, Emit, Started, Warned
from hostonly.host.command import run
from hostonly.host.scratch import while_running
from hostonly.providers.lxc.base import recipe
from hostonly.site import MARK, box_name, box_of, vagrant_home

# The files of the box, and of its name. A file called `MARK` beside them says that the box is ours,
# also where others of its files were damaged.
_FILES = ("lxc-config", "lxc-template", "metadata.json", "seccomp")


def _mark(name: str) -> bytes:
    return f"{name} was added by hostonly\n".encode()


def boxes() -> Path:
    """Return the folder of Vagrant's boxes."""
    return vagrant_home() / "boxes"


def _installed(name: str) -> Path:
    """Return Vagrant's folder of the box ``name``: an unversioned one is version 0."""
    return boxes() / name / "0" / "lxc"


def present(root: Path) -> bool:
    """Return whether Vagrant has the box, whole."""
    installed = _installed(box_name(root, "lxc"))
    return all(
        (installed / file).is_file()
        and (installed / file).read_bytes() == (recipe(root) / "lxc" / file).read_bytes()
        for file in _FILES
    )


def ensure(root: Path, state: Path, emit: Emit) -> None:
    """Add the box to Vagrant if it is missing or differs.

    The caller holds ``lock.store``: Vagrant moves a box into place over one that another Vagrant
    has just added, and fails.

    Raises:
        ToolFailed: ``vagrant box add`` failed.
        HostonlyError: another box has its name.
    """
    if not present(root):
        _add(root, state, emit)


def _add(root: Path, state: Path, emit: Emit) -> None:
    emit(Started("adding the box to Vagrant"))
    called = box_name(root, "lxc")
    if _installed(called).exists():
        # Vagrant would take a user's own box for an older one of ours, and stops at one without metadata.
        if not (_marked(called) or _begun(root)):
            raise HostonlyError(
                f"Vagrant has a box {called} that is not what hostonly put there: it was left alone",
                ran=f"ls {shlex.quote(str(_installed(called)))}",
                remedy="Have a look; where it may go, remove that folder, then again: ./inv sandbox.box",
            )
        emit(Warned(f"the box {called} was damaged or added only half: adding it again"))
        remove(called)
    with tempfile.TemporaryDirectory(prefix=while_running("box"), dir=state) as folder:
        archive = Path(folder, f"{called}.box")
        with tarfile.open(archive, "w") as box:
            for file, content in _content(root).items():
                info = tarfile.TarInfo(file)
                info.size, info.mode = len(content), 0o755 if file == "lxc-template" else 0o644
                box.addfile(info, io.BytesIO(content))
        words = ["box", "add", "--force", "--provider", "lxc", "--name", called, str(archive)]
        # Away from the checkout: Vagrant would read the Vagrantfile, which this does not need.
        run(["vagrant", *words], cwd=Path("/"), timeout=120)
    emit(Done("added the box to Vagrant"))


def _content(root: Path) -> dict[str, bytes]:
    """Return the files of the box, by their names."""
    found = {file: (recipe(root) / "lxc" / file).read_bytes() for file in _FILES}
    # vagrant-lxc insists on a tarball; ours may be empty, since lxc-template does not unpack it.
    found["rootfs.tar.gz"] = gzip.compress(bytes(tarfile.RECORDSIZE), mtime=0)
    return found | {MARK: _mark(box_name(root, "lxc"))}


def _begun(root: Path) -> bool:
    """Return whether the box's place holds only our own files, each whole or begun.

    Vagrant puts them there one by one, and may have been killed meanwhile.
    """
    ours = _content(root)
    return all(
        each.is_file() and ours.get(each.name, b"").startswith(each.read_bytes())
        for each in _installed(box_name(root, "lxc")).iterdir()
    )


def ours() -> list[str]:
    """Return the names of hostonly's boxes that Vagrant has, whichever checkout added them.

    The name alone decides nothing: a user's own box may be called the same.
    """
    return sorted(found.name for found in boxes().glob(f"{MARK}-*") if _marked(found.name))


def _marked(name: str) -> bool:
    """Return whether the box ``name`` has our mark in it, or exactly the content of its name."""
    folder = _installed(name)
    try:
        if (folder / MARK).read_bytes() == _mark(name):
            return True
    except OSError:
        pass  # An older checkout added it, or somebody else.
    try:
        return name == box_of([folder / file for file in _FILES])
    except OSError:
        return False


def remove(name: str) -> None:
    """Remove our box ``name`` from Vagrant's folder, and leave what others keep under that name.

    ``vagrant box remove`` refuses every box whose files are damaged (Vagrant 2.3).

    Raises:
        HostonlyError: it could not be removed.
    """
    folder = _installed(name)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise HostonlyError(
            f"the box {name} could not be removed: {error.strerror}",
            ran=f"rm -r {shlex.quote(str(folder))}",
            remedy="Its files must be yours; then again: ./inv sandbox.destroy --purge",
        ) from error
    for above in (folder.parent, folder.parent.parent):
        with contextlib.suppress(OSError):  # Another provider's box of the name.
            above.rmdir()
