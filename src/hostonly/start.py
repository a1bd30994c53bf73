"""The console script ``inv``: the short way where there is one, else the whole program."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path

from hostonly.errors import HostonlyError


def main() -> None:
    """Run what the command line says."""
    _in_utf8()
    root = Path(__file__).resolve().parents[2]
    task = "".join(sys.argv[1:2])
    try:
        if task == "sandbox.exec":
            from hostonly.sandbox import quick

            quick.attempt(root, sys.argv)
        elif task == "sandbox.status":
            _status(root)
        elif task in ("image.build", "image.push"):
            from hostonly.image.quick import unchanged

            said = unchanged(root, sys.argv)
            if said is not None:
                from hostonly.report.notice import say_unchanged

                say_unchanged(said)
                sys.exit(0)
        elif task in ("sandbox.up", "sandbox.halt", "sandbox.destroy"):
            from hostonly.sandbox import ahead

            with ahead.begun(root, sys.argv):
                _whole()
            return
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter would flush it again, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(3)
    except (HostonlyError, OSError) as error:
        from hostonly.program import HostonlyProgram

        sys.exit(HostonlyProgram().failed(error))
    _whole()


def _in_utf8() -> None:
    """Begin again in Python's UTF-8 mode where the locale has another encoding; `./inv` sets it from the
    start, this is for an `inv` on the PATH and for `python -m hostonly`.

    What the standard output cannot say (PYTHONIOENCODING=ascii, a name that is no text) is escaped.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    # Without one there is None; a test's own stream is left alone.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _whole() -> None:
    from hostonly.program import main

    main()


def _status(root: Path) -> None:
    """Print the states and leave, where the settings are noted; else return."""
    from hostonly.sandbox import quick, status

    note = quick.recall(root) if status.asked(sys.argv) else None
    if note is None:
        return
    try:
        found = status.noted(root, note)
    except (HostonlyError, OSError, KeyError, TypeError):
        return
    from hostonly.report.escape import plain
    from hostonly.report.status import as_json, as_table

    print(plain((as_json if "--json" in sys.argv else as_table)(found)), flush=True)
    sys.exit(0)
