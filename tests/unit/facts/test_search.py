"""What find(1) found and was not let into, read from captured output of findutils 4.9 and coreutils 9.1."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly.facts import NotObserved, Observed, Unreadable, observe_all
from hostonly.facts.confinement import parse_paths
from hostonly.facts.search import Found, read_search, search
from hostonly.vantages import Host

CAPTURED = Path(__file__).parent / "search"


def test_a_closed_folder_is_part_of_the_answer() -> None:
    text = (CAPTURED / "closed.txt").read_text()
    assert read_search(text, parse_paths) == Found(("/srv/x/open/a",), ("/srv/x/closed",))


def test_what_has_gone_meanwhile_was_not_there() -> None:
    text = (CAPTURED / "gone.txt").read_text()
    assert read_search(text, parse_paths) == Found(("/srv/x/open/a",))


@pytest.mark.parametrize(
    "line",
    [
        "find: ‘/srv/x’: Input/output error",
        "find: paths must precede expression: `x'",
        "sudo: a password is required",
    ],
)
def test_any_other_message_is_no_answer(line: str) -> None:
    with pytest.raises(Unreadable):
        read_search(f"/srv/x/a\n{line}\n", parse_paths)


def test_searched_for_real(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    looks = {
        "found": search(["find", str(tmp_path), "-type", "f"], parse_paths),
        "gone": search(["find", str(tmp_path / "gone")], parse_paths),
        "no such tool": search(["hostonly-no-such-tool"], parse_paths),
    }
    facts = observe_all(Host(), looks)
    found, gone = facts["found"], facts["gone"]
    assert isinstance(found, Observed) and found.value == Found((str(tmp_path / "a"),))
    assert isinstance(gone, Observed) and gone.value == Found(())
    assert isinstance(facts["no such tool"], NotObserved)
