"""The command line as a user has it, on the tests' sandbox, and what it answers.

Which sandbox that is, conftest's fixture `checkout` decides.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.checkout import ROOT

INV = (sys.executable, "-m", "hostonly")
# The copy of this checkout whose sandboxes are used: each worker has another.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
COPY = ROOT / ".hostonly" / "integration" / f"{chr(ord('a') + WORKER)} cöpy"


def inv(
    *words: str,
    timeout: float = 600.0,
    checkout: Path = COPY,
    before: Sequence[str] = (),
    environment: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[str]:
    """Run `./inv` with ``words``; its exit code, and both of its streams.

    It runs in the folder ``checkout``, by the program with its arguments in ``before``, and with
    ``environment`` besides ours.
    """
    done = subprocess.run(
        [*before, *INV, *words],
        cwd=checkout,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        check=False,
        text=True,
    )
    # pytest shows it where a test fails.
    sys.stderr.write(done.stderr)
    return done


def did(*words: str, timeout: float = 600.0) -> subprocess.CompletedProcess[str]:
    """The same, which must succeed."""
    done = inv(*words, timeout=timeout)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done


def told(*words: str) -> str:
    """What `./inv` says of its work with ``words``; it must succeed."""
    done = did(*words)
    return done.stderr + done.stdout


def answer(task: str, *flags: str, timeout: float = 600.0) -> tuple[int, dict[str, Any]]:
    """Run ``task`` with `--json`: its exit code and its one document."""
    done = inv(task, "--json", *flags, timeout=timeout)
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


def claims(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The document's claims by their id, which each has of its own."""
    found = {claim["id"]: claim for claim in document["claims"]}
    assert len(found) == len(document["claims"])
    return found


def up(*machines: str) -> None:
    """Bring up ``sandbox``, ``sandbox2`` or both: `sandbox.exec` does not do it by itself."""
    for machine in machines:
        did("sandbox.up", "--machine", machine)


def inside(machine: str, *argv: str) -> str:
    """Run a command on ``sandbox`` or ``sandbox2``; what it printed. It must succeed."""
    # Without a machine's name it may become ssh at once, as users have it.
    named = () if machine == "sandbox" else ("--machine", machine)
    return did("sandbox.exec", *named, "--", *argv, timeout=180.0).stdout


@contextmanager
def wrong(machine: str, do: Sequence[str], undo: Sequence[str]) -> Iterator[None]:
    """Something made wrong on ``machine``, and put right again whatever happens."""
    inside(machine, *do)
    try:
        yield
    finally:
        inside(machine, *undo)


@contextmanager
def without_br_netfilter() -> Iterator[None]:
    """The sandbox as on a kernel that has not that module: Docker looks for its switches, as we do."""
    place = "/proc/sys/net/bridge"
    hide = ["sudo", "mount", "-t", "tmpfs", "none", place]
    with wrong("sandbox", hide, ["sudo", "umount", place]):
        yield


@contextmanager
def dnat_by_hand(iptables: str, *rule: str) -> Iterator[None]:
    """A DNAT ``rule`` on the sandbox, in a chain that nothing jumps to: only the rule itself can be
    noticed. ``iptables`` or ``ip6tables`` makes it."""
    nat = ["sudo", iptables, "-t", "nat"]
    with (
        wrong("sandbox", [*nat, "-N", "BY-HAND"], [*nat, "-X", "BY-HAND"]),
        wrong("sandbox", [*nat, "-A", "BY-HAND", *rule], [*nat, "-F", "BY-HAND"]),
    ):
        yield


def left_by(machine: str, demo: str) -> str:
    """The containers and networks on ``machine`` that carry the label of ``demo``; "" for none."""
    marked = ("--filter", f"label=hostonly.demo={demo}")
    return inside(machine, "docker", "ps", "-aq", *marked) + inside(
        machine, "docker", "network", "ls", "-q", *marked
    )


def interrupted(task: str, at: str, number: signal.Signals, timeout: float = 300.0) -> None:
    """Run ``task`` until it prints a line that begins with ``at``, send it ``number``, and see it
    end as an interrupted one does."""
    process = subprocess.Popen(
        [*INV, task], cwd=COPY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(at):
            process.send_signal(number)
            break
    lines.append(process.communicate(timeout=timeout)[0])
    # pytest shows it where something was left.
    print("".join(lines))
    assert process.returncode == 130
