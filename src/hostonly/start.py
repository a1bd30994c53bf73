"""The console script ``inv``: the short way where there is one, else the whole program."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run what the command line says."""
    root = Path(__file__).resolve().parents[2]
    task = "".join(sys.argv[1:2])
    try:
        if task == "sandbox.exec":
            from hostonly.sandbox import quick

            quick.attempt(root, sys.argv)
        elif task in ("image.build", "image.push"):
            from hostonly.image.quick import unchanged

            said = unchanged(root, sys.argv)
            if said is not None:
                from hostonly.report.brief import say_unchanged

                say_unchanged(said)
                return
    except KeyboardInterrupt:
        sys.exit(130)
    from hostonly.program import main as whole

    whole()
