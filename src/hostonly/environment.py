"""The environment of the programs that we run: they speak English in UTF-8, without colours.

Only the standard library is imported: the bootstrap uses this module before there is a ``.venv``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

# Debian keeps `ip` and others in directories that an ordinary user's PATH lacks.
SYSTEM_DIRECTORIES = ("/usr/local/sbin", "/usr/sbin", "/sbin")

PLAIN = {
    # Messages in English; file names and texts in UTF-8, whatever the user's locale is.
    "LC_ALL": "C.UTF-8",
    # For programs in Python, also where the user has switched it off and the system knows no C.UTF-8.
    "PYTHONUTF8": "1",
    # Most programs honour one of the first two (no-color.org); the others have a name of their own.
    "NO_COLOR": "1",
    "TERM": "dumb",
    "PACKER_NO_COLOR": "1",
    "PIP_NO_COLOR": "1",
    "PIP_PROGRESS_BAR": "off",
}
# They ask for colours even where nobody sees them; some programs heed them before NO_COLOR.
COLOURFUL = ("FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS", "VAGRANT_FORCE_COLOR")
# With this one Python's streams would not be UTF-8, in spite of the above.
MISLEADING = ("PYTHONIOENCODING",)


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return ``base`` with the variables of ``PLAIN``, and the system directories on the PATH."""
    path = [entry for entry in base.get("PATH", os.defpath).split(os.pathsep) if entry]
    path += [entry for entry in SYSTEM_DIRECTORIES if entry not in path]
    kept = {key: value for key, value in base.items() if key not in (*COLOURFUL, *MISLEADING)}
    return {**kept, **PLAIN, "PATH": os.pathsep.join(path)}
