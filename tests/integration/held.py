"""Programs, and pushes, that are held where they are: a state which would pass quickly stays until a test has
seen it.

A stand-in ahead of the real program on PATH says that it was called and waits, until it is killed with the
run that called it, the test lets it go on, or it is taken away.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hostonly.host.command import run
from hostonly.sandbox.machine import Machine

# What a stand-in does, as a shell's lines: `$real "$@"` is the call as it was meant. Before the real program,
# when that has ended, or while it is at work.
BEFORE = 'held; exec "$real" "$@"'
AFTER = '"$real" "$@"; status=$?; held; exit $status'
BESIDE = '"$real" "$@" & held; wait $!'

_BEGIN = """\
#!/bin/sh
here='{here}' name=${{0##*/}}
rest=$PATH:
while [ "$rest" ]; do
    each=${{rest%%:*}} rest=${{rest#*:}}
    [ "$each" = "$here" ] || [ ! -x "$each/$name" ] || break
done
real=$each/$name
held() {{
    : >"$here/$name.held"
    until [ -e "$here/go" ]; do [ -e "$0" ] || exit 1; sleep 0.05; done
}}
"""


def only(words: str, do: str) -> str:
    """``do`` where the call's arguments have ``words`` among them; other calls are the real program's."""
    return f'case " $* " in *"{words}"*) {do} ;; esac\nexec "$real" "$@"'


# lxc-destroy comes as far as to a mount in the layer, which it does not remove: what came before it is gone,
# the configuration and the rest are there.
HALFWAY = """\
kept=/var/lib/lxc/$2/layer/etc
mount --bind "$kept" "$kept" && ! "$real" "$@" && umount "$kept" && held"""


class StandIns:
    """Stand-ins in ``folder`` for ``programs``: what each does, by its name."""

    def __init__(self, folder: Path, programs: Mapping[str, str]) -> None:
        self._folder, self.programs = folder, programs
        folder.mkdir(parents=True, exist_ok=True)
        for name, does in programs.items():
            (folder / name).write_text(f"{_BEGIN.format(here=folder)}{does}\n")
            (folder / name).chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """Our own, with them first on the PATH."""
        return {**os.environ, "PATH": self.path, "STAND_INS": str(self._folder)}

    @property
    def path(self) -> str:
        """PATH with them first."""
        return f"{self._folder}:{os.environ['PATH']}"

    def held(self) -> list[str]:
        """The programs that are, or were, held."""
        return sorted(file.stem for file in self._folder.glob("*.held"))

    def take_away(self) -> None:
        """End those that are held and were not killed: some are in a session of their own."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def let_go(self) -> None:
        """Let all of them go on, those too that are called later."""
        (self._folder / "go").touch()


@contextmanager
def passed_on_by_packer(machine: Machine) -> Iterator[None]:
    """Packer, which is called with a PATH of its own, gives its children the stand-ins of who called it, whose
    folder is in STAND_INS."""
    folder = machine.site.state / "bin"
    StandIns(folder, {"packer": 'PATH="$STAND_INS:$PATH" exec "$real" "$@"'})
    try:
        yield
    finally:
        (folder / "packer").unlink()


@contextmanager
def stalled(machine: Machine) -> Iterator[None]:
    """What is pushed from inside the sandbox to its own registry comes to a stop after some megabytes, as
    where a network goes away: whoever pushes waits, until the context is left."""
    port = machine.site.registry_port
    rules = f"""\
table inet stalled {{
    chain in {{
        type filter hook input priority 0
        iif "lo" tcp dport {port} quota over 4 mbytes drop
    }}
}}
"""
    there = ["nsenter", "--target", machine.provider.boot(), "--net"]
    run([*there, "nft", "-f", "-"], root=True, stdin=rules, timeout=10)
    try:
        yield
    finally:
        # With the sandbox's end they end as well.
        if machine.provider.state() == "running":
            run([*there, "nft", "delete", "table", "inet", "stalled"], root=True, timeout=10)
