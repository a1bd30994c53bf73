"""Text from elsewhere, made safe for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable

# All control characters but tab and newline, and the marks that turn the direction of text:
# what a container prints must neither drive the terminal nor look like something else.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Return ``text`` with terminal control characters made visible as escapes."""
    return CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def one_a_line(names: Iterable[str]) -> str:
    """Return ``names`` one a line; a line break inside of one does not make two of it."""
    return "\n".join(plain(name).replace("\n", "\\n") for name in names)
