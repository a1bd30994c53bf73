"""The rows of talking with a sandbox that is up: status, commands, the host's check."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from bench.measure import Comparison, limit, timed
from bench.result import Row
from bench.workspace import Workspace
from hostonly.sandbox.vagrant import for_vagrant

STATUS = Row("status", "s", "sandbox.status over vagrant status", 0.3)
EXEC_VAGRANT = Row("exec-vagrant", "s", "sandbox.exec -- true over vagrant ssh -c true", 1.0)
EXEC_SSH = Row("exec-ssh", "s", "sandbox.exec -- true over ssh with a fresh connection", 1.0)
CHECK = Row("check-host-to-sandbox", "s", "check.host-to-sandbox over one second", 1.0)

ROWS = (STATUS, EXEC_VAGRANT, EXEC_SSH, CHECK)

# Vagrant's own side does nothing of ours, and does not ask us for the settings.
VAGRANT = ("env", "HOSTONLY_PREPARED=1", "VAGRANT_CHECKPOINT_DISABLE=1")


@contextmanager
def comparisons(workspace: Workspace, wanted: set[str]) -> Iterator[list[Comparison]]:
    """Compare all rows on one sandbox."""
    here = workspace.main()
    here.inv("sandbox.up")
    machine = here.machine()
    ssh = machine.shared.alone("true")
    vagrant = (*VAGRANT, f"HOSTONLY_SITE={json.dumps(for_vagrant(machine.site))}", "vagrant")
    made = [
        Comparison(
            (STATUS,),
            timed(STATUS.name, lambda: here.inv("sandbox.status")),
            timed(STATUS.name, lambda: here.run(*vagrant, "status")),
        ),
        Comparison(
            (EXEC_VAGRANT,),
            timed(EXEC_VAGRANT.name, lambda: here.inv("sandbox.exec", "--", "true")),
            timed(EXEC_VAGRANT.name, lambda: here.run(*vagrant, "ssh", "-c", "true")),
        ),
        Comparison(
            (EXEC_SSH,),
            timed(EXEC_SSH.name, lambda: here.inv("sandbox.exec", "--", "true")),
            timed(EXEC_SSH.name, lambda: here.run(*ssh)),
        ),
        Comparison(
            (CHECK,),
            timed(CHECK.name, lambda: here.inv("check.host-to-sandbox")),
            limit(CHECK.name, 1.0),
        ),
    ]
    yield [one for one in made if one.rows[0].name in wanted]
