"""Consoles of rich's for streams whose reader may go away before the end, as in ``./inv … | head``.

rich itself leaves with status 1 then, which here means that a claim fails.
"""

from __future__ import annotations

from rich.console import Console


class Beside(Console):
    """A console for what stands beside the result, on standard error; nobody has to read it."""

    def on_broken_pipe(self) -> None:
        """Be quiet from now on; rich calls this while it handles the ``BrokenPipeError``."""
        self.quiet = True


class Transcript(Beside):
    """A console for the result itself, which lets the caller have the ``BrokenPipeError`` once.

    Once is enough to stop the caller, who may then go on telling how it clears up.
    """

    def on_broken_pipe(self) -> None:
        """Be quiet from now on, and raise."""
        super().on_broken_pipe()
        raise
