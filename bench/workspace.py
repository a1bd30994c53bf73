"""The surroundings of a bench: folders, networks and sandboxes of its own, removed afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

from bench.checkout import VAGRANT_HOME, Checkout, checkout, discard
from hostonly.errors import HostonlyError
from hostonly.events import Emit
from hostonly.host import bridges
from hostonly.site import Site

# Room for 32 networks of /26: two for each sandbox and some for the stock one.
BLOCK_PREFIX = 21
NETWORK_PREFIX = 26


@dataclass(slots=True)
class Workspace:
    """The surroundings of a bench; ``folder`` is below the state of the ``user``'s checkout."""

    user: Site
    folder: Path
    emit: Emit
    mark: str
    _networks: Iterator[IPv4Network]
    _cleaning: ExitStack = field(default_factory=ExitStack)
    _main: Checkout | None = None
    _made: int = 0

    @property
    def vagrant_home(self) -> Path:
        """The folder of Vagrant's boxes of both sides: the user's own are left alone."""
        return self.folder / VAGRANT_HOME

    def network(self) -> IPv4Network:
        """Return another network that nobody on this machine uses."""
        return next(self._networks)

    def name(self) -> str:
        """Return another name for a sandbox or a bridge, at most 13 characters."""
        self._made += 1
        return f"bench{self.mark}{self._made}"

    @contextlib.contextmanager
    def another(self, machines: int = 2) -> Iterator[Checkout]:
        """Give one more checkout with ``machines`` of its own, none of which is up yet."""
        name = self.name()
        networks = self.network(), self.network()
        folder = self.folder / name
        places = networks, self.vagrant_home
        with checkout(self.user, folder, name, *places, self.emit, machines) as made:
            yield made

    def main(self) -> Checkout:
        """Return the checkout of most groups, made at the first call and kept to the end."""
        if self._main is None:
            self._main = self._cleaning.enter_context(self.another())
            # The base, the box, the keys: not part of what is measured.
            self._main.inv("host.prepare")
        return self._main


@contextlib.contextmanager
def workspace(user: Site, emit: Emit) -> Iterator[Workspace]:
    """Give the surroundings of one bench; the caller holds the lock of ``leftovers.alone``.

    Raises:
        HostonlyError: there are no free addresses.
    """
    block = bridges.free_network(BLOCK_PREFIX)
    if block is None:
        raise HostonlyError("there is no free range of private addresses for the bench's sandboxes")
    # By this pid check.leftovers knows whether the bench is still at work (ownership/marks.py).
    folder = user.state / "bench" / str(os.getpid())
    folder.mkdir(parents=True)
    mark = hashlib.sha256(str(user.root).encode()).hexdigest()[:6]
    made = Workspace(user, folder, emit, mark, iter(block.subnets(new_prefix=NETWORK_PREFIX)))
    try:
        with made._cleaning:
            yield made
    finally:
        # A sandbox that could not be destroyed stays, with the boxes that destroying it may need.
        if {entry.name for entry in folder.iterdir()} <= {VAGRANT_HOME}:
            discard(folder)
            with contextlib.suppress(OSError):
                folder.parent.rmdir()
