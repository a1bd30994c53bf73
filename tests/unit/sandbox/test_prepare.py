"""What the host's side is made of: names, name servers, id range, digests, keys."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from hostonly.errors import HostonlyError, Taken
from hostonly.events import Event, Warned, ignore
from hostonly.host import bridge_netfilter, bridges, command, firewall, modules, switches
from hostonly.sandbox import (
    base,
    box,
    handing,
    idmap,
    keys,
    lock,
    names,
    needs,
    prepare,
    purge,
    trace,
)
from hostonly.settings import Settings


def test_containers_are_named_by_sandbox_and_machine(settings: Settings) -> None:
    assert names.container_name(settings, "sandbox2") == "hostonly-sandbox2"
    assert names.machines(settings) == {"sandbox": "172.16.0.2", "sandbox2": "172.16.0.3"}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("nameserver 10.0.0.1\nnameserver 10.0.0.2\n", None, ["10.0.0.1", "10.0.0.2"]),
        ("# none\nsearch lan\n", None, []),
        ("nameserver 127.0.0.53\n", "nameserver 192.0.2.9\n", ["192.0.2.9"]),
        ("nameserver ::1\nnameserver\n", None, []),
    ],
)
def test_name_servers_are_those_a_sandbox_can_reach(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
    second: str | None,
    expected: list[str],
) -> None:
    files = (tmp_path / "resolv.conf", tmp_path / "resolved.conf")
    files[0].write_text(first)
    if second is not None:
        files[1].write_text(second)
    monkeypatch.setattr(handing, "_RESOLVERS", files)
    assert handing.nameservers() == expected


@pytest.mark.parametrize(
    ("lines", "allowed"),
    [
        ("root:1000000:65536\n", True),
        ("root:900000:200000\n", True),
        ("root:1000000:65535\n", False),
        ("ada:1000000:65536\n", False),
        ("", False),
        ("garbage\n", False),
    ],
)
def test_the_id_range_must_be_covered_by_an_entry_of_roots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, allowed: bool
) -> None:
    files = (tmp_path / "subuid", tmp_path / "subgid")
    for file in files:
        file.write_text(lines)
    monkeypatch.setattr(idmap, "_FILES", files)
    monkeypatch.setattr(idmap, "find", lambda program: Path("/usr/bin") / program)
    assert idmap.allowed() is allowed


def test_without_newuidmap_no_entry_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idmap, "_FILES", ())
    monkeypatch.setattr(idmap, "find", lambda program: None)
    assert idmap.allowed()


@pytest.fixture
def checkout(tmp_path: Path, settings: Settings) -> Path:
    shutil.copytree(settings.root / "packer", tmp_path / "packer")
    return tmp_path


def test_the_base_is_another_when_its_recipe_is(checkout: Path) -> None:
    before = base.current(checkout)
    assert base.current(checkout) == before
    (checkout / "packer" / "guest" / "packages").open("a").write("hello\n")
    assert base.current(checkout) != before
    assert "hello" in base.packages(checkout)


def test_the_box_is_named_by_its_content(checkout: Path) -> None:
    before = box.name(checkout)
    (checkout / "packer" / "guest" / "lxc" / "lxc-config").open("a").write("# more\n")
    assert box.name(checkout) != before


def test_only_folders_of_the_store_are_discarded(tmp_path: Path) -> None:
    for folder in (tmp_path, base.STORE, base.STORE / ".." / "x"):
        with pytest.raises(ValueError, match="is not inside"):
            base.discard(folder.resolve())


@pytest.mark.needs("ssh-keygen")
def test_keys_are_made_once_and_only_for_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "with space" / "ssh"
    made = keys.ensure(folder, {"sandbox": "172.16.0.2"})
    private = made.login.read_bytes()
    for file in (made.login, made.host_key("sandbox")):
        assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    again = keys.ensure(folder, {"sandbox": "172.16.0.2", "sandbox2": "172.16.0.3"})
    assert again.login.read_bytes() == private
    known = again.known_hosts.read_text().splitlines()
    assert [line.split()[:2] for line in known] == [
        ["172.16.0.2", "ssh-ed25519"],
        ["172.16.0.3", "ssh-ed25519"],
    ]


@pytest.mark.needs("ssh-keygen")
@pytest.mark.parametrize("half", ["id_ed25519", "id_ed25519.pub"])
@pytest.mark.parametrize(
    "left", [None, "", "ssh-ed25519", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 other"]
)
def test_half_a_key_pair_is_made_again(tmp_path: Path, half: str, left: str | None) -> None:
    """As after a kill, which leaves one of both, and after a power cut, which leaves empty ones."""
    made = keys.ensure(tmp_path, {})
    (tmp_path / half).unlink()
    if left is not None:
        (tmp_path / half).write_text(left)
    keys.ensure(tmp_path, {})
    public = made.login.with_name("id_ed25519.pub").read_text().split()[:2]
    asked = ["ssh-keygen", "-y", "-f", str(made.login)]
    assert (
        subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[:2]
        == public
    )


def test_a_claim_that_was_cut_off_is_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(names, "SANDBOXES", tmp_path)
    monkeypatch.setattr(names, "CONTAINERS", tmp_path / "lxc")
    folder = tmp_path / names.container_name(settings, "sandbox")
    folder.mkdir()
    (folder / "owner").touch()
    assert names.owner(folder.name) is None
    names.claim_name(settings, "sandbox")
    (folder / "owner").write_text("/somebody/elses\n")
    with pytest.raises(Taken):
        names.claim_name(settings, "sandbox")


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize(
    "files", [(), ("owner",), ("owner.4711",), ("owner", "settings", "certs.d/a/ca.crt")]
)
def test_what_says_whose_it_is_goes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: tuple[str, ...], ours: bool
) -> None:
    monkeypatch.setattr(prepare, "SANDBOXES", tmp_path)
    monkeypatch.setattr(prepare, "run", lambda argv, root, **how: command.run(argv, **how))
    prepare._let_go("c", ours=ours)
    (tmp_path / "c").mkdir()
    for file in files:
        (tmp_path / "c" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "c" / file).touch()
    prepare._let_go("c", ours=ours)
    # What nobody has a mark on is left alone.
    assert (tmp_path / "c").exists() == (not ours and "settings" in files)


@pytest.mark.needs("ssh-keygen")
def test_a_key_that_others_could_read_is_closed_again(tmp_path: Path) -> None:
    made = keys.ensure(tmp_path / "ssh", {"sandbox": "172.16.0.2"})
    made.login.chmod(0o644)
    made.folder.chmod(0o755)
    before = made.login.read_bytes()
    again = keys.ensure(tmp_path / "ssh", {"sandbox": "172.16.0.2"})
    assert again.login.read_bytes() == before
    assert again.login.stat().st_mode & 0o777 == 0o600
    assert again.folder.stat().st_mode & 0o777 == 0o700


def test_a_base_that_sandboxes_stand_on_is_not_built_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = base.current(settings.root).digest
    monkeypatch.setattr(idmap, "allowed", lambda: True)
    monkeypatch.setattr(lock, "store", lambda emit: nullcontext())
    monkeypatch.setattr(purge, "uses", lambda: purge.Uses(frozenset({digest}), frozenset()))
    monkeypatch.setattr(base, "ensure", lambda *given, **named: pytest.fail("it was built"))
    with pytest.raises(HostonlyError, match=f"stand on the base {digest}"):
        prepare.make_box(settings, ignore, rebuild=True)


CONFIG = """\
lxc.rootfs.path = dir:{lxc}/hostonly-sandbox/rootfs
lxc.include = /usr/share/lxc/config/common.conf
lxc.rootfs.path = overlay:{base}/rootfs:{lxc}/hostonly-sandbox/layer
lxc.rootfs.options = userxattr
"""


@pytest.fixture
def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The base under a sandbox that is there; its note speaks of another one."""
    monkeypatch.setattr("hostonly.host.command.as_root", list)
    monkeypatch.setattr(names, "CONTAINERS", tmp_path / "lxc")
    monkeypatch.setattr(names, "SANDBOXES", tmp_path / "sandboxes")
    folder = tmp_path / "bases" / "0123456789abcdef"
    (folder / "rootfs" / "etc").mkdir(parents=True)
    (folder / "complete").write_text(base._listed(folder / "rootfs") + "\n")
    for name in ("lxc", "sandboxes"):
        (tmp_path / name / "hostonly-sandbox").mkdir(parents=True)
    text = CONFIG.format(base=folder, lxc=tmp_path / "lxc")
    (tmp_path / "lxc" / "hostonly-sandbox" / "config").write_text(text)
    note = tmp_path / "sandboxes" / "hostonly-sandbox" / "settings"
    note.write_text(f"BASE={tmp_path}/bases/fedcba9876543210\n")
    return folder


