"""Work in the background, and its end before its time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hostonly.background import Background
from hostonly.errors import ToolFailed
from hostonly.host.command import run
from hostonly.waiting import until


def test_the_result_is_waited_for() -> None:
    with Background(lambda: run(["sh", "-c", "sleep 0.1; echo done"])) as work:
        assert work.result() == "done\n"


def test_an_error_of_the_work_is_raised_where_its_result_is_asked_for() -> None:
    with Background(lambda: run(["sh", "-c", "exit 3"])) as work, pytest.raises(ToolFailed):
        work.result()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, ToolFailed])
def test_its_programs_end_when_the_context_is_left_by_an_error(
    tmp_path: Path, interrupt: type[BaseException]
) -> None:
    begun, after = tmp_path / "begun", tmp_path / "after"

    def work() -> None:
        run(["sh", "-c", f"touch {begun}; sleep 30"])
        after.touch()

    start = time.monotonic()
    with pytest.raises(interrupt), Background(work):
        until(begun.exists, bool, 20.0)
        raise interrupt("now")
    assert time.monotonic() - start < 25
    assert begun.exists() and not after.exists()


def test_what_it_starts_after_the_word_ends_as_well() -> None:
    codes: list[str] = []

    def work() -> None:
        for _ in range(2):
            try:
                run(["sleep", "30"])
            except ToolFailed as error:
                codes.append(error.what)

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Background(work):
        raise KeyboardInterrupt
    assert codes == ["sleep was ended", "sleep was ended"]
    assert time.monotonic() - start < 25
