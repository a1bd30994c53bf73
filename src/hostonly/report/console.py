"""rich's Console for streams whose reader may go away before the end, as in ``./inv … | head``.

rich itself leaves with status 1 then, which here means that a claim fails.
"""

from __future__ import annotations

from rich.console import Console


class Beside(Console):
    """For what stands beside the result, on standard error: where nobody reads it, it is not written."""

    def on_broken_pipe(self) -> None:
        """Be quiet from now on. Called by rich while it handles the ``BrokenPipeError``."""
        self.quiet = True


class Transcript(Beside):
    """For the result itself: once, and then never again, the ``BrokenPipeError`` is the caller's.

    Once is enough to stop, and whoever clears up meanwhile may go on telling of it.
    """

    def on_broken_pipe(self) -> None:
        """Be quiet from now on, and raise."""
        super().on_broken_pipe()
        raise
