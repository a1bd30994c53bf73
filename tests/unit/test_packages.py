"""Debian packages, against stand-ins of dpkg-query, apt-get and sudo that write down their calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly.errors import HostonlyError, ToolFailed, UsageError
from hostonly.events import Event
from hostonly.host import packages, unused_units

# Knows what is installed from a file; like the real one, exits 1 over unknown names.
DPKG_QUERY = r"""#!/bin/sh
code=0
while [ "$1" != -- ]; do shift; done
shift
for name; do
    if grep -qx "$name" "$STATE/installed"; then echo "$name installed"
    elif grep -qx "$name" "$STATE/removed"; then echo "$name config-files"
    else echo "no packages found matching $name" >&2; code=1; fi
done
exit $code
"""
APT_GET = r"""#!/bin/sh
echo "apt-get $*" >>"$STATE/calls"
echo "$DEBIAN_FRONTEND" >>"$STATE/frontend"
case " $* " in
*" update "*) echo "W: Failed to fetch a third party's list"; touch "$STATE/updated"; exit 100 ;;
esac
if [ -e "$STATE/stale" ] && [ ! -e "$STATE/updated" ]; then
    echo "E: Unable to locate package lxc"; exit 100
fi
if [ -e "$STATE/broken" ]; then echo "E: no space"; exit 100; fi
echo "Unpacking lxc"
for name; do echo "$name" >>"$STATE/installed"; done
"""
SYSTEMCTL = r"""#!/bin/sh
echo "systemctl $*" >>"$STATE/calls"
[ -e "$STATE/no-mask" ] && { echo "Failed to mask unit: read-only"; exit 1; }
shift
for unit; do ln -s /dev/null "$STATE/units/$unit"; done
"""
SUDO = r"""#!/bin/sh
echo "sudo $*" >>"$STATE/calls"
[ -e "$STATE/password" ] && exit 1
[ "$1" = -n ] && shift
exec "$@"
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of facts about the machine that the stand-ins pretend to be; we are root on it."""
    tools = tmp_path / "bin"
    tools.mkdir()
    stand_ins = {
        "dpkg-query": DPKG_QUERY,
        "apt-get": APT_GET,
        "sudo": SUDO,
        "systemctl": SYSTEMCTL,
    }
    for name, text in stand_ins.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (tmp_path / "installed").write_text("git\n")
    (tmp_path / "removed").write_text("vagrant\n")
    (tmp_path / "units").mkdir()
    monkeypatch.setattr(unused_units, "UNITS", tmp_path / "units")
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.delenv("HOSTONLY_INSTALL", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return tmp_path


def calls(machine: Path) -> list[str]:
    file = machine / "calls"
    return file.read_text().splitlines() if file.exists() else []


def ignore(event: Event) -> None:
    pass


def test_missing(machine: Path) -> None:
    assert packages.missing(["vagrant", "git", "lxc"]) == ["vagrant", "lxc"]
    assert packages.missing([]) == []


@pytest.mark.parametrize("name", ["-y", "a b", "", "a;b", "../a", "A"])
def test_a_name_that_is_none(machine: Path, name: str) -> None:
    with pytest.raises(UsageError):
        packages.missing([name])


def test_nothing_is_installed_twice(machine: Path) -> None:
    assert packages.install(["git"], ignore) == []
    assert calls(machine) == []


def test_install(machine: Path) -> None:
    events: list[Event] = []
    assert packages.install(["git", "lxc"], events.append) == ["lxc"]
    call = calls(machine)[-1]
    assert call.endswith(" install --yes --no-install-recommends --no-remove lxc")
    assert "update" not in call
    assert (machine / "frontend").read_text() == "noninteractive\n"
    # Named before it is done.
    assert "lxc" in str(events[0]) and "Started" in str(events[0])


def test_lists_are_fetched_when_they_lack_it_and_a_broken_source_is_borne(machine: Path) -> None:
    (machine / "stale").touch()
    assert packages.install(["lxc"], ignore) == ["lxc"]
    asked = [line.split()[-1] for line in calls(machine) if line.startswith("apt-get")]
    assert asked == ["lxc", "update", "lxc"]


def test_a_failure_says_what_and_what_next(machine: Path) -> None:
    (machine / "broken").touch()
    with pytest.raises(ToolFailed) as caught:
        packages.install(["gitk"], ignore)
    assert caught.value.output == "E: no space"
    assert caught.value.ran == "apt-get install --no-install-recommends gitk"


def test_never_means_never(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTONLY_INSTALL", "never")
    with pytest.raises(HostonlyError) as caught:
        packages.install(["lxc", "git", "vagrant"], ignore)
    assert caught.value.remedy == (
        "systemctl mask lxc-net.service lxc-monitord.service"
        " && apt-get install --no-install-recommends lxc vagrant"
    )
    assert caught.value.exit_code == 3
    assert calls(machine) == []


def test_a_permission_that_is_none(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTONLY_INSTALL", "nevr")
    with pytest.raises(UsageError, match="auto or never"):
        packages.install(["lxc"], ignore)
    assert calls(machine) == []


def test_an_ordinary_user_has_sudo(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert packages.install(["lxc"], ignore) == ["lxc"]
    by_sudo = [line for line in calls(machine) if line.startswith("sudo")]
    assert by_sudo[:2] == [
        "sudo -n true",
        "sudo -n systemctl mask lxc-net.service lxc-monitord.service",
    ]
    assert by_sudo[2].startswith("sudo -n env DEBIAN_FRONTEND=noninteractive ")


def test_nobody_is_asked_for_a_password(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    (machine / "password").touch()
    with pytest.raises(HostonlyError, match="password") as caught:
        packages.install(["gitk"], ignore)
    assert caught.value.remedy == "sudo apt-get install --no-install-recommends gitk"


def test_no_debian(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolFailed, match="no Debian"):
        packages.missing(["lxc"])


def test_what_was_installed_for_a_checkout_is_noted(machine: Path, tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    assert packages.installed_for(root) == []
    packages.install(["git", "lxc"], ignore, root=root)
    packages.install(["git"], ignore, root=root)
    assert packages.note(root).read_text() == "lxc\n"
    assert packages.installed_for(root) == ["lxc"]
    packages.note(root).write_text("lxc\nnever-there\n-y\nlxc\n")
    assert packages.installed_for(root) == ["lxc"]
    assert packages.remove_line(["lxc"]) == "apt-get remove lxc"


def test_what_lxc_would_start_is_masked_before_it_comes(machine: Path, tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    assert unused_units.masked_for(root) == []
    packages.install(["git", "lxc"], ignore, root=root)
    mask, apt = calls(machine)
    assert mask == "systemctl mask lxc-net.service lxc-monitord.service"
    assert apt.startswith("apt-get ")
    assert unused_units.masked_for(root) == ["lxc-net.service", "lxc-monitord.service"]
    assert unused_units.unmask_line(["lxc-net.service"]) == "systemctl unmask lxc-net.service"
    # The user has it started again: then it is no longer ours to speak of.
    (machine / "units" / "lxc-net.service").unlink()
    assert unused_units.masked_for(root) == ["lxc-monitord.service"]


def test_an_lxc_of_the_users_own_is_left_alone(machine: Path) -> None:
    (machine / "installed").write_text("lxc\n")
    packages.install(["lxc", "gitk"], ignore)
    assert not [line for line in calls(machine) if line.startswith("systemctl")]


def test_what_the_user_has_said_of_a_unit_stays(machine: Path, tmp_path: Path) -> None:
    (machine / "units" / "lxc-net.service").symlink_to("/dev/null")
    packages.install(["lxc"], ignore, root=tmp_path / "checkout")
    assert calls(machine)[0] == "systemctl mask lxc-monitord.service"
    assert unused_units.masked_for(tmp_path / "checkout") == ["lxc-monitord.service"]


def test_nothing_is_installed_that_could_not_be_kept_off(machine: Path) -> None:
    (machine / "no-mask").touch()
    with pytest.raises(ToolFailed, match="nothing was installed") as caught:
        packages.install(["lxc"], ignore)
    assert "read-only" in caught.value.output
    assert not [line for line in calls(machine) if line.startswith("apt-get")]


def test_without_systemd_there_is_nothing_to_mask(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine / "bin" / "systemctl").unlink()
    monkeypatch.setattr("hostonly.host.unused_units.shutil.which", lambda name: None)
    packages.install(["lxc"], ignore)
    assert packages.install_line(["lxc"]) == "apt-get install --no-install-recommends lxc"


def test_an_interrupt_lets_apt_get_end_what_it_has_begun(machine: Path) -> None:
    # As the real one: it goes on, and says more than a pipe holds while nobody seems to listen.
    (machine / "bin" / "apt-get").write_text(
        "#!/bin/sh\ntrap 'echo asked >>\"$STATE/calls\"' INT\n"
        'echo "Unpacking lxc"\n'
        'until grep -qs asked "$STATE/calls"; do sleep 0.02; done\nseq 100000\necho carried through >>"$STATE/calls"\n'
    )
    told: list[str] = []

    def emit(event: Event) -> None:
        told.append(str(event))
        if "Unpacking" in str(event):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        packages.install(["lxc"], emit)
    assert (machine / "calls").read_text().splitlines()[-2:] == ["asked", "carried through"]
    assert "waiting for apt-get" in told[-1]
