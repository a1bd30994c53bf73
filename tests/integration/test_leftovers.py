"""After destroy the host is as it was before up; what was there before us is left alone."""

from __future__ import annotations

import json
import operator
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hostonly.facts import Observed
from hostonly.facts.inventory import Owner, differences
from hostonly.facts.inventory_parse import Item, Items
from hostonly.ownership import before as recorded_before
from hostonly.ownership.marks import marks as marks_now
from hostonly.process import as_root
from hostonly.providers.lxc import left
from hostonly.site import Site
from hostonly.waiting import until
from tests.integration.command_line import did, inv

CYCLES = 10
REST_SECONDS = 30.0


def leftovers() -> tuple[int, dict[str, Any]]:
    done = inv("check.leftovers", "--json")
    return done.returncode, json.loads(done.stdout)


def verdicts(document: dict[str, Any], *wanted: str) -> list[str]:
    return [c["id"] for c in document["claims"] if c["verdict"] in wanted]


def root(*argv: str, check: bool = True) -> None:
    subprocess.run(as_root(argv), check=check, timeout=20)


def taken() -> dict[str, Items]:
    found = {}
    for kind, fact in recorded_before.take().items():
        assert isinstance(fact, Observed), (kind, fact)
        found[kind] = fact.value
    return found


@pytest.fixture(scope="module")
def recorded(checkout: Path) -> Path:
    """The checkout after one life of a sandbox: its caches are made, and the host is recorded."""
    did("sandbox.destroy")
    did("sandbox.up")
    did("sandbox.destroy")
    return checkout


@pytest.fixture
def warm(recorded: Path) -> Iterator[Path]:
    """The same, and without a sandbox afterwards."""
    yield recorded
    did("sandbox.destroy")


def test_with_a_sandbox_its_things_are_in_use_and_afterwards_gone(warm: Path) -> None:
    did("sandbox.up")
    code, document = leftovers()
    assert code == 0
    assert not verdicts(document, "FAILS", "UNKNOWN")
    in_use = [c["id"] for c in document["claims"] if " in use, for " in c["because"]]
    assert {"left.links", "left.firewall-rules", "left.control-groups"} <= set(in_use)
    # A second up must not take what is there for what was there before.
    kept = (warm / ".hostonly" / "host-before.json").read_bytes()
    did("sandbox.halt")
    did("sandbox.up")
    assert (warm / ".hostonly" / "host-before.json").read_bytes() == kept
    did("sandbox.destroy")
    code, document = leftovers()
    assert code == 0
    assert set(verdicts(document, "HOLDS")) == {c["id"] for c in document["claims"]}


@contextmanager
def made(*argv: str, undo: tuple[str, ...]) -> Iterator[None]:
    root(*argv)
    try:
        yield
    finally:
        root(*undo, check=False)


def test_what_is_left_is_found_and_named(warm: Path, site: Site) -> None:
    bridge, table = site.bridge.name, site.name.replace("-", "_")
    group = f"/sys/fs/cgroup/{top()}lxc.monitor.{site.sandbox.instance}"
    with ExitStack() as stack:
        for argv, undo in (
            (("ip", "link", "add", bridge, "type", "bridge"), ("ip", "link", "del", bridge)),
            (("ip", "link", "set", bridge, "alias", f"hostonly {site.root}"), ("true",)),
            (
                ("nft", "add", "table", "inet", f"hostonly_{table}"),
                ("nft", "delete", "table", "inet", f"hostonly_{table}"),
            ),
            (("mkdir", group), ("rmdir", group)),
        ):
            stack.enter_context(made(*argv, undo=undo))
        code, document = leftovers()
        assert code == 1
        wanted = {"left.links", "left.firewall-rules", "left.control-groups", "same.links"}
        assert wanted <= set(verdicts(document, "FAILS"))
        said = " ".join(c["because"] for c in document["claims"] if c["verdict"] == "FAILS")
        assert all(name in said for name in (bridge, f"hostonly_{table}", group))
        # And destroy, which finds no sandbox, removes them all the same.
        did("sandbox.destroy")
        code, document = leftovers()
        assert code == 0, verdicts(document, "FAILS", "UNKNOWN")


def top() -> str:
    return "memory/" if Path("/sys/fs/cgroup/memory").exists() else ""


