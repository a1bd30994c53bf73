"""Errors as text: one paragraph on stderr, in plain characters; Invoke's messages made clear."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from invoke.parser import Argument

from hostonly.errors import HostonlyError, UsageError, last_lines
from hostonly.report.escape import plain


def short(value: object, limit: int = 60) -> str:
    """Return ``value`` for a one-line message: shortened, printable, quoted if not plain."""
    text = value if isinstance(value, str) else repr(value)
    if text != plain(text) or "\n" in text or not text or text != text.strip():
        text = repr(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def explained(message: str, tasks: Sequence[str], flags: Sequence[str]) -> str:
    """Return Invoke's message in one line; an unknown task or flag with the nearest known ones."""
    line = short(" ".join(message.split()), 200)
    unknown = re.search(r"No idea what '(.*)' is!", message)
    if unknown is None:
        return line
    name = unknown[1]
    from difflib import get_close_matches

    if name.startswith("-"):
        kind, known, seeing = "flag", flags, "./inv --help TASK shows a task's flags"
    else:
        kind, known, seeing = "task", tasks, "./inv --list shows all"
    near = get_close_matches(name[:100], known, n=3, cutoff=0.6)
    if kind == "task" and not near:
        near = [word for word in known if word.endswith(f".{name}")][:3]
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"there is no {kind} {short(name)}{meant} ({seeing})"


def flag_of(trace: TracebackType | None) -> str | None:
    """Return the flag whose value Invoke could not cast: its error has the value only."""
    found = None
    while trace is not None:
        owner = trace.tb_frame.f_locals.get("self")
        if isinstance(owner, Argument):
            found = (owner.name or "").replace("_", "-")
        trace = trace.tb_next
    return found


def bad_value(error: ValueError) -> str:
    """Return the value that Invoke could not cast, as it quotes it."""
    quoted = re.search(r": ('.*'|\".*\")$", str(error), re.DOTALL)
    return quoted[1] if quoted else str(error)


def paragraph(error: HostonlyError) -> str:
    """Return what happened, what was run, its last lines and what to do next, or one line."""
    what = error.what if not isinstance(error, UsageError) else " ".join(error.what.split())
    parts = [f"inv: {what}"]
    if error.ran:
        parts.append(f"  run:  {error.ran}")
    if error.output:
        parts += [f"  | {line}" for line in last_lines(error.output).splitlines()]
    if error.remedy:
        parts.append(f"  next: {error.remedy}")
    return "\n".join(parts)


def say(text: str) -> None:
    """Write to stderr, and ignore that it cannot be written."""
    # There may be no reader; the exit code still tells.
    with suppress(OSError, ValueError):
        if sys.stdout is not None:
            sys.stdout.flush()
    with suppress(OSError, ValueError):
        print(plain(text), file=sys.stderr, flush=True)
