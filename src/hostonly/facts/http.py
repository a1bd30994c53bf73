"""What an HTTP server answers: ``curl -q -sS -i --noproxy * -m 20 URL``.

Source: curl(1) 7.88. ``-i`` prints the status line and the headers before the body; exit statuses
7, 28, 52 and 56 mean that nobody answered as an HTTP server does, and why; others (2, 3: a wrong
option or address) say nothing about the server."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hostonly.facts.fact import Fact, NotObserved, Observed
from hostonly.facts.questions import Question
from hostonly.vantages import Result
from hostonly.waiting import limit

# For a server that does not answer at all: "no answer in time" is then what a claim says.
SECONDS = 20

NOBODY = {
    7: "refused or no route",
    28: "no answer in time",
    52: "an empty answer",
    56: "the connection was reset",
}
STATUS = re.compile(r"HTTP/[\d.]+ (\d{3})\b")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What was answered at a URL.

    ``status`` is None where nobody answered; ``because`` then says why. Header names are in lower
    case; ``body`` is text."""

    status: int | None
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    because: str = ""

    def header(self, name: str) -> str | None:
        """Return the first header called ``name`` (lower case)."""
        return next((value for key, value in self.headers if key == name), None)

    def __str__(self) -> str:
        return f"status {self.status}" if self.status is not None else self.because


def http(url: str, *, accept: str | None = None, socket: str | None = None) -> Question[HttpAnswer]:
    """Ask what is answered at ``url``, by the Unix ``socket`` where one is given."""
    # -q: no ~/.curlrc; --noproxy: a proxy would carry the request to somebody else.
    argv = ["curl", "-q", "-sS", "-i", "--noproxy", "*", "-m", f"{limit(SECONDS):.0f}"]
    argv += ["--unix-socket", socket] if socket else []
    argv += ["-H", f"Accept: {accept}"] if accept else []
    return Question((*argv, url), read_answer)


def read_answer(result: Result) -> Fact[HttpAnswer]:
    """Read what ``curl`` saw; not observed where it did not get to look."""
    if result.exit in NOBODY:
        last = result.stderr.strip().splitlines()
        why = last[-1].removeprefix("curl: ") if last else NOBODY[result.exit]
        return Observed(HttpAnswer(None, because=why), (result,))
    head, _, body = result.stdout.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.split("\n")
    match = STATUS.match(first)
    if not result.ok or match is None:
        return NotObserved(result.failure, (result,))
    headers = tuple(
        (name.strip().lower(), value.strip())
        for name, colon, value in (line.partition(":") for line in lines)
        if colon
    )
    return Observed(HttpAnswer(int(match[1]), headers, body), (result,))
