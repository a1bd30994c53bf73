"""Cases of the claims about ports that somebody else has."""

from __future__ import annotations

from dataclasses import replace

from hostonly.claims.ports import others_running, port_shared, port_taken
from hostonly.facts.docker import DockerContainer
from tests.unit.claims.case import Case

RUNS = DockerContainer("c0", "third", "sha256:aa", "running", 7, "container:c1", (), (), ())
LASTING = replace(RUNS, id="c2", name="lasting")
ENDED = replace(RUNS, status="exited", pid=0, exit_code=1)
SAID = "hello-socket: cannot listen on port 8080: Address already in use\n"
SHARED: dict[str, object] = {"name": "third", "port": 8080, "first": "hello"}

# As Docker 20.10 says it.
ALLOCATED = (
    "driver failed programming external connectivity on endpoint taken (4abb873cd55d):"
    " Bind for 0.0.0.0:8080 failed: port is already allocated"
)
TAKEN = replace(RUNS, name="taken", status="created", pid=0, exit_code=128, error=ALLOCATED)

CASES = [
    *(
        Case(port_shared, holds, {"container": container, "logs": logs}, SHARED, says)
        for holds, container, logs, says in (
            (True, ENDED, SAID, "exited with 1: hello-socket: cannot listen on port 8080"),
            (False, RUNS, SAID, "third is running"),
            (False, replace(ENDED, exit_code=0), SAID, "exited with 0"),
            (False, ENDED, "", "it said nothing"),
            (False, ENDED, SAID.replace("8080", "8081"), "port 8081"),
            (False, ENDED, "cannot listen on port 8080: Permission denied", "Permission denied"),
        )
    ),
    *(
        Case(port_taken, holds, {"container": container}, {"port": 8080}, says)
        for holds, container, says in (
            (True, TAKEN, "taken is created: driver failed"),
            (False, RUNS, "third is running: no error"),
            (False, replace(TAKEN, status="exited"), "taken is exited"),
            (False, replace(TAKEN, error="no such image"), "no such image"),
            (False, replace(TAKEN, error=ALLOCATED.replace("8080", "80")), "0.0.0.0:80 failed"),
        )
    ),
    *(
        Case(others_running, holds, {"before": before, "after": after}, {"ours": "lasting"}, says)
        for holds, before, after, says in (
            (True, (LASTING,), (LASTING,), "nothing else ran"),
            (True, (LASTING, RUNS), (RUNS, LASTING), "third"),
            (True, (), (RUNS,), "nothing else ran"),
            (False, (LASTING, RUNS), (LASTING,), "third ran before, and does not now"),
            # Another of the same name is not the one that ran.
            (False, (RUNS,), (replace(RUNS, id="c9"),), "third ran before"),
        )
    ),
]
