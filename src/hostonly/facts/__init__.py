"""One module a fact: the command that shows it and the pure parser that reads it.

A fact is ``Observed`` or ``NotObserved``; a missing tool, a refused permission or unreadable
output is never an empty value.
"""

from hostonly.facts.fact import (
    Fact,
    NotObserved,
    Observed,
    Unreadable,
    observe,
    read,
    select,
    settled,
    together,
)

__all__ = [
    "Fact",
    "NotObserved",
    "Observed",
    "Unreadable",
    "observe",
    "read",
    "select",
    "settled",
    "together",
]
