"""The common form of every JSON document: it names its schema, and it is one line.

Several tasks in one command line print one document each. A document a line (JSON Lines,
jsonlines.org) lets a reader tell them apart without knowing any of them.
"""

from __future__ import annotations

import json
from typing import Any

SCHEMA = "hostonly/1"


def dumps(document: dict[str, Any]) -> str:
    """Return ``document`` as one line of pure ASCII, so that it cannot drive a terminal."""
    return json.dumps(document)
