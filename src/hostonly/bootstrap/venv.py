"""Making ``.venv``, one at a time, and becoming the ``inv`` in it."""

from __future__ import annotations

import math
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from hostonly import unusable
from hostonly.bootstrap.progress import say
from hostonly.bootstrap.stamp import differing, stamp
from hostonly.bootstrap.step import run
from hostonly.bootstrap.wheel import find_pip
from hostonly.errors import HostonlyError
from hostonly.flock import Lock
from hostonly.waiting import until

# src/hostonly/bootstrap/venv.py -> the checkout.
ROOT = Path(__file__).resolve().parents[3]

# requirements.lock is complete, so nothing is resolved; wheels only, so nothing is built. Python
# compiles each module when it is first imported: all 67 packages at once would double the time.
INSTALL_PINNED = shlex.split(
    "install --no-compile --no-deps --require-hashes --only-binary :all: --requirement"
)
# Where the user's settings keep Python from compiling (PYTHONDONTWRITEBYTECODE), each call would
# compile anew: then all is compiled at once.
COMPILE = shlex.split("-m compileall -q -j 0")
# The build backend is among the pinned packages, so nothing is fetched.
INSTALL_EDITABLE = shlex.split(
    "install --quiet --no-deps --no-build-isolation --no-index --force-reinstall --editable"
)


def make(root: Path, held: Lock) -> None:
    """Bring ``.venv`` up to date; each step gets the lock that is ``held``.

    Raises:
        HostonlyError: a step failed.
    """
    wrong = differing(root)
    if not wrong:
        return
    venv = root / ".venv"
    python = str(venv / "bin" / "python")
    complete = venv / ".complete"
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    if wrong != ["pyproject.toml"]:
        say("making .venv (once; about 20 s)")
        if venv.is_symlink() or venv.is_file():
            venv.unlink()
        elif venv.exists():
            # Without its stamp first, so that a kill in the middle is noticed.
            shutil.rmtree(complete, ignore_errors=True)
            shutil.rmtree(venv)
        # sys.executable may be a shim's; venv itself resolves what is behind it.
        run(
            [sys.executable, "-I", "-m", "venv", "--without-pip", str(venv)],
            held,
            "making .venv",
            root,
        )
        pip = find_pip(lock, venv, root)
        count = len(re.findall(r"^\S+==", lock, re.MULTILINE))
        say(f"installing {count} pinned Python packages into .venv")
        run(
            [python, f"{pip}/pip", *INSTALL_PINNED, str(root / "requirements.lock")],
            held,
            "installing the pinned Python packages",
            root,
        )
        if pip.parent == venv:
            pip.unlink()
    shutil.rmtree(complete, ignore_errors=True)
    # Last, so that `inv` in .venv/bin is this project's and not Invoke's own.
    run(
        [python, "-m", "pip", *INSTALL_EDITABLE, str(root)],
        held,
        "installing hostonly into .venv",
        root,
    )
    _spell_relative(root)
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        run(
            [python, *COMPILE, str(root / "src" / "hostonly"), str(venv / "lib")],
            held,
            "compiling what is in .venv",
            root,
        )
    half = venv / ".complete.new"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    for name, content in stamp(root).items():
        (half / name).write_bytes(content)
    # Packages before the stamp that vouches for them, also over a power cut.
    os.sync()
    half.rename(complete)
    say(".venv is complete")


def _spell_relative(root: Path) -> None:
    """Make ``.venv`` name the place of the project's code relatively, without a folder's name.

    Python 3.11 reads such a line by the locale's encoding, even in its UTF-8 mode, and does not
    start at all where that lacks the letters: with ``LC_ALL=C``, in a checkout at ``/tmp/ä``.
    """
    for line in (root / ".venv").glob("lib/*/site-packages/_hostonly.pth"):
        line.write_text(os.path.relpath(root / "src", line.parent) + "\n", encoding="ascii")


def refuse_unreadable(root: Path) -> None:
    """Refuse a checkout in which Vagrant and pip cannot work.

    Raises:
        HostonlyError: the name of the checkout's folder is no text.
    """
    try:
        os.fsencode(root).decode("utf-8")
    except UnicodeDecodeError as error:
        raise HostonlyError(
            f"the checkout lies in a folder whose name is not UTF-8: {ascii(os.fsencode(root))[2:-1]}",
            remedy="Vagrant and pip cannot work there. Give that folder another name, or move the checkout.",
        ) from error


def locked(root: Path) -> Lock:
    """Take the lock of ``.venv``, waiting for another ``./inv``."""
    state = root / ".hostonly"
    state.mkdir(exist_ok=True)
    lock = Lock(state / "venv.lock")
    if not lock.take():
        say("waiting for another ./inv that is making .venv")
        until(lock.take, bool, math.inf)
    return lock


def _interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Make ``.venv`` if needed and become its ``inv``; return an exit code where that failed."""
    # A SIGTERM must not leave pip running behind our back.
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        refuse_unreadable(ROOT)
        with locked(ROOT) as lock:
            make(ROOT, lock)
    except KeyboardInterrupt:
        say("interrupted; the next ./inv goes on from here")
        return 130
    except (HostonlyError, OSError) as error:
        say(str(unusable.in_words(error, ROOT) or error))
        return HostonlyError.exit_code
    python = str(ROOT / ".venv" / "bin" / "python")
    os.execv(python, [python, str(ROOT / ".venv" / "bin" / "inv"), *arguments])
