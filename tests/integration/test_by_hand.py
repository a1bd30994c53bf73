"""What a person types beside `inv`: Vagrant in the checkout, docker in the sandbox; and what is
left on the host when the sandbox is destroyed."""

from __future__ import annotations

import contextlib
import json
import operator
import os
import subprocess
from pathlib import Path

import pytest

from hostonly.image import record
from hostonly.process import as_root
from hostonly.site import INSTANCES, Site
from hostonly.waiting import until
from tests.integration.command_line import inv

IP = as_root(["ip"])


@pytest.fixture(autouse=True)
def up(stand_in_for_inv: None) -> None:
    assert inv("sandbox.up").returncode == 0


def vagrant(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["vagrant", *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_vagrant_by_hand_acts_on_the_same_machine(checkout: Path) -> None:
    # Tests before this one may have made it.
    assert inv("sandbox.destroy", "--machine", "sandbox2").returncode == 0
    status = vagrant(checkout, "status", "--machine-readable")
    assert ",sandbox,state,running" in status.stdout
    assert ",sandbox2,state,not_created" in status.stdout
    assert vagrant(checkout, "ssh", "-c", "true").returncode == 0
    named = vagrant(checkout, "ssh", "--no-tty", "-c", "hostname; exit 7")
    assert (named.returncode, named.stdout.strip()) == (7, "sandbox"), named.stderr


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_vagrant_by_hand_where_the_locale_lacks_a_letter_of_the_path(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    assert not str(checkout).isascii()
    monkeypatch.setenv("LC_ALL", locale)
    monkeypatch.setenv("PYTHONUTF8", "0")
    status = vagrant(checkout, "status", "--machine-readable")
    assert status.returncode == 0 and ",sandbox,state,running" in status.stdout, status.stderr
    named = vagrant(checkout, "ssh", "--no-tty", "-c", "hostname; exit 7")
    assert (named.returncode, named.stdout.strip()) == (7, "sandbox"), named.stderr
    # The same machine, by its path: the lock, the marks and the note are found again.
    assert inv("sandbox.up").returncode == 0
    assert "is up" in inv("sandbox.up").stderr


def test_vagrant_by_hand_sends_nothing_where_the_way_leads_elsewhere(
    checkout: Path, site: Site
) -> None:
    route = [f"{site.sandbox.address}/32", "via", site.machine("sandbox2").address]
    subprocess.run([*IP, "route", "add", *route], check=True)
    try:
        for command in (["ssh", "-c", "true"], ["ssh"], ["provision"]):
            refused = vagrant(checkout, *command)
            assert refused.returncode != 0
            assert f"gateway {site.machine('sandbox2').address}" in refused.stderr + refused.stdout
    finally:
        subprocess.run([*IP, "route", "del", *route], check=True)
    assert vagrant(checkout, "ssh", "-c", "true").returncode == 0


def test_another_image_under_the_tag_is_noticed_by_push_and_pull(site: Site) -> None:
    reference = f"localhost:{site.registry_port}/{site.image.name}"
    assert inv("image.pull").returncode == 0
    again = inv("image.pull")
    assert again.returncode == 0 and "unchanged" in again.stderr

    engine = ["sandbox.exec", "--", "docker"]
    assert inv(*engine, "create", "--name", "another", reference).returncode == 0
    assert inv(*engine, "commit", "--message", "another", "another", reference).returncode == 0
    assert inv(*engine, "rm", "another").returncode == 0
    assert inv(*engine, "push", "--quiet", reference).returncode == 0

    pushed = inv("image.push")
    assert pushed.returncode == 0, pushed.stderr
    assert "is not what was built here" in pushed.stderr
    assert "named another image" in pushed.stderr
    built = json.loads(record.record(site.state, "sandbox", "java").read_text())["image_id"]
    shown = inv(*engine, "image", "inspect", "--format", "{{.Id}}", reference).stdout.strip()
    assert shown == built
    assert "unchanged" in inv("image.push").stderr


def test_its_whole_life_by_hand(checkout: Path) -> None:
    assert inv("sandbox.destroy").returncode == 0
    for _ in range(2):
        up = vagrant(checkout, "up")
        assert up.returncode == 0, up.stdout + up.stderr
        assert vagrant(checkout, "ssh", "-c", "docker info").returncode == 0
        # It is the one that `inv` knows; Vagrant waits for ssh, `inv` for the services.
        assert inv("sandbox.up").returncode == 0
        assert inv("check.host-to-sandbox").returncode == 0
        assert vagrant(checkout, "halt").returncode == 0
        (machine, _) = json.loads(inv("sandbox.status", "--json").stdout)["machines"]
        assert machine["state"] == "stopped"
    assert vagrant(checkout, "destroy", "--force").returncode == 0
    left = inv("check.leftovers", "--json")
    found = [claim for claim in json.loads(left.stdout)["claims"] if claim["verdict"] != "HOLDS"]
    assert left.returncode == 0 and {claim["verdict"] for claim in found} <= {"SKIPPED"}, found


def test_a_wrong_setting_is_named_by_hand_too(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVOKE_SANDBOX_MEMORY", "abc")
    refused = vagrant(checkout, "status")
    assert refused.returncode != 0
    assert "inv: sandbox.memory: 'abc' (from INVOKE_SANDBOX_MEMORY)" in refused.stderr
    assert f"the settings of {checkout} cannot be used" in refused.stderr


def test_vagrant_destroy_by_hand_leaves_no_connection(checkout: Path) -> None:
    folder = checkout / ".hostonly" / "ssh"

    def shared() -> list[str]:
        """The command lines of this checkout's ssh processes, and their sockets."""
        found = [str(path) for path in folder.glob("*.shared")]
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                said = (process / "cmdline").read_text(errors="replace")
                if said.startswith("ssh\0") and str(folder) in said:
                    found.append(said)
        return found

    assert inv("sandbox.exec", "--", "true").returncode == 0
    if not shared():
        pytest.skip("the checkout's path is too long for a socket: no connection is shared")
    assert vagrant(checkout, "destroy", "--force").returncode == 0
    # A process that was told to end needs a processor for it.
    assert until(shared, operator.not_, 20.0) == []


def test_destroying_it_leaves_nothing(site: Site) -> None:
    containers = {machine.instance for machine in site.machines}
    bridges = {site.bridge.name, site.nat.name}

    def links() -> set[str]:
        listed = subprocess.run(["ip", "-json", "link"], capture_output=True, check=True)
        return {link["ifname"] for link in json.loads(listed.stdout)}

    def ours() -> list[str]:
        """Processes on whose command line, or in whose control groups, a container is named."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                said = "".join(
                    (process / file).read_text(errors="replace") for file in ("cmdline", "cgroup")
                )
            except OSError:
                continue
            if process.name != str(os.getpid()) and any(name in said for name in containers):
                found.append(said)
        return found

    def tables() -> str:
        # As root only; and where it fails, the test does.
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        listed = subprocess.run(
            [*root, "nft", "list", "ruleset"], capture_output=True, check=True, text=True
        )
        return listed.stdout

    # First that they can be seen: what is never seen is not gone.
    assert bridges < links() and ours() and site.bridge.name in tables()
    assert inv("sandbox.destroy").returncode == 0
    assert not bridges & links()
    # What was told to end needs a processor for it.
    assert until(ours, operator.not_, 20.0) == []
    assert site.bridge.name not in tables() and site.nat.name not in tables()
    assert not any(Path("/var/lib/lxc", name).exists() for name in containers)
    assert not any((INSTANCES / name).exists() for name in containers)
