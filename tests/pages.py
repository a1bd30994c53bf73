"""The pages docs/demo-NAME.md: which commands and which claims they show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"

COMMAND = re.compile(r"^    (host|sandbox2?)\$ (.*)$", re.MULTILINE)
ROW = re.compile(r"^\| `([a-z0-9.-]+)` \| (.*?) \| ", re.MULTILINE)
# What differs from run to run: addresses that the engine hands out or that a link gives itself, and
# process numbers.
HANDED_OUT = re.compile(
    r"\b(?:(?:172\.(?!16\.)\d+|10\.\d+|192\.168)\.\d+\.\d+|fe80::[0-9a-f:]*[0-9a-f])\b"
)
PIDS = re.compile(r"(?<=kill )[\d ]+")


def page(name: str) -> str:
    """The text of the page of demo `name`."""
    return (DOCS / f"demo-{name}.md").read_text()


def commands(text: str) -> list[tuple[str, str]]:
    """The prompts and commands that a page shows, in order."""
    return COMMAND.findall(text)


def claims(text: str) -> list[tuple[str, str]]:
    """The ids and sentences in a page's table of claims."""
    return ROW.findall(text)


def same_names(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """`pairs` with what differs from run to run numbered in the order of its appearance."""
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return numbers.setdefault(match[0], f"ADDRESS-{len(numbers) + 1}")

    return [(one, PIDS.sub("PID", HANDED_OUT.sub(number, other))) for one, other in pairs]
