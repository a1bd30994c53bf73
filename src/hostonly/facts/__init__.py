"""One module for each fact: the question that asks for it, and the pure parser of the answer.

A fact is ``Observed`` or ``NotObserved``; a missing tool, a refused permission or unreadable output
is never an empty value. ``observe`` and ``observe_all`` are the one door to a fact."""

from hostonly.facts.fact import (
    Fact,
    NotObserved,
    Observed,
    Unreadable,
    read,
    select,
    settled,
    together,
)
from hostonly.facts.questions import Question, observe, observe_all, question

__all__ = [
    "Fact",
    "NotObserved",
    "Observed",
    "Question",
    "Unreadable",
    "observe",
    "observe_all",
    "question",
    "read",
    "select",
    "settled",
    "together",
]
