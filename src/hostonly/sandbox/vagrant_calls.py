"""Vagrant's commands on one machine of the Vagrantfile. The sole importer of python-vagrant."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostonly.errors import ToolFailed
from hostonly.events import Emit, Progress
from hostonly.host.command import run, unsetting
from hostonly.waiting import limit

if TYPE_CHECKING:
    import vagrant

    from hostonly.site import Site

# Longer than Vagrant's own limits for booting and for a graceful halt together.
VAGRANT_SECONDS = 420.0
BUSY_SECONDS = 60.0
# What Vagrant says where another one is at work on the machine, or on its index of machines.
BUSY = ("another process is already executing an action on the machine", "is locked")


@dataclass(frozen=True, slots=True)
class VagrantCalls:
    """Vagrant in the checkout of ``site``, on the machine called ``name``."""

    site: Site
    name: str
    emit: Emit

    def act(
        self, verb: str, act: Callable[[vagrant.Vagrant], Any], *, awaiting: Path | None = None
    ) -> None:
        """Let ``act`` call Vagrant once; its output is progress and, on failure, the error's lines.
        ``awaiting``: see `run`.

        Raises:
            ToolFailed: Vagrant failed or did not end within ``VAGRANT_SECONDS``.
        """
        import vagrant

        calls = self

        class Followed(vagrant.Vagrant):
            """python-vagrant, whose calls are bounded and can be followed."""

            def _call_vagrant_command(self, args: list[str | None]) -> None:
                calls.run([word for word in args if word is not None], awaiting)

        if os.geteuid() != 0:
            # Where sudo wants a password it is asked for here, at the terminal, and not behind it.
            run(["true"], root=True)
        try:
            api: Any = Followed
            act(api(root=str(self.site.root)))
        except ToolFailed as error:
            raise ToolFailed(
                f"vagrant {verb} of {self.name} did not work: {error.what}",
                ran=f"vagrant {verb} {self.name}",
                output=error.output,
                remedy="./inv sandbox.up tries again; ./inv sandbox.destroy begins anew",
            ) from error

    def run(self, arguments: list[str], awaiting: Path | None = None) -> None:
        """Run ``vagrant`` in the checkout, on our machine whatever the caller's environment says.

        ``awaiting`` is the file for which the `Vagrantfile` waits before anything is made: it will
        say whether the host's side is there.

        Raises:
            ToolFailed: it failed or took too long.
        """
        from hostonly.sandbox import ahead

        argv = command(self.site.to_json(), arguments, awaiting)
        begun = ahead.take(argv)
        deadline = time.monotonic() + limit(BUSY_SECONDS)
        while True:
            try:
                run(
                    argv,
                    cwd=self.site.root,
                    timeout=VAGRANT_SECONDS,
                    on_line=lambda line: self.emit(Progress(line.strip())),
                    begun=begun,
                )
                return
            except ToolFailed as error:
                begun = None
                # Its caller was killed and it was not: it ends by itself, and frees its lock.
                if not any(words in error.output for words in BUSY) or time.monotonic() >= deadline:
                    raise
                self.emit(Progress("another Vagrant is at work on this machine"))
                time.sleep(1.0)


def command(site: str, arguments: Sequence[str], awaiting: Path | None = None) -> list[str]:
    """The command line of Vagrant; ``site`` are in JSON, for ``awaiting`` see `VagrantCalls.run`."""
    ours = {
        "HOSTONLY_PREPARED": "1",
        "HOSTONLY_SITE": site,
        "VAGRANT_CHECKPOINT_DISABLE": "1",
        "VAGRANT_NO_COLOR": "1",
        # Else each provider that it has is asked whether it could be used, VirtualBox first.
        "VAGRANT_DEFAULT_PROVIDER": json.loads(site)["sandbox"]["provider"],
    }
    if awaiting is not None:
        ours["HOSTONLY_PREPARING"] = str(awaiting)
        ours["HOSTONLY_CALLER"] = str(os.getpid())
    assignments = [f"{key}={value}" for key, value in ours.items()]
    return [*elsewhere_unset(), *assignments, "vagrant", *arguments]


def elsewhere_unset() -> list[str]:
    """`env`, and what keeps from Vagrant a user's VAGRANT_CWD, VAGRANT_DOTFILE_PATH and so on: it would
    act on another machine."""
    return unsetting("VAGRANT_", kept=("VAGRANT_HOME",))
