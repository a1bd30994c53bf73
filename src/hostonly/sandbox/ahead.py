"""Vagrant is started before we have started ourselves: loading Ruby and Python takes each half a second.

For ``./inv sandbox.up``, ``halt`` and ``destroy`` without further words, where the settings are noted
(`quick.py`) and the sandbox's state says that Vagrant will be needed. It loads its plugins, reads the
`Vagrantfile` and then waits for the word to go on (`awaiting.py`), which only the task gives, after it
has looked at everything as ever. A task that does not need it leaves it without the word, and it ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hostonly.errors import HostonlyError
from hostonly.host.command import end, start
from hostonly.sandbox import box, lock, names, quick
from hostonly.sandbox.awaiting import FAILED, say
from hostonly.sandbox.status import container_of, state_of
from hostonly.sandbox.vagrant_calls import command

if TYPE_CHECKING:
    from hostonly.sandbox.machine import Machine

MACHINE = "sandbox"
# In the words of python-vagrant, which calls it in the end.
ARGUMENTS = {
    "sandbox.up": ["up", MACHINE, "--provider=lxc"],
    "sandbox.halt": ["halt", MACHINE],
    "sandbox.destroy": ["destroy", MACHINE, "--force"],
}
# Whose end a task waits for before it changes anything: a demo needs its sandbox until it has cleared up.
LOCKS = {
    "sandbox.up": (lock.LOCK,),
    "sandbox.halt": (lock.DEMO_LOCK, lock.LOCK),
    "sandbox.destroy": (lock.DEMO_LOCK, lock.LOCK),
}


@dataclass(frozen=True, slots=True)
class Begun:
    """A Vagrant that waits for ``file``; ``argv`` is its whole command line."""

    argv: list[str]
    file: Path
    process: subprocess.Popen[str]


# One for each run of the program, since there is one command line.
_begun: Begun | None = None


@contextlib.contextmanager
def begun(root: Path, argv: Sequence[str]) -> Iterator[None]:
    """Start Vagrant for the command line ``argv`` in the checkout at ``root``, where it will be needed;
    afterwards nothing of it is left."""
    arguments = ARGUMENTS.get("".join(argv[1:]), [])
    # Another user's Vagrant and the questions before it may each ask for sudo's password: one at a time.
    note = quick.recall(root) if arguments and os.geteuid() == 0 else None
    # Who waits for another task must not keep Vagrant's own lock of the machine meanwhile.
    task = " ".join((*argv[1:], MACHINE))
    if note is None or not lock.take_ahead(root / ".hostonly", task, LOCKS["".join(argv[1:])]):
        yield
        return
    try:
        with _started(root, note, arguments):
            yield
    finally:
        lock.let_go()


@contextlib.contextmanager
def _started(root: Path, note: quick.Note, arguments: list[str]) -> Iterator[None]:
    global _begun
    if not _needed(root, note, arguments[0]):
        lock.let_go()
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix=names.while_running("ahead"), dir=root / ".hostonly"))
    try:
        file = folder / "prepared"
        line = command(quick.settings_of(note), arguments, file)
        with contextlib.suppress(HostonlyError):
            _begun = Begun(line, file, start(line, cwd=root))
        yield
    finally:
        left, _begun = _begun, None
        if left is not None:
            _end(left)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def noted(machine: Machine, argv: Sequence[str]) -> Iterator[None]:
    """A task on ``machine``; where it ends well and ``argv`` is one for which Vagrant can be started
    ahead, the settings are noted for the next."""
    yield
    if machine.name == MACHINE and "".join(argv[1:]) in ARGUMENTS:
        machine.remember()


def file(arguments: Sequence[str]) -> Path | None:
    """What the Vagrant that was started for ``arguments`` waits for; None where none was."""
    if _begun is None or _begun.argv[-len(arguments) :] != list(arguments):
        return None
    return _begun.file


def take(argv: Sequence[str]) -> subprocess.Popen[str] | None:
    """The Vagrant with exactly that command line, which is the caller's from now on; one with
    another is ended."""
    global _begun
    taken, _begun = _begun, None
    if taken is None:
        return None
    if taken.argv == list(argv):
        return taken.process
    _end(taken)
    return None


def _needed(root: Path, note: quick.Note, verb: str) -> bool:
    if not shutil.which("vagrant"):
        return False
    try:
        state = state_of(container_of(root, note.site["sandbox"]["name"], MACHINE))
    except HostonlyError:
        return False
    if verb == "up":
        return state in ("not_created", "stopped") and box.present(root)
    return state == "running" or (verb == "destroy" and state == "stopped")


def _end(left: Begun) -> None:
    # It has made nothing and makes nothing without the word.
    with contextlib.suppress(OSError):
        say(left.file, FAILED)
    end(left.process)
    for stream in (left.process.stdout, left.process.stderr):
        if stream is not None:
            stream.close()
