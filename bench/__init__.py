"""The task ``./inv bench``: the speed of hostonly beside the same work without it.

Each group of rows is a module with ``ROWS`` and ``comparisons``; ``GROUPS`` names them in the order
in which they run. A row is a ratio of two sides that were measured in the same run, in turns.
"""

from __future__ import annotations

# The cheap ones first, so that the first rows come soon.
GROUPS = ("start", "hello", "commands", "image", "demo", "lifecycle", "many", "box")
