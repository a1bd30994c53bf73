"""The command line: Invoke's Program on this checkout's tasks.

Errors of tasks become text on stderr and an exit code here: 0 all hold, 1 a claim fails (a task
raises ``invoke.Exit(code=1)``), 2 wrong usage or settings, 3 something could not be observed or
done, 130 interrupted. Start-up is part of every call, so only Invoke and cheap parts of the
standard library are imported here; the rest where it is used.
"""

from hostonly.cli.configuration import ProjectConfig
from hostonly.cli.interrupt import Interrupted
from hostonly.cli.run import HostonlyProgram, main, remainder_argv

__all__ = [
    "HostonlyProgram",
    "Interrupted",
    "ProjectConfig",
    "main",
    "remainder_argv",
]
