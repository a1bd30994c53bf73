"""Debian packages: finding those that are missing, and installing them with the user's permission.

Only the standard library is imported: the bootstrap uses this module before there is a ``.venv``.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from hostonly import process
from hostonly.errors import HostonlyError, ToolFailed, UsageError, bare, last_lines
from hostonly.events import Done, Emit, Progress, Started, Warned
from hostonly.host import downloads, unused_units
from hostonly.host.command import start
from hostonly.process import LATE, Process, as_root, follow, send
from hostonly.waiting import limit, more_patience

# Debian policy's package name, so that no name can become an option of apt-get.
PACKAGE_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")

# Words of apt-get when its lists are absent or older than the mirror.
STALE_LISTS = re.compile(
    r"Unable to locate package|has no installation candidate|Unable to fetch some archives"
    r"|Package '[^']+' has no|404 +Not Found"
)

APT_OPTIONS = (
    # Another apt-get (unattended-upgrades at boot, say) is waited for.
    "-o",
    "DPkg::Lock::Timeout=120",
    # A mirror that is away ends in minutes, not in apt's default half hour.
    "-o",
    "Acquire::Retries=2",
    "-o",
    "Acquire::http::Timeout=30",
    "-o",
    "Acquire::https::Timeout=30",
    # The user's changed configuration files stay as they are.
    "-o",
    "Dpkg::Options::=--force-confdef",
    "-o",
    "Dpkg::Options::=--force-confold",
)

WORTH_SHOWING = re.compile(r"Get:|Unpacking |Setting up |Waiting for cache lock|E: |W: ")

# Long enough for a slow line; then it is an error and not a hang.
APT_SECONDS = 1800.0
QUERY_SECONDS = 60.0


def _checked(names: Sequence[str]) -> list[str]:
    for name in names:
        if not PACKAGE_NAME.fullmatch(name):
            raise UsageError(f"{name!r} is no name of a Debian package")
    return list(dict.fromkeys(names))


def missing(names: Sequence[str]) -> list[str]:
    """Return those of ``names`` that are not installed, in their order.

    Raises:
        ToolFailed: there is no dpkg.
    """
    wanted = _checked(names)
    if not wanted:
        return []
    command = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", "--", *wanted]
    try:
        # dpkg-query exits 1 when it does not know a name: that is an answer, not a failure.
        done = process.run(command, seconds=QUERY_SECONDS)
    except OSError as error:
        raise ToolFailed(
            f"dpkg-query cannot be run ({error.strerror}): this is no Debian machine",
            ran=shlex.join(command),
            remedy="Install by hand what these Debian packages hold: " + " ".join(wanted),
        ) from error
    installed = {
        line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")
    }
    return [name for name in wanted if name not in installed]


def install_line(names: Sequence[str]) -> str:
    """Return the command a person types to install ``names`` with their unused units masked."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    units = unused_units.to_mask(names)
    mask = f"{sudo}{shlex.join(unused_units.mask(units))} && " if units else ""
    return f"{mask}{sudo}apt-get install --no-install-recommends " + shlex.join(names)


def note(root: Path) -> Path:
    """Return the file that notes the packages that were installed for the checkout at ``root``."""
    return root / ".hostonly" / "packages"


def installed_for(root: Path) -> list[str]:
    """Return the packages that ``install`` noted for the checkout ``root`` and that remain."""
    try:
        noted = note(root).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []
    names = [name for name in dict.fromkeys(noted) if PACKAGE_NAME.fullmatch(name)]
    gone = missing(names)
    return [name for name in names if name not in gone]