def test_the_base_under_a_sandbox_is_the_one_that_lxc_names(
    settings: Settings, below: Path
) -> None:
    events: list[Event] = []
    assert prepare._base_below(settings, "sandbox", events.append) == below
    assert not events
    assert prepare._base_below(settings, "sandbox2", events.append) is None


@pytest.mark.parametrize("record", ["", None])
def test_a_base_under_a_sandbox_that_is_not_whole_is_said_and_stays_under_it(
    settings: Settings, below: Path, record: str | None
) -> None:
    (below / "complete").unlink()
    if record is not None:
        (below / "complete").write_text(record)
    events: list[Event] = []
    assert prepare._base_below(settings, "sandbox", events.append) == below
    assert [str(event) for event in events if isinstance(event, Warned)]
    assert "./inv sandbox.destroy and ./inv sandbox.up" in str(events[0])


def test_a_base_that_is_gone_under_a_sandbox_is_not_another_one(
    settings: Settings, below: Path
) -> None:
    shutil.rmtree(below)
    with pytest.raises(HostonlyError, match=f"the base under sandbox is gone: {below}"):
        prepare._base_below(settings, "sandbox", ignore)


def test_half_a_container_lies_on_no_base(settings: Settings, below: Path, tmp_path: Path) -> None:
    config = tmp_path / "lxc" / "hostonly-sandbox" / "config"
    config.write_text("".join(config.read_text().splitlines(keepends=True)[:1]))
    assert prepare._base_below(settings, "sandbox", ignore) is None


