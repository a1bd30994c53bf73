"""The matrix as a table of at most 100 columns, with its reasons as numbered notes under it."""

from __future__ import annotations

from rich.text import Text

from hostonly.claims import Verdict
from hostonly.results.judged import Cell, MatrixResult

WIDTH = 100
# A column takes a mark, the longest outcome and the number of a note.
MODE, TARGET, COLUMN = 12, 10, 13

COLUMNS = {
    "host": ("host", ""),
    "sandbox": ("sandbox", ""),
    "sandbox2": ("second", "sandbox"),
    "same": ("container,", "same net"),
    "other": ("container,", "other net"),
    "routed": ("second,", "route set"),
}
TARGETS = {"own": "its own", "sandbox": "sandbox's", "loopback": "127.0.0.1"}
STYLES = {"ANSWERS": "green", "REFUSED": "yellow", "TIMEOUT": "magenta", "NO ROUTE": "blue"}
# What a cell says that was not as expected.
MARKS = {Verdict.FAILS: "✗", Verdict.UNKNOWN: "?", Verdict.SKIPPED: "-"}


def table(result: MatrixResult) -> list[Text]:
    """Return the lines of the table, its notes and its legend."""
    notes: dict[str, int] = {}
    for cell in result.cells:
        notes.setdefault(cell.aim.reason, len(notes) + 1)
    lines = [
        Text(f"Who reaches whom, engine {result.engine or 'unknown'}", style="bold"),
        Text(),
        *_heads(),
        Text("─" * WIDTH, style="dim"),
    ]
    rows: dict[str, dict[str, list[Cell]]] = {}
    for cell in result.cells:
        rows.setdefault(cell.aim.mode, {}).setdefault(cell.aim.target, []).append(cell)
    for mode, targets in rows.items():
        for number, (target, cells) in enumerate(targets.items()):
            line = Text(f"{mode if number == 0 else '':<{MODE}}", style="bold")
            line.append(f"{TARGETS[target]:<{TARGET}}", style="dim")
            at = {cell.aim.vantage: cell for cell in cells}
            for vantage in COLUMNS:
                _add(line, at.get(vantage), notes)
            lines.append(line)
    lines.append(Text("─" * WIDTH, style="dim"))
    for reason, number in notes.items():
        lines += _note(number, reason, [c for c in result.cells if c.aim.reason == reason])
    lines += _legend(result)
    return lines


def _heads() -> list[Text]:
    lines = []
    for number, (mode, target) in enumerate((("container's", "at which"), ("mode", "address"))):
        line = Text(f"{mode:<{MODE}}{target:<{TARGET}}", style="bold")
        for words in COLUMNS.values():
            line.append(f"{words[number]:<{COLUMN}}", style="bold")
        lines.append(line)
    return lines


def _add(line: Text, cell: Cell | None, notes: dict[str, int]) -> None:
    if cell is None:
        line.append(" " * COLUMN)
        return
    verdict = cell.claim.verdict
    if verdict is Verdict.HOLDS:
        said, style = cell.aim.expected.value, STYLES.get(cell.aim.expected, "")
    else:
        # Answered, but by another server: its name is in the evidence.
        said = f"{MARKS[verdict]}{(cell.observed or '').rpartition('(')[2].rstrip(')')}"
        style = "bold red" if verdict is Verdict.FAILS else "bold yellow"
    number = f" {notes[cell.aim.reason]}"
    line.append(said[: COLUMN - len(number) - 1], style=style)
    line.append(f"{number:<{COLUMN - min(len(said), COLUMN - len(number) - 1)}}", style="dim")


def _note(number: int, reason: str, cells: list[Cell]) -> list[Text]:
    """Return the reason and, where a cell is not as it says, what was expected there."""
    line = f"{number:>3}  {reason}"
    missed = [cell.aim.expected for cell in cells if cell.claim.verdict is not Verdict.HOLDS]
    if not missed:
        return [Text(line)]
    expected = f"(expected {', '.join(dict.fromkeys(missed))})"
    if len(line) + 1 + len(expected) <= WIDTH:
        return [Text(f"{line} {expected}")]
    return [Text(line), Text(f"     {expected}")]


def _legend(result: MatrixResult) -> list[Text]:
    lines = [
        Text(),
        Text("Each container runs HelloSocket at a port of its own, made with docker run and:"),
    ]
    for mode, options in result.options:
        lines.append(Text(f"     {mode:<{MODE}}{options or '(nothing: the default bridge)'}"))
    if any(cell.claim.verdict is not Verdict.HOLDS for cell in result.cells):
        lines += [
            Text(),
            Text(
                "✗ not as expected, ? could not be told, - not tried; its note says what was expected."
            ),
        ]
    return lines
