"""The base under the sandboxes: built again beside them when it was damaged, and on a full disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hostonly.events import ignore
from hostonly.providers.lxc import base
from hostonly.providers.lxc.uses import base_below
from hostonly.sandbox import life
from hostonly.sandbox.machine import Machine
from hostonly.site import STORE, Site
from tests.integration.command_line import inv

BASES = STORE / "bases"


def test_a_vagrant_that_has_no_box_yet_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the user's own boxes none is looked at, nor added to.
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path))
    done = inv("sandbox.box", timeout=120)
    assert done.returncode == 0, done.stderr
    assert "added the box to Vagrant" in done.stderr
    assert list((tmp_path / "boxes").glob("hostonly-*"))


@pytest.mark.long
def test_a_damaged_base_is_built_again_and_a_running_sandbox_is_left_alone(
    checkout: Path, site: Site, recipe: Path
) -> None:
    first, second = Machine(site, ignore), Machine(site, ignore, "sandbox2")
    # Tests before this one may have made both.
    life.destroy([first, second])
    try:
        assert inv("sandbox.up").returncode == 0
        old = base.current(checkout)
        init = first.provider.boot()
        (old.rootfs / "usr" / "bin" / "tcpdump").unlink()
        made = inv("sandbox.up", "--machine", "sandbox2")
        assert made.returncode == 0, made.stderr
        assert f"files of the base {old.name} were changed or are gone" in made.stderr
        new = base.current(checkout)
        assert new == base.Base(old.digest, old.generation + 1)
        # The one that runs goes on, on what it has; the new one has the file again.
        assert first.provider.boot() == init
        for machine, there in ((first, False), (second, True)):
            with machine.vantage() as vantage:
                assert vantage.run(["test", "-e", "/usr/bin/tcpdump"]).ok is there
                assert vantage.run(["docker", "info", "--format", "{{.Driver}}"]).ok
        # And whoever starts the first one again is told.
        life.halt(first)
        again = inv("sandbox.up")
        assert again.returncode == 0
        assert "files of the base under sandbox were changed or are gone" in again.stderr
    finally:
        life.destroy([second])
        life.destroy([first])


@pytest.mark.long
def test_an_old_base_stays_under_its_sandboxes(checkout: Path, site: Site, recipe: Path) -> None:
    machine = Machine(site, ignore)
    life.destroy([machine])
    try:
        life.up([machine])
        old = base.current(checkout)
        life.halt(machine)
        recipe.write_text(recipe.read_text() + "# newer\n")
        assert base.current(checkout) != old
        # Nothing is built for a sandbox that has its base already.
        up = inv("sandbox.up", timeout=60)
        assert up.returncode == 0, up.stderr
        assert not base.current(checkout).complete
        assert base.intact(old.folder)
        # Nor when the old one's record was lost, or all of it: which is said.
        for broken, code, said in (
            (
                old.folder / "complete",
                0,
                "files of the base under sandbox were changed or are gone",
            ),
            (old.folder, 3, "the base under sandbox is gone"),
        ):
            life.halt(machine)
            away = broken.rename(broken.with_name(f"{broken.name}.partial"))
            try:
                up = inv("sandbox.up", timeout=60)
            finally:
                away.rename(broken)
            assert up.returncode == code and said in up.stderr
            assert not base.current(checkout).complete
            assert base_below(machine.spec.instance) == old.folder
            note = machine.spec.folder / "settings"
            assert f"BASE={old.folder}\n" in note.read_text()
    finally:
        life.destroy([machine])


@pytest.mark.long
def test_a_full_disk_while_it_is_unpacked_is_said_and_leaves_nothing(
    checkout: Path, site: Site, recipe: Path
) -> None:
    STORE.mkdir(mode=0o755, exist_ok=True)
    BASES.mkdir(mode=0o755, exist_ok=True)
    # A small disk in a mount namespace of its own: nobody else's bases are on it.
    line = (
        f"mount -t tmpfs -o size=150m,mode=0755 hostonly {BASES}"
        ' && "$@"; status=$?; ls -A ' + str(BASES) + "; exit $status"
    )
    argv = ["sh", "-c", line, "box", sys.executable, "-m", "hostonly", "sandbox.box"]
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", *argv],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 3
    assert "the sandbox's base could not be built" in done.stderr
    assert "No space left on device" in done.stderr
    # What `ls` found on the small disk: no half of a base.
    assert done.stdout == ""
