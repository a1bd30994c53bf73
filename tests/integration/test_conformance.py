"""Both servers of this checkout pass every case on loopback; each mutant fails by the right name."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.command_line import answer, claims
from tests.unit.hello.mutants import MUTANTS, write

# What a machine may lack: IPv6, and ports that not everybody may listen on.
MAY_BE_SKIPPED = {"port.both", "port.privileged"}


def conformance(*flags: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the claims by their names."""
    code, document = answer("hello.conformance", *flags)
    return code, claims(document)


@pytest.mark.parametrize("flag", ["--java", "--python"])
def test_both_servers_do_everything(flag: str) -> None:
    seen = ("HOLDS", "SKIPPED")
    code, found = conformance(flag)
    assert {name: c["because"] for name, c in found.items() if c["verdict"] not in seen} == {}
    skipped = {name for name, c in found.items() if c["verdict"] == "SKIPPED"}
    assert skipped <= MAY_BE_SKIPPED
    assert code == 0


# On a busy machine a mutant may be lucky: a reset, say, comes too late for it to do anything wrong.
TRIES = 3


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_fails_by_the_right_name(name: str, tmp_path: Path) -> None:
    command = shlex.join([sys.executable, "-I", str(write(name, tmp_path))])
    fails = MUTANTS[name].fails
    for _ in range(TRIES):
        code, found = conformance("--command", command, "--only", fails)
        if found[fails]["verdict"] != "HOLDS":
            break
    if fails in MAY_BE_SKIPPED and found[fails]["verdict"] == "SKIPPED":
        pytest.skip(found[fails]["because"])
    assert (code, found[fails]["verdict"]) == (1, "FAILS")
