"""Events on a terminal's standard error: a spinner while work goes on, a line when it is done."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from hostonly.events import Done, Event, Progress, Started, Unchanged, Warned
from hostonly.report.safe import plain

if TYPE_CHECKING:
    from rich.status import Status

# On a terminal a tool's own lines come and go behind the spinner; in a log one now and then will do.
LOG_SECONDS = 5.0


class Follower:
    """Renders events; use it as a context manager, so that the terminal is left as it was."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._status: Status | None = None
        self._what = ""
        self._said = 0.0

    def __call__(self, event: Event) -> None:
        """Render one event; kinds that are not known are passed over."""
        match event:
            case Started(what):
                self._start(plain(what))
            case Progress(line):
                self._progress(plain(line))
            case Done(what, seconds):
                took = "" if seconds is None else f" [dim]({seconds:.1f} s)[/dim]"
                self._line(f"[green]✓[/green] {escape(plain(what))}{took}")
            case Unchanged(what):
                self._line(f"[dim]= {escape(plain(what))}[/dim]")
            case Warned(what):
                self._line(f"[yellow]![/yellow] {escape(plain(what))}")

    def __enter__(self) -> Follower:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pause()

    def pause(self) -> None:
        """Take the spinner away, before something else writes to the terminal."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _start(self, what: str) -> None:
        self._what, self._said = what, time.monotonic()
        if not self.console.is_terminal:
            self.console.print(f"… {escape(what)}")
            return
        self.pause()
        self._status = self.console.status(escape(what))
        self._status.start()

    def _progress(self, line: str) -> None:
        if self._status is not None:
            room = max(20, self.console.width - len(self._what) - 8)
            self._status.update(f"{escape(self._what)} [dim]{escape(line[:room])}[/dim]")
        elif time.monotonic() - self._said >= LOG_SECONDS:
            self._said = time.monotonic()
            self.console.print(f"  [dim]{escape(line)}[/dim]")

    def _line(self, markup: str) -> None:
        self.pause()
        self.console.print(markup)
