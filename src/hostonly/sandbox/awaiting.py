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
from typing import TYPE_CHECKING

from hostonly.host import packages
from hostonly.sandbox import box, names, needs

if TYPE_CHECKING:
    from hostonly.site import Site

# The words that the Vagrantfile knows.
PREPARED, FAILED = "prepared", "failed"


def vagrant_can_wait(site: Site) -> bool:
    """Whether `vagrant up` may be started before the host's side is made.

    Not where it could not start, or would look for a box that is yet to be added; and not as another
    user than root, for whom two programs at once might ask for sudo's password.
    """
    return os.geteuid() == 0 and box.present(site.root) and not packages.missing(needs.PACKAGES)


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
            say(self.file, word)


def say(file: Path, word: str) -> None:
    """Say ``word`` to a Vagrant that waits for ``file``."""
    # Whole or not at all: its being there is the signal.
    written = file.with_suffix(".new")
    written.write_text(word, encoding="utf-8")
    written.replace(file)


@contextlib.contextmanager
def told(state: Path, make: Callable[[], None], file: Path | None) -> Iterator[Awaited]:
    """``make``, and what will say how it went: ``file``, for which a Vagrant waits already, or one in
    a folder of its own below ``state``."""
    if file is not None:
        yield Awaited(file, make)
        return
    state.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=names.while_running("up"), dir=state) as folder:
        yield Awaited(Path(folder) / "prepared", make)
