"""The Vagrant box: a few kilobytes that tell LXC how to make a sandbox on the base.

Vagrant keeps boxes for a user, not for a checkout, so the box holds nothing of this checkout.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import tarfile
from pathlib import Path

from hostonly.events import Done, Emit, Started
from hostonly.host.command import run
from hostonly.sandbox.base import recipe

PREFIX = "hostonly"

# vagrant-lxc insists on a tarball; ours may be empty, since lxc-template does not unpack it.
_FILES = ("lxc-config", "lxc-template", "metadata.json", "seccomp")


def name(root: Path) -> str:
    """The box's name, which says what is in it: the same words as in the Vagrantfile."""
    content = b"".join((recipe(root) / "lxc" / file).read_bytes() for file in _FILES)
    return f"{PREFIX}-{hashlib.sha256(content).hexdigest()[:12]}"


def boxes() -> Path:
    """Where Vagrant keeps its boxes."""
    return Path(os.environ.get("VAGRANT_HOME") or Path.home() / ".vagrant.d") / "boxes"


def present(root: Path) -> bool:
    """Whether Vagrant has the box, whole (Vagrant's layout of an unversioned box: version 0)."""
    installed = boxes() / name(root) / "0" / "lxc"
    return all(
        (installed / file).is_file()
        and (installed / file).read_bytes() == (recipe(root) / "lxc" / file).read_bytes()
        for file in _FILES
    )


def ensure(root: Path, state: Path, emit: Emit) -> None:
    """Add the box to Vagrant if it is not there or is another one.

    The caller holds `lock.store`: Vagrant moves a box into place over one that another Vagrant has
    just added, and fails.

    Raises:
        ToolFailed: ``vagrant box add`` failed.
    """
    if not present(root):
        _add(root, state, emit)


def _add(root: Path, state: Path, emit: Emit) -> None:
    emit(Started("adding the box to Vagrant"))
    archive = state / f"{name(root)}.box"
    with tarfile.open(archive, "w") as box:
        for file in _FILES:
            box.add(recipe(root) / "lxc" / file, file)
        empty = io.BytesIO()
        with tarfile.open(fileobj=empty, mode="w:gz"):
            pass
        info = tarfile.TarInfo("rootfs.tar.gz")
        info.size = len(empty.getvalue())
        box.addfile(info, io.BytesIO(empty.getvalue()))
    words = ["box", "add", "--force", "--provider", "lxc", "--name", name(root), str(archive)]
    try:
        # Away from the checkout: Vagrant would read the Vagrantfile, which this does not need.
        run(["vagrant", *words], cwd=Path("/"), timeout=120)
    finally:
        archive.unlink(missing_ok=True)
    emit(Done("added the box to Vagrant"))


def ours() -> list[str]:
    """The names of the boxes of hostonly's that Vagrant has, whichever checkout added them."""
    pattern = re.compile(rf"{PREFIX}-[0-9a-f]{{12}}")
    found = sorted(folder.name for folder in boxes().glob(f"{PREFIX}-*"))
    return [name for name in found if pattern.fullmatch(name)]


def remove(name: str) -> None:
    """Take the box ``name`` out of Vagrant.

    Raises:
        ToolFailed: Vagrant refused.
    """
    run(["vagrant", "box", "remove", "--force", "--all", name], cwd=Path("/"), timeout=120)
    shutil.rmtree(boxes() / name, ignore_errors=True)
