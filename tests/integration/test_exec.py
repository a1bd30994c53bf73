"""sandbox.exec on a real sandbox: streams, exit code, and the connection that commands share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hostonly.events import ignore
from hostonly.host.command import run
from hostonly.sandbox import life
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from hostonly.waiting import until
from tests.integration.command_line import INV


def execute(checkout: Path, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*INV, "sandbox.exec", "--", *command],
        cwd=checkout,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def sockets(checkout: Path) -> list[Path]:
    # Those of the first sandbox: another test may have left the second one up.
    return sorted((checkout / ".hostonly" / "ssh").glob("sandbox.*.shared"))


def masters(checkout: Path) -> list[str]:
    """The command lines of the ssh processes that keep a connection of this checkout's."""
    lines = subprocess.run(
        ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
    ).stdout
    return [
        line
        for line in lines.splitlines()
        if f"{checkout}/.hostonly/ssh/id_" in line and " -M " in line and '"sandbox.' in line
    ]


def wait_until(seen: Callable[[], bool]) -> None:
    """Return when ``seen``: a process that was told to end needs a processor for it."""
    assert until(seen, bool, 20.0)


def test_a_command_is_the_same_with_the_site_kept_and_without(checkout: Path, site: Site) -> None:
    life.up([Machine(site, ignore)])
    kept = checkout / ".hostonly" / "site.json"
    kept.unlink(missing_ok=True)
    shell = 'printf "%s|" "$@"; cat; echo said >&2; exit 7'
    words = ("sh", "-c", shell, "sh", "a  b", "", "$HOME", "ünï", "--", "'")
    ways = [execute(checkout, *words, stdin="in\n") for _ in range(2)]
    assert kept.exists()
    for way in ways:
        assert way.returncode == 7
        assert way.stdout == "a  b||$HOME|ünï|--|'|in\n"
        assert way.stderr == "said\n"
    assert len(masters(checkout)) == len(sockets(checkout)) == 1


def test_many_at_once(checkout: Path, site: Site) -> None:
    # More than one connection of sshd's takes (MaxSessions is 10).
    life.up([Machine(site, ignore)])
    # Each waits for all the others.
    assert execute(checkout, "mkdir", "/tmp/many").returncode == 0
    there = (
        "echo {0} | tee /tmp/many/{0}; until [ $(ls /tmp/many | wc -l) = 16 ]; do sleep .05; done"
    )
    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(lambda n: execute(checkout, "sh", "-c", there.format(n)), range(16)))
    assert execute(checkout, "rm", "-r", "/tmp/many").returncode == 0
    assert [each.stdout for each in done] == [f"{n}\n" for n in range(16)]
    assert len(masters(checkout)) == 1


def test_a_connection_that_was_killed_is_opened_again(checkout: Path, site: Site) -> None:
    life.up([Machine(site, ignore)])
    execute(checkout, "true")
    lines = subprocess.run(
        ["ps", "-ww", "-eo", "pid,args"], capture_output=True, text=True, check=True
    ).stdout
    (kept,) = [line.split()[0] for line in lines.splitlines() if masters(checkout)[0] in line]
    subprocess.run(["kill", "-KILL", kept], check=True)
    wait_until(lambda: not masters(checkout))
    again = execute(checkout, "echo", "here")
    assert (again.returncode, again.stdout, again.stderr) == (0, "here\n", "")


def test_no_connection_outlives_the_sandbox(checkout: Path, site: Site) -> None:
    machine = Machine(site, ignore)
    life.up([machine])
    execute(checkout, "true")
    life.halt(machine)
    assert not sockets(checkout)
    wait_until(lambda: not masters(checkout))
    gone = execute(checkout, "true")
    assert gone.returncode == 3
    assert "not running" in gone.stderr
    life.up([machine])
    assert execute(checkout, "echo", "back").stdout == "back\n"
    life.destroy([machine])
    assert not sockets(checkout)
    wait_until(lambda: not masters(checkout))
    assert execute(checkout, "true").returncode == 3


def test_a_sandbox_restarted_by_hand_is_the_one_that_answers(checkout: Path, site: Site) -> None:
    machine = Machine(site, ignore)
    life.up([machine])
    before = execute(checkout, "cat", "/proc/sys/kernel/random/boot_id", "/proc/1/stat").stdout
    for verb in ("stop", "start"):
        run([f"lxc-{verb}", "--name", machine.spec.instance], root=True, timeout=60)
    life.up([machine])
    after = execute(checkout, "cat", "/proc/sys/kernel/random/boot_id", "/proc/1/stat").stdout
    assert after and after != before
