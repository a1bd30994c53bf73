"""Running tasks, and turning every way to end into an exit code."""

from __future__ import annotations

import os
import sys

from invoke import Exit, Program
from invoke.collection import Collection
from invoke.exceptions import CommandTimedOut, ParseError, UnexpectedExit
from invoke.parser import ParserContext, ParseResult

from hostonly import __version__
from hostonly.cli.configuration import ProjectConfig
from hostonly.cli.interrupt import Interrupted, interruptible
from hostonly.cli.wording import bad_value, explained, flag_of, paragraph, say, short
from hostonly.errors import HostonlyError, UsageError
from hostonly.site import ROOT

INTERRUPTED = 130

_remainder: list[str] = []


def remainder_argv() -> list[str]:
    """Return the arguments after ``--``, each exactly as it was given; [] when there are none.

    Invoke joins them with spaces, which loses quotes and empty arguments.
    """
    return list(_remainder)


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
        """Run the tasks that ``argv`` names and, with ``exit``, leave with the exit code."""
        code = self.exit_code(list(sys.argv if argv is None else argv))
        if exit:
            _leave(code)

    def exit_code(self, argv: list[str]) -> int:
        """Run the tasks that ``argv`` names after the program's name; return the exit code."""
        _remainder[:] = argv[argv.index("--") + 1 :] if "--" in argv else []
        try:
            with interruptible():
                return self._code(argv)
        except KeyboardInterrupt:
            # Outside of every task: there was nothing to clean up.
            return INTERRUPTED

    def parse_core(self, argv: list[str] | None) -> None:
        """Parse as Invoke does, but go on to write bytecode of tasks, which quickens our start."""
        switched_off = sys.dont_write_bytecode
        try:
            super().parse_core(argv)
        finally:
            sys.dont_write_bytecode = switched_off

    def execute(self) -> None:
        """Run the tasks in order, and name those that were not run in the end.

        After a demo or a check that does not hold, those behind it are run all the same; any other
        failure ends the run.

        Raises:
            Exit: with the worst verdict's code: FAILS (1) comes before UNKNOWN (3).
        """
        waiting = list(self.tasks)
        if len(waiting) < 2:
            super().execute()
            return
        codes: list[int] = []
        try:
            while waiting and not (codes and not _judges(waiting[0])):
                self.tasks = ParseResult([waiting.pop(0)])
                try:
                    super().execute()
                except Exit as error:
                    if error.message or not _judges(self.tasks[0]):
                        raise
                    codes.append(int(error.code))
        finally:
            if waiting:
                say(f"inv: not run: {', '.join(str(each.name) for each in waiting)}")
        if codes:
            raise Exit(code=min(codes))

    def no_tasks_given(self) -> None:
        """List the tasks, where Invoke would explain its own options."""
        self.list_tasks()
        print("./inv --help TASK says more of a task.")
        raise Exit

    def _code(self, argv: list[str]) -> int:
        """Run, write an error to stderr, and return the exit code."""
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
                say(error.message)
            return int(error.code)
        except UnexpectedExit as error:
            result = error.result
            say(
                paragraph(
                    HostonlyError(
                        f"a command failed with exit {result.exited}",
                        ran=result.command,
                        output=result.stderr or result.stdout,
                    )
                )
            )
            return HostonlyError.exit_code
        except CommandTimedOut as error:
            say(paragraph(HostonlyError("a command took too long", ran=error.result.command)))
            return HostonlyError.exit_code
        except KeyboardInterrupt as error:
            why = f" by {error}" if isinstance(error, Interrupted) else ""
            say(f"inv: interrupted{why}")
            return INTERRUPTED
        except BrokenPipeError:
            # Whoever read our output (head, less) has seen enough; the rest was not seen.
            return HostonlyError.exit_code
        except Exception as error:
            return self.failed(error)

    def failed(self, error: Exception) -> int:
        """Write ``error`` to stderr, with the next step; return its exit code."""
        from hostonly import unusable

        known = unusable.in_words(error, ROOT)
        if known is None:
            return self._bug(error)
        say(paragraph(known))
        return known.exit_code

    def _parse(self, argv: list[str]) -> int | None:
        """Parse ``argv``; return an exit code when that was all (--list, --help), else None.

        Raises:
            UsageError: it cannot be understood.
        """
        try:
            self.create_config()
            self.parse_core(argv)
            self.parse_collection()
            self.parse_tasks()
            self.parse_cleanup()
        except ParseError as error:
            raise UsageError(
                explained(str(error), self._known_tasks(), self._known_flags())
            ) from error
        except ValueError as error:
            flag = flag_of(error.__traceback__)
            if flag is None:
                raise
            raise UsageError(
                f"--{flag}: {short(bad_value(error))} is not a whole number"
            ) from error
        except Exit as error:
            # Without a message, Invoke has just printed what was asked for.
            if error.message:
                raise UsageError(short(error.message, 200)) from error
            if sys.stdout is not None:
                sys.stdout.flush()
            return int(error.code)
        return None

    def _known_tasks(self) -> list[str]:
        collection = getattr(self, "collection", None)
        return list(collection.task_names) if isinstance(collection, Collection) else []

    def _known_flags(self) -> list[str]:
        """Return the flags of the tasks that the command line names."""
        contexts = getattr(getattr(self, "parser", None), "contexts", {})
        named = [context for word, context in contexts.items() if word in self.argv]
        return [flag for context in named for flag in context.flag_names()]

    def _bug(self, error: Exception) -> int:
        """Report ``error`` as our mistake; its traceback goes to a file, with --debug to stderr."""
        import traceback
        from time import strftime

        trace = "".join(traceback.format_exception(error))
        try:
            shown = bool(self.args.debug.value)
        except (AttributeError, IndexError):
            shown = False
        folder = ROOT / ".hostonly" / "bugs"
        kept = folder / f"{strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            kept.write_text(trace, encoding="utf-8", errors="backslashreplace")
            where = f"Its traceback is in {kept}"
        except OSError as problem:
            where = f"Its traceback could not be kept ({problem.strerror}); --debug shows it"
        what = " ".join(f"{type(error).__name__}: {error}".split())
        say(
            f"inv: this is a bug in hostonly: {what[:300]}\n"
            f"{where}; please report it with what you typed."
        )
        if shown:
            say(trace)
        return HostonlyError.exit_code


def _judges(task: ParserContext) -> bool:
    return str(task.name).startswith(("demo.", "check."))


def _leave(code: int) -> None:
    """Exit with ``code``, without a complaint where a stream's reader is gone.

    Without a reader of stdout the code is not 0.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            # The interpreter flushes again on its way out, and would complain.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            if stream is sys.stdout:
                code = code or HostonlyError.exit_code
    sys.exit(code)


def main() -> None:
    """Run the console script ``inv``."""
    HostonlyProgram().run()
