"""Many commands at one vantage in one round trip, side by side, each with its own result.

A connection to a sandbox costs some 50 ms for each command, too much for a check of twenty facts.
So a shell there starts all of them at once and tells the result of each.

Sources: timeout(1) of coreutils 9.1 (124 for a command that outlived its limit, 137 where it then
had to be killed; ``--foreground`` leaves it in the process group that the vantage ends); write(2)
to a pipe is whole up to PIPE_BUF (4096), so that lines shorter than that never mix."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from hostonly.errors import Unreachable
from hostonly.vantages import TIMED_OUT, Result, Vantage, shown
from hostonly.waiting import limit, more_patience

COMMAND_SECONDS = 30.0
# Beyond the commands' own limit: until the last of them has begun, and the last line has come. What is
# late there has ended by its own limit, or nearly: only of a place that is gone nothing more comes.
SPARE_SECONDS = 60.0
KILLED = 128 + 9

# Shell: NUMBER and a command line. Each line of the answer is NUMBER, what it is, and a piece of
# it: of output in base64, so that no byte of it can be taken for a line of ours.
PRELUDE = """\
exec 3>&1
tag() {
  base64 -w 3000 | while IFS= read -r piece; do printf '%s %s %s\\n' "$1" "$2" "$piece" >&3; done
}
job() {
  number=$1; shift
  {
    {
      read -r began rest </proc/uptime
      timeout --foreground -k 5 "$limit" "$@" </dev/null 3>&-
      status=$?
      read -r ended rest </proc/uptime
      printf '%s exit %s %s %s\\n' "$number" "$status" "$began" "$ended" >&3
    } 2>&1 >&4 4>&- | tag "$number" err
  } 4>&1 | tag "$number" out
}
"""


def run_at_once(
    vantage: Vantage, commands: Sequence[Sequence[str]], *, timeout: float = COMMAND_SECONDS
) -> tuple[Result, ...]:
    """Run ``commands`` at ``vantage`` side by side; return their results in order.

    Each result is as if the command ran alone. ``timeout`` is the limit of each in seconds; it
    begins with the command itself, since many on a slow machine begin one after the other. A
    command that outlives its limit has exit status 124.

    Raises:
        hostonly.errors.Unreachable: the vantage could not be reached, or did not tell of all.
    """
    if not commands:
        return ()
    calls = [f"job {number} {shlex.join(argv)} &" for number, argv in enumerate(commands)]
    script = "\n".join([f"limit={limit(timeout):g}", PRELUDE, *calls, "wait"])
    answer = vantage.run(["sh", "-c", script], timeout=timeout + SPARE_SECONDS)
    ends = _ends(answer.stdout, len(commands))
    missing = [shown(argv) for argv, end in zip(commands, ends, strict=True) if end.status is None]
    if missing:
        late = answer.exit == TIMED_OUT
        within = f" within {limit(timeout + SPARE_SECONDS):g} s" if late else ""
        raise Unreachable(
            f"{vantage.name} did not tell what became of {len(missing)} of {len(commands)} commands"
            f"{within}",
            ran=missing[0],
            output=answer.stderr,
            remedy=more_patience() if late else None,
        )
    return tuple(
        Result(
            answer.vantage,
            answer.prompt,
            shown(argv),
            _status(end, limit(timeout)),
            end.out.decode(errors="replace"),
            end.err.decode(errors="replace"),
            end.seconds,
        )
        for argv, end in zip(commands, ends, strict=True)
    )


@dataclass(slots=True)
class _End:
    """What the shell has told of one command so far."""

    status: int | None = None
    seconds: float = 0.0
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)


def _status(end: _End, seconds: float) -> int:
    """Return the exit status of a command with a limit of ``seconds``.

    timeout(1) gives another number where it had to kill a late command: that is 124 as well."""
    killed = end.status == KILLED and end.seconds >= seconds
    return TIMED_OUT if killed else end.status or 0


def _ends(told: str, count: int) -> list[_End]:
    """Read the shell's lines; return what they tell of each of the ``count`` commands.

    A line that is not the shell's is passed over: its command then has no end, or its output is not
    the JSON or text that its reader accepts."""
    ends = [_End() for _ in range(count)]
    for line in told.splitlines():
        words = line.split()
        if len(words) < 3 or not words[0].isdecimal() or int(words[0]) >= count:
            continue
        end = ends[int(words[0])]
        match words[1:]:
            case ["out", piece]:
                end.out += base64.b64decode(piece)
            case ["err", piece]:
                end.err += base64.b64decode(piece)
            case ["exit", status, began, ended]:
                end.status, end.seconds = int(status), float(ended) - float(began)
    return ends
