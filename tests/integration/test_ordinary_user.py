"""All of it as an ordinary user has it, who may use sudo: in a clone of this checkout in that user's home.

What sudo runs it keeps a list of, by its own means, and that is held against the one in docs/security.md.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from hostonly.host import outsiders
from hostonly.site import Site
from tests.checkout import ROOT
from tests.integration.ordinary_user import SUDOERS, User, theirs_alone

pytestmark = [
    pytest.mark.long,
    pytest.mark.needs("sudo", "useradd"),
    pytest.mark.usefixtures("outsiders", "etc_docker"),
]


def ran(user: User) -> set[str]:
    """The programs that sudo ran as root for the user. (`env` is vagrant-lxc's way to find them.)"""
    commands = [line.split("COMMAND=", 1)[1].split() for line in user.log.read_text().splitlines()]
    words = [command[1] if command[0] == "/usr/bin/env" else command[0] for command in commands]
    return {Path(word).name for word in words}


def documented() -> set[str]:
    """The programs in the first column of the list."""
    text = (ROOT / "docs" / "security.md").read_text().split("## What runs as root")[1]
    rows = [row for row in text.split("\n## ")[0].splitlines() if row.startswith("| `")]
    rows += [row for row in text.split("\n## ")[0].splitlines() if row.startswith("| by ")]
    return {code.split()[0] for row in rows for code in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_a_life_by_single_commands_of_sudo(user: User, site: Site) -> None:
    user.did("sandbox.up")
    assert "uid=1000(vagrant)" in user.did("sandbox.exec", "--", "id")
    for check in ("host-to-sandbox", "host-only", "isolation"):
        user.did(f"check.{check}")
    assert not outsiders.remove(site), "the check has left something"
    user.did("demo.host")
    user.did("sandbox.up", "--machine", "sandbox2")
    user.did("sandbox.halt")
    user.did("sandbox.up")
    user.did("registry.trust", "--yes")
    user.did("check.leftovers")
    user.did("sandbox.destroy")
    user.did("check.leftovers")
    assert {"lxc-create", "lxc-start", "nft", "ip", "sysctl", "nsenter"} <= ran(user)
    assert ran(user) - documented() == set()
    assert theirs_alone(user) == []
    assert not (SUDOERS / "vagrant-lxc").exists()


def test_where_sudo_asks_it_is_answered_at_the_terminal(user: User, site: Site) -> None:
    """As Debian sets it up for its first user."""
    user.may("ALL=(ALL:ALL) ALL")
    tasks = ("sandbox.up", "check.host-only", "check.isolation", "sandbox.destroy")
    for task in (*tasks, "check.leftovers"):
        code, asked, seen = user.typed(task)
        # Once: each task has a terminal of its own here.
        assert (task, code, asked) == (task, 0, 1), seen
    assert not outsiders.remove(site)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_is_cut_off_comes_back(user: User, site: Site, number: signal.Signals) -> None:
    """What sudo has started is root's, and not to be killed with the rest."""
    asked = number == signal.SIGINT
    code = user.cut_off("sandbox.up", "vagrant up sandbox", number)
    assert code == 130 or not asked
    user.did("sandbox.up")
    code = user.cut_off("check.host-only", "two neighbours", number)
    assert code == 130 or not asked
    # After a Ctrl-C nothing is left; after a kill the next run begins with clearing up.
    assert not asked or not outsiders.remove(site)
    user.did("check.host-only")
    user.did("sandbox.destroy")
    user.did("check.leftovers")


def test_ipv6_is_switched_off_on_the_bridge(user: User, site: Site) -> None:
    user.did("sandbox.up")
    off = f"net.ipv6.conf.{site.bridge.name}.disable_ipv6"
    # It goes with the bridge.
    subprocess.run(["sysctl", "-qw", f"{off}=1"], check=True, timeout=60)
    for task in ("demo.ipv6", "check.host-only"):
        said = user.did(task)
        assert "SKIPPED" in said and f"{off} is 1" in said
        assert f"to switch it on again: sudo sysctl -w {off}=0" in said
    assert ran(user) - documented() == set()


def test_where_sudo_is_refused_it_is_told(user: User) -> None:
    user.may(None)
    for task in ("sandbox.up", "host.prepare"):
        done = user.inv(task)
        assert done.returncode == 3
        assert "This needs root" in done.stderr and "Traceback" not in done.stderr
    # What cannot be seen is not said to be all right.
    assert user.inv("check.leftovers").returncode == 3
    assert not Path("/sys/class/net", os.environ["INVOKE_NETWORK_BRIDGE"]).exists()