def test_a_like_name_without_the_mark_stays(warm: Path, site: Site) -> None:
    container = site.sandbox.instance
    link, theirs = f"{site.bridge.name[:12]}x", f"{container}3"
    group = f"/sys/fs/cgroup/{top()}lxc.monitor.{theirs}"
    table, folder = (
        f"hostonlyx_{site.name[:8].replace('-', '_')}",
        f"/var/lib/lxc/{theirs}",
    )
    with ExitStack() as stack:
        for argv, undo in (
            (("ip", "link", "add", link, "type", "bridge"), ("ip", "link", "del", link)),
            (("ip", "link", "set", link, "alias", "hostonlyx"), ("true",)),
            (
                ("nft", "add", "table", "inet", table),
                ("nft", "delete", "table", "inet", table),
            ),
            (("mkdir", group), ("rmdir", group)),
            (("mkdir", folder), ("rmdir", folder)),
        ):
            stack.enter_context(made(*argv, undo=undo))
        did("sandbox.up")
        did("sandbox.destroy")
        code, document = leftovers()
        assert code == 0, verdicts(document, "FAILS", "UNKNOWN")
        now = taken()
        assert link in now["links"]
        assert group in now["control groups"]
        assert folder in now["files"]
        assert any(f"table inet {table} " in name for name in now["firewall rules"])
    assert left.folders(container) == []


def test_a_kind_that_cannot_be_seen_is_not_clean(
    warm: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "nft"
    fake.write_text("#!/bin/sh\necho 'Operation not permitted' >&2; exit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    code, document = leftovers()
    assert code == 3
    assert "left.firewall-rules" in verdicts(document, "UNKNOWN")


def more(site: Site, before: dict[str, Items]) -> dict[str, list[str]]:
    """What there is more than ``before``, marked or not, but for what is another checkout's by its mark.

    Of processes those that know of this checkout: in their command line, folder or environment.
    """
    marks, now, found = marks_now(site), taken(), {"processes": at_work(site.root)}
    for kind in now.keys() - found.keys():
        changes = differences(before[kind], now[kind])
        found[kind] = [
            str(change)
            for change in changes
            if change.after is not None
            and marks.whose_change(kind, change, changes).owner is not Owner.ANOTHERS
        ]
    return {kind: changes for kind, changes in found.items() if changes}


def at_work(checkout: Path) -> list[str]:
    """The command lines of processes that anything of which names the ``checkout``."""
    found, path = [], os.fsencode(checkout)
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (folder / "cmdline").read_bytes()
            at = os.fsencode((folder / "cwd").readlink())
            if path in line + at + (folder / "environ").read_bytes():
                found.append(f"{folder.name} {line.decode(errors='replace')}".replace("\0", " "))
    return found


def settled(site: Site, before: dict[str, Items]) -> dict[str, list[str]]:
    """The same when it has come to rest: others on this machine have things that come and go, too."""
    return until(lambda: more(site, before), operator.not_, REST_SECONDS)


@pytest.mark.alone
def test_what_is_left_without_a_mark_is_counted_too(warm: Path, site: Site, tmp_path: Path) -> None:
    before = taken()
    link = f"{site.bridge.name[:10]}leak"
    process = subprocess.Popen(["sleep", "60"], cwd=warm)
    try:
        with ExitStack() as stack:
            for argv, undo in (
                (("ip", "link", "add", link, "type", "bridge"), ("ip", "link", "del", link)),
                (("mount", "-t", "tmpfs", "none", str(tmp_path)), ("umount", str(tmp_path))),
            ):
                stack.enter_context(made(*argv, undo=undo))
            found = more(site, before)
    finally:
        process.kill()
        process.wait()
    assert any(link in each for each in found["links"])
    assert any(str(tmp_path) in each for each in found["mounts"])
    assert any(each.startswith(f"{process.pid} ") for each in found["processes"])
    assert settled(site, before) == {}


@pytest.mark.alone
@pytest.mark.long
def test_ten_cycles_leave_not_one_thing_more(warm: Path, site: Site) -> None:
    before = taken()
    listed = everything(warm)
    for cycle in range(CYCLES):
        did("sandbox.up")
        did("sandbox.destroy")
        assert settled(site, before) == {}, f"cycle {cycle}"
    code, document = leftovers()
    assert code == 0, verdicts(document, "FAILS", "UNKNOWN")
    assert everything(warm) == listed


def everything(checkout: Path) -> list[str]:
    """Every file of the checkout, for those that a cycle adds."""
    return sorted(str(path) for path in checkout.rglob("*") if "__pycache__" not in path.parts)


def test_items_have_values(site: Site) -> None:
    """The inventory of this very machine is read, kind by kind."""
    now = taken()
    assert now["links"]["lo"].value.startswith("loopback ")
    assert "net/ipv4/ip_forward" in now["switches"]
    assert isinstance(now["files"]["/etc/passwd"], Item)
    assert now["mounts"]
