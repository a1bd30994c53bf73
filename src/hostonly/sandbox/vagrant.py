"""Vagrant's commands on machines of the ``Vagrantfile``. The sole importer of python-vagrant.

Vagrant takes most of a second to load its plugins and to read the ``Vagrantfile``. Other work takes
as long, on a processor of its own: so Vagrant can be started first, and before it changes anything
it waits for a file that says that all is there (``Awaited``; the trigger in the ``Vagrantfile``).
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostonly.errors import ToolFailed
from hostonly.events import Emit, Progress
from hostonly.host.command import run, unsetting
from hostonly.host.scratch import while_running
from hostonly.providers import provider_of
from hostonly.providers.provider import SHUT_DOWN_SECONDS
from hostonly.sandbox.keys import public
from hostonly.sandbox.login import USER, options
from hostonly.waiting import limit

if TYPE_CHECKING:
    from hostonly.site import MachineSpec, Site

BOOT_SECONDS = 300
# Longer than Vagrant's own limits for booting and for a graceful halt together.
VAGRANT_SECONDS = 420.0
BUSY_SECONDS = 60.0
# Words of Vagrant where another one is at work on the machine, or on its index of machines.
BUSY = ("another process is already executing an action on the machine", "is locked")

# The words of the file that the Vagrantfile knows.
PREPARED, FAILED = "prepared", "failed"


@dataclass(frozen=True, slots=True)
class Awaited:
    """Work while Vagrant starts: ``make``; Vagrant waits for ``file``, which says how it went."""

    file: Path
    make: Callable[[], None]

    def work(self) -> None:
        """Do the work and write how it went; an error of it is raised."""
        word = FAILED
        try:
            self.make()
            word = PREPARED
        finally:
            # Whole or not at all: the existence of the file is the signal.
            written = self.file.with_suffix(".new")
            written.write_text(word, encoding="utf-8")
            written.replace(self.file)


@contextlib.contextmanager
def awaited(site: Site, make: Callable[[], None]) -> Iterator[Awaited]:
    """Give ``make``, to be done while Vagrant starts, with its file in a folder of its own."""
    site.state.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=while_running("up"), dir=site.state) as folder:
        yield Awaited(Path(folder) / "prepared", make)


@dataclass(frozen=True, slots=True)
class Vagrant:
    """Vagrant in the checkout of ``site``, on ``machines``, which have one provider."""

    site: Site
    machines: Sequence[MachineSpec]
    emit: Emit

    @property
    def names(self) -> str:
        """The machines' names, for a command line or an error."""
        return " ".join(machine.name for machine in self.machines)

    def up(self, awaiting: Path | None = None) -> None:
        """Make and start the machines; for ``awaiting``, also of the others, see ``Awaited``.

        Raises:
            ToolFailed: Vagrant failed or did not end within ``VAGRANT_SECONDS``.
        """
        provider = self.machines[0].provider
        self._act("up", lambda api: api.up(vm_name=self.names, provider=provider), awaiting)

    def halt(self, awaiting: Path | None = None) -> None:
        """Shut the machines down.

        Raises:
            ToolFailed: as for ``up``.
        """
        self._act("halt", lambda api: api.halt(vm_name=self.names), awaiting)

    def destroy(self, awaiting: Path | None = None) -> None:
        """Remove the machines with all that they hold.

        Raises:
            ToolFailed: as for ``up``.
        """
        self._act("destroy", lambda api: api.destroy(vm_name=self.names), awaiting)

    def _act(self, verb: str, act: Callable[[Any], Any], awaiting: Path | None) -> None:
        import vagrant

        calls = self

        class Followed(vagrant.Vagrant):
            """python-vagrant, whose calls are bounded and can be followed."""

            def _call_vagrant_command(self, args: list[str | None]) -> None:
                # python-vagrant takes one machine's name or all; a name has no space.
                calls._run([word for each in args if each for word in each.split(" ")], awaiting)

        if os.geteuid() != 0:
            # Where sudo wants a password it is asked for here, at the terminal, and not behind it.
            run(["true"], root=True)
        try:
            api: Any = Followed
            act(api(root=str(self.site.root)))
        except ToolFailed as error:
            raise ToolFailed(
                f"vagrant {verb} of {self.names} did not work: {error.what}",
                ran=f"vagrant {verb} {self.names}",
                output=error.output,
                remedy="./inv sandbox.up tries again; ./inv sandbox.destroy begins anew",
            ) from error

    def _run(self, arguments: list[str], awaiting: Path | None) -> None:
        argv = command(self.site, arguments, awaiting)
        deadline = time.monotonic() + limit(BUSY_SECONDS)
        while True:
            try:
                run(
                    argv,
                    cwd=self.site.root,
                    timeout=VAGRANT_SECONDS,
                    on_line=lambda line: self.emit(Progress(line.strip())),
                )
                return
            except ToolFailed as error:
                # The other Vagrant's caller was killed: it ends by itself, and frees its lock.
                if not any(words in error.output for words in BUSY) or time.monotonic() >= deadline:
                    raise
                self.emit(Progress("another Vagrant is at work on this machine"))
                time.sleep(1.0)


def command(site: Site, arguments: Sequence[str], awaiting: Path | None = None) -> list[str]:
    """Return Vagrant's command line for the checkout of ``site``; ``awaiting``: see ``Awaited``."""
    ours = {
        "HOSTONLY_PREPARED": "1",
        "HOSTONLY_SITE": json.dumps(for_vagrant(site)),
        "VAGRANT_CHECKPOINT_DISABLE": "1",
        "VAGRANT_NO_COLOR": "1",
        # Otherwise Vagrant asks each of its providers whether it could be used, VirtualBox first.
        "VAGRANT_DEFAULT_PROVIDER": site.sandbox.provider,
    }
    if awaiting is not None:
        ours["HOSTONLY_PREPARING"] = str(awaiting)
        ours["HOSTONLY_CALLER"] = str(os.getpid())
    assignments = [f"{key}={value}" for key, value in ours.items()]
    return [*elsewhere_unset(), *assignments, "vagrant", *arguments]


def for_vagrant(site: Site) -> dict[str, Any]:
    """Return the site as the ``Vagrantfile`` reads it, which computes nothing by itself."""
    told = site.to_json() | {
        "python": sys.executable,
        "user": USER,
        "ssh_options": options(site),
        "boot_seconds": BOOT_SECONDS * site.patience,
        "halt_seconds": SHUT_DOWN_SECONDS * site.patience,
    }
    for data, machine in zip(told["machines"], site.machines, strict=True):
        data["address"] = machine.address
        data["host_key"] = str(public(machine.host_key))
        data["provides"] = provider_of(site, machine).for_vagrant()
    return told


def elsewhere_unset() -> list[str]:
    """Return ``env`` and words that hide a user's VAGRANT_CWD and so on from Vagrant."""
    return unsetting("VAGRANT_", kept=("VAGRANT_HOME",))
