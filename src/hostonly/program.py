"""The command line: Invoke's Program on this checkout's tasks.

The one place where errors become text on stderr and an exit code:
0 all hold, 1 a claim fails (a task raises `invoke.Exit(code=1)`), 2 wrong
usage or settings, 3 something could not be observed or done, 130 interrupted.

Start-up is part of every call, so only Invoke and cheap parts of the standard
library are imported here; the rest where it is used.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from invoke import Exit, Program
from invoke.collection import Collection
from invoke.config import Config, merge_dicts
from invoke.exceptions import (
    AmbiguousEnvVar,
    CommandTimedOut,
    ParseError,
    UncastableEnvVar,
    UnexpectedExit,
)
from invoke.parser import Argument

from hostonly import __version__
from hostonly.errors import HostonlyError, SettingsError, UsageError, last_lines
from hostonly.report.safe import plain

# src/hostonly/program.py -> the checkout; the install is editable, so it is always there.
ROOT = Path(__file__).resolve().parents[2]

INTERRUPTED = 130


class ProjectConfig(Config):
    """Invoke's configuration, with the tasks of this checkout wherever the caller stands.

    Raises `UsageError` for a file, `SettingsError` for a variable that cannot be read.
    """

    @staticmethod
    def global_defaults() -> dict[str, Any]:
        """Invoke's own defaults, but for where tasks.py is looked for."""
        defaults: dict[str, Any] = Config.global_defaults()
        merge_dicts(defaults, {"tasks": {"search_root": str(ROOT)}})
        return defaults

    def load_runtime(self, merge: bool = True) -> None:
        """Load the file of `-f FILE`, which must be there: Invoke passes over a missing one."""
        path = self._runtime_path
        if path is not None:
            file = Path(path).expanduser()
            if file.suffix not in (".yaml", ".yml", ".json", ".py"):
                raise UsageError(f"-f {_short(path)}: must end in .yaml, .yml, .json or .py")
            if file.is_dir():
                raise UsageError(f"-f {_short(path)}: is a directory, not a file")
            if not file.exists():
                raise UsageError(f"-f {_short(path)}: there is no such file")
        super().load_runtime(merge=merge)

    def _load_file(self, prefix: str, absolute: bool = False, merge: bool = True) -> None:
        try:
            super()._load_file(prefix, absolute=absolute, merge=merge)
        except Exception as error:
            name = self._runtime_path if prefix == "runtime" else f"invoke.yaml ({prefix})"
            if isinstance(error, OSError):
                reason = error.strerror or str(error)
            else:
                # A YAML error is a small essay; its place and problem make one line.
                reason = " ".join(str(error).split()) or type(error).__name__
            raise UsageError(f"{_short(name)}: cannot be read: {_short(reason, 200)}") from error
        data = getattr(self, f"_{prefix}")
        if data is None:
            # An empty file is None to YAML; to Invoke, that is a crash later on.
            self._set(f"_{prefix}", {})
        elif not isinstance(data, dict):
            name = self._runtime_path if prefix == "runtime" else f"invoke.yaml ({prefix})"
            raise UsageError(f"{_short(name)}: must hold keys and values, not {_short(data)}")

    def merge(self) -> None:
        """Merge all levels; a section that is a plain value in one of them is refused here."""
        try:
            super().merge()
        except Exception as error:
            if type(error).__name__ != "AmbiguousMergeError":
                raise
            key, value = _misshapen(self._project or {}, self._runtime or {})
            raise SettingsError(
                f"{key}: {_short(repr(value))} is not allowed: "
                + ("one value, no section" if isinstance(value, dict) else "a section with keys")
            ) from error

    def load_shell_env(self) -> None:
        """Load `INVOKE_…` variables, which Invoke casts to the type of the setting they replace."""
        try:
            super().load_shell_env()
        except (ValueError, TypeError, UncastableEnvVar, AmbiguousEnvVar) as error:
            raise self._bad_variable(error) from error

    def _bad_variable(self, error: Exception) -> SettingsError:
        for variable, value in sorted(os.environ.items()):
            if not variable.startswith("INVOKE_"):
                continue
            path = _known_path(self._config, variable.removeprefix("INVOKE_").lower())
            node: Any = self._config
            for key in path:
                node = node[key]
            if isinstance(node, int) and not isinstance(node, bool):
                try:
                    int(value)
                except ValueError:
                    from hostonly import settings

                    dotted = ".".join(path)
                    known = None if dotted in settings.dotted_names() else "a whole number"
                    return settings.refusal(dotted, value, known)
            if isinstance(node, list | tuple):
                return SettingsError(f"{variable}: a list cannot be given by a variable")
        return SettingsError(f"an INVOKE_… variable cannot be used: {_short(str(error), 200)}")


