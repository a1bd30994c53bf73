"""The row of the time that ``./inv`` takes to start, beside Invoke alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Comparison, timed
from bench.result import Row
from bench.workspace import Workspace
from hostonly.errors import ToolFailed
from hostonly.host.command import run

LIST = Row("list", "s", "./inv --list over invoke --list of an empty tasks.py", 1.3)

ROWS = (LIST,)


@contextmanager
def comparisons(workspace: Workspace, wanted: set[str]) -> Iterator[list[Comparison]]:
    """Compare both in the same environment: our own ``.venv``."""
    empty = workspace.folder / "empty"
    empty.mkdir()
    (empty / "tasks.py").touch()
    invoke = str(Path(sys.executable).with_name("invoke"))
    try:
        yield [
            Comparison(
                (LIST,),
                timed(
                    LIST.name, lambda: run(["./inv", "--list"], cwd=workspace.user.root, timeout=60)
                ),
                timed(LIST.name, lambda: _empty(invoke, empty)),
            )
        ]
    finally:
        (empty / "tasks.py").unlink()
        run(["rm", "-rf", "--one-file-system", str(empty)])


def _empty(invoke: str, folder: Path) -> None:
    """Let ``invoke`` list the tasks of an empty tasks.py; it exits 1, since there are none."""
    done = subprocess.run(
        [invoke, "--list"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=60,
        check=False,
    )
    if "No tasks found" not in done.stdout + done.stderr:
        raise ToolFailed("invoke did not list an empty tasks.py", output=done.stderr)
