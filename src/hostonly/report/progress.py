"""Progress on standard error: in a terminal a spinner for each work, and a line when it is done.

Several threads may be at work at once: each has a line of its own meanwhile.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from hostonly.events import Done, Event, Progress, Started, Unchanged, Warned
from hostonly.report.escape import plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.spinner import Spinner

# On a terminal a tool's own lines come and go behind the spinner; in a log one now and then will do.
LOG_SECONDS = 5.0


@dataclass(slots=True)
class _Work:
    """The work of a thread; ``said`` is when a line of it was last written to the log."""

    what: str
    said: float
    line: str = ""
    spinner: Spinner | None = None


class Follower:
    """A renderer of events; use it as a context manager, so that the terminal is left as it was."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console
        self._turn = threading.RLock()
        self._at_work: dict[int, _Work] = {}
        self._live: Live | None = None

    @property
    def console(self) -> Console:
        """The console to render on, made at first use, since many a command has nothing to say."""
        if self._console is None:
            from hostonly.report.console import Beside

            self._console = Beside(stderr=True, highlight=False)
        return self._console

    def __call__(self, event: Event) -> None:
        """Render one event; pass over kinds that are not known."""
        with self._turn:
            match event:
                case Started(what):
                    self._start(plain(what))
                case Progress(line):
                    self._progress(plain(line))
                case Done(what, seconds):
                    took = "" if seconds is None else f" [dim]({seconds:.1f} s)[/dim]"
                    self._line(f"[green]✓[/green] {_escaped(plain(what))}{took}")
                case Unchanged(what):
                    self._line(f"[dim]= {_escaped(plain(what))}[/dim]")
                case Warned(what):
                    self._line(f"[yellow]![/yellow] {_escaped(plain(what))}")

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
        """Take the spinners away, before something else writes to the terminal."""
        with self._turn:
            self._at_work.clear()
            self._show()

    def _start(self, what: str) -> None:
        self._at_work[threading.get_ident()] = _Work(what, time.monotonic())
        if self.console.is_terminal:
            self._show()
        else:
            self._print(f"… {_escaped(what)}")

    def _progress(self, line: str) -> None:
        work = self._at_work.get(threading.get_ident())
        if work is None:
            return
        work.line = line
        if not self.console.is_terminal and time.monotonic() - work.said >= LOG_SECONDS:
            work.said = time.monotonic()
            # Beside other work, a line says of what it is.
            of = f"{work.what}: " if len(self._at_work) > 1 else ""
            self._print(f"  [dim]{_escaped(of + line)}[/dim]")

    def _line(self, markup: str) -> None:
        self._at_work.pop(threading.get_ident(), None)
        self._show()
        self._print(markup)

    def _print(self, markup: str) -> None:
        # A line stays a line: who reads a log looks for whole ones.
        self.console.print(markup, soft_wrap=True)

    def _show(self) -> None:
        """Show the spinners of all that is at work; rich renews them until nothing is."""
        if self._at_work and self.console.is_terminal:
            if self._live is None:
                from rich.live import Live

                self._live = Live(
                    console=self.console,
                    get_renderable=self._spinners,
                    transient=True,
                    refresh_per_second=10,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._live.start()
        elif self._live is not None:
            self._live.stop()
            self._live = None

    def _spinners(self) -> RenderableType:
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        # Called by rich's own thread, which must never wait for one that waits for it.
        works = list(self._at_work.values())
        for work in works:
            text = Text.from_markup(self._text(work))
            if work.spinner is None:
                work.spinner = Spinner("dots", text)
            work.spinner.text = text
        return Group(*(work.spinner for work in works if work.spinner))

    def _text(self, work: _Work) -> str:
        room = self.console.width - len(work.what) - 4
        detail = f" [dim]{_escaped(work.line[:room])}[/dim]" if work.line and room > 20 else ""
        return f"{_escaped(work.what)}{detail}"


def _escaped(text: str) -> str:
    """Return ``text`` in a form in which rich takes nothing for markup."""
    from rich.markup import escape

    return escape(text)
