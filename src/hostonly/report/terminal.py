"""Results as a transcript that a person likes to read.

All output of commands is escaped before it is printed: a container wrote it, and it must neither
drive the terminal nor be read as rich's markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import IO

from rich.text import Text

from hostonly.claims import ClaimResult, Verdict
from hostonly.events import Event
from hostonly.report.console import Beside, Transcript
from hostonly.report.escape import plain
from hostonly.report.matrix import table
from hostonly.report.progress import Follower
from hostonly.results.judged import CheckResult, DemoResult, DemosResult, Judged, MatrixResult
from hostonly.results.transcript import ClaimJudged, DemoEnded, DemoStarted, StepEnded, StepStarted

# Of a long output the first lines are shown; the JSON document has them all.
SHOWN_LINES = 24
EVIDENCE_LINES = 6

MARKS = {
    Verdict.HOLDS: ("✓", "green"),
    Verdict.FAILS: ("✗", "bold red"),
    Verdict.UNKNOWN: ("?", "bold yellow"),
    Verdict.SKIPPED: ("-", "cyan"),
}


def shortened(output: str, lines: int = SHOWN_LINES) -> str:
    """Return the first ``lines`` lines, and how many more there are."""
    every = output.rstrip("\n").split("\n")
    if len(every) <= lines + 1:
        return "\n".join(every)
    return "\n".join([*every[:lines], f"… {len(every) - lines} more lines"])


class Terminal:
    """A printer of steps and claims as they come, and of results when all is done, on ``stream``.

    Events of other kinds, progress, go to ``follower``. ``beside`` another result, a JSON document,
    it does not matter whether anybody reads it; else the ``BrokenPipeError`` is raised, once.
    """

    def __init__(self, stream: IO[str] | None, follower: Follower, *, beside: bool = False) -> None:
        self._follower = follower
        kind = Beside if beside else Transcript
        # Of no stream at all rich would make standard output.
        self._console = kind(
            file=stream, quiet=stream is None, highlight=False, markup=False, soft_wrap=True
        )

    def __call__(self, event: Event) -> None:
        """Print ``event``."""
        match event:
            case StepStarted(prompt, command):
                self._print((f"{prompt}$ ", "bold cyan"), (command, "bold"))
            case StepEnded(result):
                self._output(result.output)
                if not result.ok:
                    self._print((f"    exit {result.exit}", "yellow"))
            case ClaimJudged(claim):
                self._claim(claim)
            case DemoStarted(name, summary):
                self._print((f"demo.{name}", "bold"), (f"  {summary}", ""))
            case DemoEnded(demo):
                self._demo_end(demo)
            case _:
                self._follower(event)

    def end(self, result: Judged) -> None:
        """Print the whole result; a demo's was printed when the demo ended."""
        match result:
            case DemosResult():
                self._demos_end(result)
            case CheckResult(name, claims, seconds, namespace):
                self._end(f"{namespace}.{name}", result.verdict, claims, seconds)
            case MatrixResult():
                self._matrix(result)

    def _demo_end(self, result: DemoResult) -> None:
        self._end(f"demo.{result.name}", result.verdict, result.claims, result.seconds)
        if result.kept:
            self._print(("Left in place, as asked. To remove it:", ""))
            for command in result.kept:
                self._print((f"    {command}", "bold"))

    def _matrix(self, result: MatrixResult) -> None:
        """Print the matrix, every cell that is not as expected with its evidence, then the sum."""
        self._follower.pause()
        if result.cells:
            for line in table(result):
                self._console.print(line)
        claims = (*(cell.claim for cell in result.cells), *result.claims)
        for claim in claims:
            if claim.verdict in (Verdict.FAILS, Verdict.UNKNOWN):
                self._claim(claim, outputs=True)
        self._end("check.matrix", result.verdict, claims, result.seconds)

    def _demos_end(self, result: DemosResult) -> None:
        """Print one line for each demo, and one for the whole."""
        width = max((len(demo.name) for demo in result.demos), default=0)
        self._print(("", ""))
        for demo in result.demos:
            mark, style = MARKS[demo.verdict]
            self._print(
                (f"{mark} {demo.verdict:<8}", style),
                (f" demo.{demo.name:<{width}}", "bold"),
                (f"  {tally(demo.claims)}, {demo.seconds:.1f} s", ""),
            )
        mark, style = MARKS[result.verdict]
        counted = f"  {len(result.demos)} demos, {result.seconds:.1f} s"
        self._print((f"{mark} {result.verdict}", style), (counted, ""))

    def _end(
        self, title: str, verdict: Verdict, claims: tuple[ClaimResult, ...], seconds: float
    ) -> None:
        mark, style = MARKS[verdict]
        self._print(
            (f"{mark} {verdict}", style), (f"  {title}: {tally(claims)}, {seconds:.1f} s", "")
        )

    def _output(self, output: str, *, indent: int = 4, lines: int = SHOWN_LINES) -> None:
        if output.strip():
            for line in shortened(output.replace("\r\n", "\n"), lines).split("\n"):
                self._print((f"{' ' * indent}{line}", "dim"))

    def _claim(self, claim: ClaimResult, *, outputs: bool = False) -> None:
        """Print a claim with its evidence: the commands, and with ``outputs`` their output as well.

        ``outputs`` is for commands that no step has shown."""
        mark, style = MARKS[claim.verdict]
        # A line break from a container must not begin a line that looks like a verdict of ours.
        sentence, because = (" ".join(t.splitlines()) for t in (claim.sentence, claim.because))
        self._print((f"{mark} {claim.verdict:<7}", style), (f" {sentence}", "bold"))
        self._print((f"          {because}", ""))
        if outputs:
            for result in claim.evidence:
                self._print((f"          {result.prompt}$ {result.command}", "dim"))
                self._output(result.output, indent=14, lines=EVIDENCE_LINES)
            return
        commands = Counter(f"{result.prompt}$ {result.command}" for result in claim.evidence)
        for command, times in commands.items():
            again = f"  (×{times})" if times > 1 else ""
            self._print((f"          {command}{again}", "dim"))

    def _print(self, *pieces: tuple[str, str]) -> None:
        self._follower.pause()
        text = Text()
        for words, style in pieces:
            text.append(plain(words), style=style)
        self._console.print(text)


def tally(claims: Sequence[ClaimResult]) -> str:
    """Return how many claims came to which verdict: ``7 claims: 6 HOLDS, 1 FAILS``."""
    counts = [
        f"{sum(claim.verdict is verdict for claim in claims)} {verdict}"
        for verdict in Verdict
        if any(claim.verdict is verdict for claim in claims)
    ]
    number = f"{len(claims)} claim{'' if len(claims) == 1 else 's'}"
    return f"{number}: {', '.join(counts)}" if counts else f"{number} judged"