def _misshapen(base: dict[str, Any], over: dict[str, Any], at: str = "") -> tuple[str, Any]:
    """The first key of `over`, dotted, that is a section where `base` has a value or the reverse."""
    for key, value in over.items():
        if key not in base or value == base[key]:
            continue
        name = f"{at}{key}"
        if isinstance(value, dict) != isinstance(base[key], dict):
            return name, value
        if isinstance(value, dict):
            found = _misshapen(base[key], value, f"{name}.")
            if found[0]:
                return found
    return "", over


def _known_path(node: Any, name: str) -> tuple[str, ...]:
    """The keys in `node` that `name`, joined by underscores, stands for; () when none."""
    if not isinstance(node, dict):
        return ()
    for key, value in node.items():
        if name == str(key).lower():
            return (key,)
        if name.startswith(f"{str(key).lower()}_"):
            rest = _known_path(value, name[len(str(key)) + 1 :])
            if rest:
                return (key, *rest)
    return ()


def _short(value: object, limit: int = 60) -> str:
    """`value` for a one-line message: quoted when it is not plain, shortened, nothing unprintable."""
    text = value if isinstance(value, str) else repr(value)
    if text != plain(text) or "\n" in text or not text or text != text.strip():
        text = repr(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


_remainder: list[str] = []


def remainder_argv() -> list[str]:
    """The arguments after `--`, each exactly as it was given; [] when there are none.

    Invoke joins them with spaces, which loses quotes and empty arguments.
    """
    return list(_remainder)


class Interrupted(KeyboardInterrupt):
    """SIGTERM or SIGHUP, as an exception of Ctrl-C's kind so that every `finally` runs."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn signals into `KeyboardInterrupt`, once: a second one does not cut the cleaning up short.

    The third one does, having been announced by the second.
    """
    seen = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            # os.write: a print may be interrupted in the middle of itself.
            os.write(
                2,
                b"\ninv: cleaning up; once more gives up, and then "
                b"./inv sandbox.destroy removes what is left\n",
            )
            return
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise Interrupted(signal.Signals(number).name)

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup's wish is respected. SIGINT is taken always: sh ignores it for
        # a command in the background, but who sends it to us means it.
        if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
            continue
        before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class HostonlyProgram(Program):
    """Invoke's Program: tasks of this checkout, and every way to end turned into an exit code."""

    def __init__(self) -> None:
        super().__init__(
            name="hostonly",
            binary="inv",
            binary_names=["inv"],
            version=__version__,
            config_class=ProjectConfig,
        )

    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:
        """Run the tasks that `argv` names and, with `exit`, leave with the exit code."""
        code = self.exit_code(list(sys.argv if argv is None else argv))
        if exit:
            _leave(code)

    def exit_code(self, argv: list[str]) -> int:
        """Run the tasks that `argv` names (its first item is the program); gives the exit code."""
        _remainder[:] = argv[argv.index("--") + 1 :] if "--" in argv else []
        try:
            with interruptible():
                return self._code(argv)
        except KeyboardInterrupt:
            # Outside of every task: there was nothing to clean up.
            return INTERRUPTED

    def parse_core(self, argv: list[str] | None) -> None:
        """Invoke's, but tasks are compiled once: it would switch that off, to our start-up's cost."""
        switched_off = sys.dont_write_bytecode
        try:
            super().parse_core(argv)
        finally:
            sys.dont_write_bytecode = switched_off

    def no_tasks_given(self) -> None:
        """List what there is to type, where Invoke would explain its own options."""
        self.list_tasks()
        print("./inv --help TASK says more of a task.")
        raise Exit

    def _code(self, argv: list[str]) -> int:
        """Run, say what went wrong on stderr, and give the exit code."""
        try:
            finished = self._parse(argv)
            if finished is not None:
                return finished
            self.update_config()
            self.execute()
            if sys.stdout is not None:
                sys.stdout.flush()
            return 0
        except Exit as error:
            if error.message:
                _say(error.message)
            return int(error.code)
        except HostonlyError as error:
            _say(_paragraph(error))
            return error.exit_code
        except UnexpectedExit as error:
            result = error.result
            _say(
                _paragraph(
                    HostonlyError(
                        f"a command failed with exit {result.exited}",
                        ran=result.command,
                        output=result.stderr or result.stdout,
                    )
                )
            )
            return HostonlyError.exit_code
        except CommandTimedOut as error:
            _say(_paragraph(HostonlyError("a command took too long", ran=error.result.command)))
            return HostonlyError.exit_code
        except KeyboardInterrupt as error:
            why = f" by {error}" if isinstance(error, Interrupted) else ""
            _say(f"inv: interrupted{why}")
            return INTERRUPTED
        except BrokenPipeError:
            # Whoever read our output (head, less) has seen enough.
            return HostonlyError.exit_code
        except Exception as error:
            if isinstance(error, OSError) and error.errno == 28:
                _say("inv: no space left on the device for the output or a file of ours")
                return HostonlyError.exit_code
            return self._bug(error)

    def _parse(self, argv: list[str]) -> int | None:
        """Understand `argv`; an exit code when that was all (--list, --help), else None.

        Raises `UsageError`.
        """
        try:
            self.create_config()
            self.parse_core(argv)
            self.parse_collection()
            self.parse_tasks()
            self.parse_cleanup()
        except ParseError as error:
            raise UsageError(self._explained(str(error))) from error
        except ValueError as error:
            flag = _flag_of(error.__traceback__)
            if flag is None:
                raise
            raise UsageError(
                f"--{flag}: {_short(_bad_value(error))} is not a whole number"
            ) from error
        except Exit as error:
            # Without a message, Invoke has just printed what was asked for.
            if error.message:
                raise UsageError(_short(error.message, 200)) from error
            if sys.stdout is not None:
                sys.stdout.flush()
            return int(error.code)
        return None

    def _explained(self, message: str) -> str:
        """Invoke's message in one line; for an unknown task or flag, the nearest known ones."""
        line = _short(" ".join(message.split()), 200)
        unknown = re.search(r"No idea what '(.*)' is!", message)
        if unknown is None:
            return line
        name = unknown[1]
        kind = "flag" if name.startswith("-") else "task"
        from difflib import get_close_matches

        known: Iterable[str] = ()
        if kind == "task":
            collection = getattr(self, "collection", None)
            known = collection.task_names if isinstance(collection, Collection) else ()
            seeing = "./inv --list shows all"
        else:
            contexts = getattr(getattr(self, "parser", None), "contexts", {})
            named = [c for word, c in contexts.items() if word in self.argv]
            known = [flag for context in named for flag in context.flag_names()]
            seeing = "./inv --help TASK shows a task's flags"
        near = get_close_matches(name[:100], list(known), n=3, cutoff=0.5)
        if kind == "task" and not near:
            near = [word for word in known if word.endswith(f".{name}")][:3]
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"there is no {kind} {_short(name)}{meant} ({seeing})"

    def _bug(self, error: Exception) -> int:
        """Say that `error` is our mistake; its traceback goes to a file, with --debug to stderr."""
        import traceback
        from time import strftime

        trace = "".join(traceback.format_exception(error))
        try:
            shown = bool(self.args.debug.value)
        except (AttributeError, IndexError):
            shown = False
        kept = ROOT / ".hostonly" / "bugs" / f"{strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(trace)
            where = f"Its traceback is in {kept}"
        except OSError as problem:
            where = f"Its traceback could not be kept ({problem.strerror}); --debug shows it"
        what = " ".join(f"{type(error).__name__}: {error}".split())
        _say(
            f"inv: this is a bug in hostonly: {what[:300]}\n"
            f"{where}; please report it with what you typed."
        )
        if shown:
            _say(trace)
        return HostonlyError.exit_code


def _flag_of(trace: TracebackType | None) -> str | None:
    """The flag whose value Invoke was casting when it raised: it says only the value."""
    found = None
    while trace is not None:
        owner = trace.tb_frame.f_locals.get("self")
        if isinstance(owner, Argument):
            found = (owner.name or "").replace("_", "-")
        trace = trace.tb_next
    return found


def _bad_value(error: ValueError) -> str:
    quoted = re.search(r": ('.*'|\".*\")$", str(error), re.DOTALL)
    return quoted[1] if quoted else str(error)


def _paragraph(error: HostonlyError) -> str:
    """What happened, what was run, its last lines, what to do next; one line when that is all."""
    what = error.what if not isinstance(error, UsageError) else " ".join(error.what.split())
    parts = [f"inv: {what}"]
    if error.ran:
        parts.append(f"  run:  {error.ran}")
    if error.output:
        parts += [f"  | {line}" for line in last_lines(error.output).splitlines()]
    if error.remedy:
        parts.append(f"  next: {error.remedy}")
    return "\n".join(parts)


def _say(text: str) -> None:
    """Write to stderr, whatever became of it."""
    # Nobody may be there to read it; the exit code still tells.
    with suppress(OSError, ValueError):
        if sys.stdout is not None:
            sys.stdout.flush()
    with suppress(OSError, ValueError):
        print(plain(text), file=sys.stderr, flush=True)


def _leave(code: int) -> None:
    """Exit with `code`, quietly also when stdout's reader is gone."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            # The interpreter flushes again on its way out, and would complain.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            code = code or HostonlyError.exit_code
    sys.exit(code)


def main() -> None:
    """The console script `inv`."""
    HostonlyProgram().run()
