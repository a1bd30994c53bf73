"""What the pages tell to type exists: each `./inv …` has its task and its flags."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from invoke.parser import Parser

from hostonly.cli import HostonlyProgram
from hostonly.tasks import namespace

ROOT = Path(__file__).resolve().parents[2]
FIRST = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")]
PAGES = [*FIRST, *sorted((ROOT / "docs").glob("*.md"))]

# A line of a code block, or what stands between backticks.
TYPED = re.compile(r"(?:^(?:    |\$ )*|`)\./inv ([^`\n]*)", re.MULTILINE)
# Which task it is, or which of the core's options, is then for the reader to say.
ANY_TASK = re.compile(r"demo\.NAME|-.*")


def typed(page: str) -> list[str]:
    """The command lines that ``page`` tells to type, without `./inv`."""
    lines = []
    for found in TYPED.findall(page):
        line = re.split(r"\s(?:#|\(|[&|<>])|\s{3}|,? then |;", found)[0]
        lines.append(line.strip().rstrip("."))
    return lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_told_to_type_exists(page: Path) -> None:
    contexts = namespace().to_contexts()
    initial = HostonlyProgram().initial_context
    for line in typed(page.read_text()):
        words = shlex.split(line)
        words = words[: words.index("--")] if "--" in words else words
        if not ANY_TASK.fullmatch(words[0]):
            Parser(contexts=contexts, initial=initial).parse_argv(words)


def test_a_task_or_flag_that_is_not_there_is_noticed() -> None:
    assert typed("    ./inv hello.serve zoe   # x\n and `./inv demo.all`.") == [
        "hello.serve zoe",
        "demo.all",
    ]
    assert typed(PAGES[0].read_text())