def remove_line(names: Sequence[str]) -> str:
    """Return the command a person types to remove ``names``; we never do."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"{sudo}apt-get remove " + shlex.join(names)


def refuse_where_forbidden(names: Sequence[str]) -> list[str]:
    """Return those of ``names`` that are missing; nothing is installed.

    Raises:
        HostonlyError: there are any, and ``HOSTONLY_INSTALL=never``; its remedy is the exact
            apt-get line for all of them.
        UsageError: that variable is neither ``auto`` nor ``never``.
    """
    todo = missing(names)
    if not todo:
        return []
    permission = os.environ.get("HOSTONLY_INSTALL", "")
    if permission == "never":
        raise HostonlyError(
            f"missing Debian packages: {' '.join(todo)}, and HOSTONLY_INSTALL=never",
            remedy=install_line(todo),
        )
    if permission not in ("", "auto"):
        raise UsageError(
            f"HOSTONLY_INSTALL: {permission[:60]!r} is not allowed: auto or never (default: auto)"
        )
    return todo


def install(names: Sequence[str], emit: Emit, *, root: Path | None = None) -> list[str]:
    """Install those of ``names`` that are missing, and return them.

    They are noted for the checkout at ``root``, so that the user can be told later what was
    installed for us. It is done as root, or by sudo for an ordinary user. Recommended packages are
    left out, and nothing is ever removed to make room. Units that the new packages would start and
    that nobody here uses (``unused_units``) are masked before, and noted; installed ones stay.

    Raises:
        HostonlyError: ``HOSTONLY_INSTALL=never`` forbids it; its remedy is the exact apt-get line.
        ToolFailed: apt-get failed.
    """
    todo = refuse_where_forbidden(names)
    if not todo:
        return []
    by_hand = install_line(todo)
    emit(Started(f"installing Debian packages: {' '.join(todo)}"))
    become_root = _becoming_root(by_hand)
    if units := unused_units.to_mask(todo):
        _keep_off(units, become_root, emit, root)
    command = [
        *become_root,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        # needrestart must neither ask nor restart services of this machine.
        "NEEDRESTART_MODE=l",
        "LC_ALL=C.UTF-8",
        "apt-get",
        *APT_OPTIONS,
    ]
    # apt would remove what conflicts (docker-ce's containerd for docker.io's): it must not.
    arguments = ["install", "--yes", "--no-install-recommends", "--no-remove", *todo]
    said = ""
    code, output = _carried_through([*command, *arguments], emit)
    if code != 0 and STALE_LISTS.search(output):
        emit(Progress("apt-get update"))
        updated, said = _carried_through([*command, "update"], emit)
        if updated != 0:
            # A third party's broken source is none of our business if Debian's own answered.
            emit(Warned("apt-get update had failures: " + last_lines(said, 1)))
        code, output = _carried_through([*command, *arguments], emit)
    still = missing(todo)
    if code != 0 or still:
        trouble = downloads.trouble(command, f"{said}\n{output}", os.environ)
        raise ToolFailed(
            f"apt-get could not install {' '.join(still or todo)}"
            + (f": {trouble.what}" if trouble else f" (exit {code})"),
            ran=by_hand,
            output=downloads.telling(output) if trouble else output,
            remedy=trouble.remedy if trouble else f"Try it by hand: {by_hand}",
        )
    if root is not None:
        _add(note(root), todo)
    emit(Done(f"installed Debian packages: {' '.join(todo)}"))
    return todo


def _keep_off(
    units: Sequence[str], become_root: Sequence[str], emit: Emit, root: Path | None
) -> None:
    """Mask ``units`` before the packages that bring and start them are installed."""
    emit(Started(f"keeping off what nothing here uses: {' '.join(units)}"))
    if root is not None:
        # First: what is masked and not noted would be masked for ever.
        _add(unused_units.note(root), units)
    command = [*become_root, *unused_units.mask(units)]
    code, output = _carried_through(command, emit)
    if code != 0:
        raise ToolFailed(
            f"systemd did not mask {' '.join(units)} (exit {code}): nothing was installed",
            ran=shlex.join(command),
            output=output,
        )


def _add(file: Path, lines: Sequence[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as opened:
        opened.write("".join(f"{line}\n" for line in lines))


def _carried_through(command: Sequence[str], emit: Emit) -> tuple[int, str]:
    """Run ``command`` to its end, also where we are told to end; return its status and output.

    Raises:
        ToolFailed: it cannot be started, or takes too long.
    """

    def show(line: str) -> None:
        if WORTH_SHOWING.match(line):
            emit(Progress(bare(line.rstrip())))

    def ask_to_end(running: Process) -> None:
        # A download ends at once. Killed in the middle, dpkg would leave packages to be repaired.
        send(running, signal.SIGINT)
        emit(Started("waiting for apt-get to end what it has begun"))
        running.wait()

    done = follow(start(command), ask_to_end, seconds=APT_SECONDS, on_line=show)
    said = done.stdout + done.stderr
    if done.cut == LATE:
        raise ToolFailed(
            f"apt-get took longer than {limit(APT_SECONDS):g} s",
            ran=shlex.join(command),
            output=said,
            remedy=more_patience(),
        )
    return done.status, said


def _becoming_root(by_hand: str) -> list[str]:
    """Return the words that go before a command that needs root.

    Raises:
        HostonlyError: there is no sudo, or it wants a password and there is nobody to type it.
    """
    asking = "[sudo] password for %u, to install the packages named above: "
    words = as_root([], prompt=asking)
    if words and shutil.which("sudo") is None:
        raise HostonlyError(
            "installing Debian packages needs root, and there is no sudo", remedy=by_hand
        )
    at_a_terminal = all(stream and stream.isatty() for stream in (sys.stdin, sys.stderr))
    if asking in words and not at_a_terminal:
        raise HostonlyError(
            "installing Debian packages needs root, and sudo wants a password that nobody is there to type",
            remedy=by_hand,
        )
    return words
