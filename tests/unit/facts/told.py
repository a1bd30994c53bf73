"""A vantage whose commands end as a test says."""

from __future__ import annotations

from collections.abc import Sequence

from hostonly.errors import Unreachable
from hostonly.vantages import Result, shown


class Told:
    """A sandbox that gives these results, one a command, in this order: exit status, standard output
    and standard error; None where it could not be reached. It notes what is run."""

    name = prompt = "sandbox"

    def __init__(self, *results: tuple[int, str, str] | None) -> None:
        self.results = list(results)
        self.ran: list[str] = []

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        self.ran.append(shown(argv))
        told = self.results.pop(0)
        if told is None:
            raise Unreachable("the connection broke")
        return Result(self.name, self.prompt, shown(argv), *told, 0.0)
