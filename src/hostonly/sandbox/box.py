"""The Vagrant box: a few kilobytes that tell LXC how to make a sandbox on the base.

Vagrant keeps boxes for a user, not for a checkout, so the box holds nothing of this checkout.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path

from hostonly.events import Done, Emit, Started
from hostonly.host.command import run
from hostonly.sandbox.base import recipe

NAME = "hostonly"

# vagrant-lxc insists on a tarball; ours may be empty, since lxc-template does not unpack it.
_FILES = ("metadata.json", "lxc-config", "lxc-template")


def vagrant_home() -> Path:
    """Where Vagrant keeps its boxes."""
    return Path(os.environ.get("VAGRANT_HOME") or Path.home() / ".vagrant.d")


def installed() -> Path:
    """The folder of the installed box, whether it is there or not (Vagrant's layout, version 0)."""
    return vagrant_home() / "boxes" / NAME / "0" / "lxc"


def up_to_date(root: Path) -> bool:
    """Whether the installed box has exactly this checkout's files."""
    source = recipe(root) / "lxc"
    return all(
        (installed() / name).is_file()
        and (installed() / name).read_bytes() == (source / name).read_bytes()
        for name in _FILES
    )


def ensure(root: Path, state: Path, emit: Emit) -> None:
    """Add the box to Vagrant if it is not there or is another one.

    Raises:
        ToolFailed: ``vagrant box add`` failed.
    """
    if up_to_date(root):
        return
    emit(Started("adding the box to Vagrant"))
    archive = state / f"{NAME}.box"
    with tarfile.open(archive, "w") as box:
        for name in _FILES:
            box.add(recipe(root) / "lxc" / name, name)
        empty = io.BytesIO()
        with tarfile.open(fileobj=empty, mode="w:gz"):
            pass
        info = tarfile.TarInfo("rootfs.tar.gz")
        info.size = len(empty.getvalue())
        box.addfile(info, io.BytesIO(empty.getvalue()))
    try:
        run(
            ["vagrant", "box", "add", "--force", "--provider", "lxc", "--name", NAME, str(archive)],
            # Away from the checkout: Vagrant would read the Vagrantfile, which this does not need.
            cwd=Path("/"),
            timeout=120,
        )
    finally:
        archive.unlink(missing_ok=True)
    emit(Done("added the box to Vagrant"))


def remove() -> bool:
    """Take the box out of Vagrant; False where there was none."""
    if not installed().exists():
        return False
    run(["vagrant", "box", "remove", "--force", "--all", NAME], cwd=Path("/"), timeout=120)
    shutil.rmtree(vagrant_home() / "boxes" / NAME, ignore_errors=True)
    return True
