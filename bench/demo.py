"""The row of a demo beside a shell script that runs the same commands by ssh, one after another."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bench.measure import Comparison, timed
from bench.result import Row
from bench.workspace import Workspace

DEMO = Row("demo-host", "s", "second demo.host over its commands and checks by ssh", 1.0)

ROWS = (DEMO,)


@contextmanager
def comparisons(workspace: Workspace, wanted: set[str]) -> Iterator[list[Comparison]]:
    """Make the script from the demo's own document, so that both sides run the same commands."""
    here = workspace.main()
    here.inv("demo.host")
    document = json.loads(here.inv("demo.host", "--json"))
    text = script(document, here.machine().shared.alone(), here.site.hello_port)
    yield [
        Comparison(
            ROWS,
            timed(DEMO.name, lambda: here.inv("demo.host")),
            timed(DEMO.name, lambda: here.run("sh", "-c", text)),
        )
    ]


def script(document: dict[str, Any], ssh: Sequence[str], port: int) -> str:
    """Return the shell script: each step, then the claims' questions, each with its exit status."""
    lines = ["set -u", f'sandbox() {{ {shlex.join(ssh)} -n "$1"; }}']
    commands = [(step["vantage"], step["command"], step["exit"]) for step in document["steps"]]
    removal = [command for command in commands if command[1].startswith("docker rm ")]
    done = {(vantage, command) for vantage, command, _ in commands}
    for claim in document["claims"]:
        for seen in claim["evidence"]:
            if (seen["vantage"], seen["command"]) not in done:
                done.add((seen["vantage"], seen["command"]))
                commands.append((seen["vantage"], seen["command"], 0))
    # The demo removes its container at the end; what the claims look at comes before that.
    ordered = [command for command in commands if command not in removal] + removal
    # The container's process has another pid each time, and the running containers have other ids.
    pid = "/proc/$(docker inspect --format '{{.State.Pid}}' hello)/"
    for vantage, recorded, status in ordered:
        command = re.sub(r"/proc/(?!1/)[0-9]+/", pid, recorded)
        command = re.sub(r"( [0-9a-f]{64})+$", " $(docker ps --quiet --no-trunc)", command)
        there = command if vantage == "host" else f"sandbox {shlex.quote(command)}"
        lines.append(f"{there} >/dev/null; [ $? -eq {status} ] || exit 1")
        if command.startswith("docker run "):
            wait = f"until ss -Hltn 'sport = {port}' | grep -q .; do sleep 0.05; done"
            lines.append(f"sandbox {shlex.quote(wait)} || exit 1")
    return "\n".join(lines)
