"""What every JSON document has in common: the schema that it names, and that it is one line.

Several tasks in one command line print one document each. A document a line (JSON Lines,
jsonlines.org) lets a reader tell them apart without knowing any of them.
"""

from __future__ import annotations

import json
from typing import Any

SCHEMA = "hostonly/1"


def dumps(document: dict[str, Any]) -> str:
    """``document`` as one line of text: pure ASCII, so that no terminal is driven by it."""
    return json.dumps(document)
