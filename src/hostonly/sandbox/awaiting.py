"""Vagrant starts while the host's side is made: each takes most of a second, on a processor of its own.

`vagrant up` loads its plugins and reads the `Vagrantfile`, and before it makes anything waits for a
file that says whether the host's side is there (the trigger in the `Vagrantfile`).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hostonly.host import packages
from hostonly.sandbox import box, needs
from hostonly.settings import Settings

# The words that the Vagrantfile knows.
PREPARED, FAILED = "prepared", "failed"


def vagrant_can_wait(settings: Settings) -> bool:
    """Whether `vagrant up` may be started before the host's side is made.

    Not where it could not start, or would look for a box that is yet to be added; and not as another
    user than root, for whom two programs at once might ask for sudo's password.
    """
    return (
        os.geteuid() == 0
        and settings.sandbox.provider == "lxc"
        and box.present(settings.root)
        and not packages.missing(needs.PACKAGES)
    )


@dataclass(frozen=True, slots=True)
class Awaited:
    """``file`` is what is waited for; ``make`` is what is done meanwhile."""

    file: Path
    make: Callable[[], None]

    def work(self) -> None:
        """Do it, and say how it went; what it raised is raised."""
        word = FAILED
        try:
            self.make()
            word = PREPARED
        finally:
            # Whole or not at all: its being there is the signal.
            written = self.file.with_suffix(".new")
            written.write_text(word)
            written.replace(self.file)


@contextlib.contextmanager
def told(state: Path, make: Callable[[], None]) -> Iterator[Awaited]:
    """``make``, and a file that will say how it went, in a folder of its own below ``state``."""
    state.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="up-", dir=state) as folder:
        yield Awaited(Path(folder) / "prepared", make)
