"""The errors of this library: what happened, what was run, its last lines, what to do next.

Nothing here prints or exits. ``hostonly.cli`` makes text and an exit code of an error.
"""

from __future__ import annotations

import re

# A failed build prints thousands of lines; its reason is nearly always in the last few.
OUTPUT_LINES = 15


# Escape sequences for a terminal (ECMA-48): colours, the cursor's place, its title.
ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)
# A caller in the trace of a Ruby or Java program that died: hundreds of them hide what it died of.
_CALLER = re.compile(r"\s+(?:from \S.*:\d+:in [`'].*|at [\w.$/]+\(.*\))")
# A name and password before a URL's host.
LOGIN = re.compile(r"(?<=://)[^\s/'\"@]*:[^\s/'\"]*@(?=[\w.\[-])")


def bare(output: str) -> str:
    """Return ``output`` without escape sequences, and with asterisks for the logins in its URLs."""
    return LOGIN.sub("********@", ESCAPES.sub("", output))


def last_lines(output: str, count: int = OUTPUT_LINES) -> str:
    """Return the last ``count`` lines of ``output``, ``bare``, without blank lines at its end.

    The callers in a trace are left out: the reason stands before them.
    """
    lines = bare(output).rstrip().splitlines()
    return "\n".join([line for line in lines if not _CALLER.fullmatch(line)][-count:])


class HostonlyError(Exception):
    """Something could not be done or observed.

    ``what`` says what happened, in one sentence; ``ran`` is the command, as a person would type it;
    ``output`` has the last lines that it printed; ``remedy`` says what to do next.
    """

    exit_code = 3

    def __init__(
        self,
        what: str,
        *,
        ran: str | None = None,
        output: str = "",
        remedy: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.ran = ran
        self.output = last_lines(output)
        self.remedy = remedy

    def __str__(self) -> str:
        parts = [self.what]
        if self.ran:
            parts.append(f"ran: {self.ran}")
        if self.output:
            parts.append(self.output)
        if self.remedy:
            parts.append(self.remedy)
        return "\n".join(parts)


class UsageError(HostonlyError):
    """Wrong arguments, told in one line: nothing was changed."""

    exit_code = 2


class SettingsError(UsageError):
    """A wrong or unknown setting, in a file or in the environment."""


class Taken(HostonlyError):
    """A name or an address is somebody else's: nothing was changed."""


class ToolFailed(HostonlyError):
    """A program that we ran failed, ran out of time, or could not be started."""


class Unreachable(HostonlyError):
    """The transport to a vantage failed: nothing is known about what was asked."""


def shown(value: object) -> str:
    """Return ``value`` for an error: its repr, at most 60 characters, without escape sequences."""
    text = ascii(value) if not isinstance(value, str) or not value.isprintable() else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