class Store:
    """The store's folder, and the steps that were ``noted`` while it was locked."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.held = folder, list[str]()
        folder.mkdir()

    def noted(self, what: str, answer: object = None) -> Callable[..., object]:
        def step(*given: object, **named: object) -> object:
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.held.append(what)
            finally:
                os.close(folder)
            return answer

        return step


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    for module in (lock, base):
        monkeypatch.setattr(module, "STORE", made.folder)
    return made


def test_what_all_checkouts_share_is_put_back_while_nobody_takes_it_in_use(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    aside = ("remains", "trust", "firewall", "bridge_netfilter", "bridges", "outsiders", "Login")
    for name in (*aside, "machine_index", "shutil", "owner"):
        monkeypatch.setattr(prepare, name, MagicMock())
    monkeypatch.setattr(prepare, "_shared_put_back", store.noted("put back", []))
    section = settings.sandbox.model_copy(update={"name": "nobodys"})
    ours = settings.model_copy(update={"sandbox": section})
    prepare.restore(ours, ignore)
    assert store.held == ["put back"]
    # Where there is no store there is nothing, and none is made.
    store.folder.rmdir()
    prepare.restore(ours, ignore)
    assert not store.folder.exists()


def test_no_purge_comes_between_the_base_and_handing_it_over(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: Store
) -> None:
    """From finding base and box to noting that they are used, and to where others see that this checkout
    has something here, the store is locked."""
    forgotten: list[dict[bridges.Bridge, str]] = []
    noting = store.noted
    monkeypatch.setattr(needs, "install", noting("packages"))
    for name in ("claim_name", "registry_certificates", "require_host_only_route"):
        monkeypatch.setattr(prepare, name, noting(name))
    monkeypatch.setattr(keys, "ensure", noting("keys"))
    monkeypatch.setattr(bridges, "present", lambda bridge: False)
    for name in ("create", "refuse_conflicts"):
        monkeypatch.setattr(bridges, name, noting(name))
    monkeypatch.setattr(trace, "record", noting("host"))
    monkeypatch.setattr(modules, "load", noting("modules"))
    monkeypatch.setattr(bridges, "forget", forgotten.append)
    monkeypatch.setattr(firewall, "present", lambda wanted: True)
    monkeypatch.setattr(firewall, "apply", noting("table"))
    monkeypatch.setattr(bridge_netfilter, "accept", noting("rules"))
    monkeypatch.setattr(switches, "turn", noting("switches"))
    monkeypatch.setattr(prepare, "_base_below", noting("base", tmp_path))
    monkeypatch.setattr(box, "ensure", noting("box"))
    monkeypatch.setattr(prepare, "hand_over", noting("handed over"))
    prepare.prepare(settings, "sandbox", ignore)
    assert store.held == ["base", "box", "handed over", "create", "create"]
    # Whose MAC had its addresses before is of no use to who calls it.
    host_only, nat = bridges.bridges(settings, settings.root)
    assert forgotten == [{host_only: "172.16.0.2", nat: "10.203.16.2"}]
