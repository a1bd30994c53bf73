"""The console script ``inv``: the short way where there is one, else the whole program."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run what the command line says."""
    if sys.argv[1:2] == ["sandbox.exec"]:
        from hostonly.sandbox import quick

        quick.attempt(Path(__file__).resolve().parents[2], sys.argv)
    from hostonly.program import main as whole

    whole()
