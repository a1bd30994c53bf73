"""The other side: stock Vagrant and vagrant-lxc, with a plain box of the same packages.

The box is one that a user would build by hand: Debian with systemd, sshd and Docker, a user
``vagrant`` with Vagrant's well-known key, an address by DHCP, user-namespaced, unpacked by
vagrant-lxc's own template. The bridge and its DHCP server, like that of the lxc package, are the
bench's.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

from bench.checkout import SECONDS, discard
from bench.workspace import Workspace
from hostonly.errors import HostonlyError, ToolFailed
from hostonly.events import Emit, Progress, Started, Warned
from hostonly.host import bridges, packages
from hostonly.host.command import end, run
from hostonly.ownership.owners import owner
from hostonly.process import as_root
from hostonly.providers.lxc import base, idmap, left
from hostonly.providers.lxc.container import LxcContainer
from hostonly.sandbox.prepare import needed
from hostonly.sandbox.vagrant import BUSY, BUSY_SECONDS, elsewhere_unset
from hostonly.site import BENCH_MARK, INSTANCES, Bridge, Site, temporary_prefix

BOX = "hostonly-bench-stock"

# The end of the names of its folder and its container.
SUFFIX = "-stock"

_VAGRANTFILE = """\
Vagrant.configure("2") do |config|
  config.vm.box = "{box}"
  config.vm.synced_folder "{shared}", "/vagrant"
  config.vm.provider :lxc do |lxc|
    lxc.container_name = "{name}"
    lxc.privileged = {privileged}
    lxc.customize "net", ""
    lxc.customize "net.0.type", "veth"
    lxc.customize "net.0.link", "{bridge}"
    lxc.customize "net.0.name", "eth0"
    lxc.customize "net.0.flags", "up"
  end
end
"""

_LXC_CONFIG = """\
lxc.include = /usr/share/lxc/config/common.conf
lxc.include = /usr/share/lxc/config/userns.conf
lxc.arch = linux64
lxc.mount.auto =
lxc.mount.auto = proc:mixed sys:rw cgroup:rw
lxc.apparmor.profile = generated
lxc.apparmor.allow_nesting = 1
lxc.idmap = u 0 {start} {count}
lxc.idmap = g 0 {start} {count}
lxc.rootfs.options = idmap=container
"""

_CONFIGURE = """\
set -eu
useradd --create-home --shell /bin/bash --groups docker vagrant
install -d -m 0700 -o vagrant -g vagrant /home/vagrant/.ssh
install -m 0600 -o vagrant -g vagrant /run/key.pub /home/vagrant/.ssh/authorized_keys
printf 'vagrant ALL=(ALL:ALL) NOPASSWD: ALL\\n' >/etc/sudoers.d/vagrant
chmod 0440 /etc/sudoers.d/vagrant
printf 'auto lo eth0\\niface lo inet loopback\\niface eth0 inet dhcp\\n' >/etc/network/interfaces
systemctl enable ssh docker
rm -f /run/key.pub
"""

# The packages that Debian's own installer takes for an address by DHCP.
_DHCP = ("ifupdown", "isc-dhcp-client")

# Packages of our base that belong to what hostonly adds and not to a plain Docker machine.
_OURS = ("haproxy", "docker-registry")


@dataclass(frozen=True, slots=True)
class Stock:
    """A Vagrant project at ``folder``."""

    folder: Path
    vagrant_home: Path

    def vagrant(self, *words: str) -> str:
        """Run ``vagrant`` with ``words`` in the project."""
        ours = (f"VAGRANT_HOME={self.vagrant_home}", "VAGRANT_CHECKPOINT_DISABLE=1")
        return run([*elsewhere_unset(), *ours, "vagrant", *words], cwd=self.folder, timeout=SECONDS)


@contextlib.contextmanager
def stock(workspace: Workspace) -> Iterator[Stock]:
    """Give the project with its box added and its bridge served; all of it is removed afterwards.

    Raises:
        ToolFailed: the box could not be built, or the bridge not made.
    """
    folder = workspace.folder / f"{workspace.name()}{SUFFIX}"
    packages.install(
        (*needed(workspace.user), "dnsmasq-base"), workspace.emit, root=workspace.user.root
    )
    with contextlib.ExitStack() as cleaning:
        cleaning.callback(_remove, workspace, folder)
        folder.mkdir()
        # vagrant-lxc's own template knows no spaces in the path of its box, and it no letters outside ASCII
        # in that of the shared folder. The user's may have some.
        temporary = Path(tempfile.mkdtemp(prefix=_temporary(folder)))
        link, shared = temporary / "home", temporary / "shared"
        link.symlink_to(workspace.vagrant_home)
        shared.mkdir()
        # The container's root is another user of this machine, and is to mount what is in it.
        temporary.chmod(0o711)
        made = Stock(folder, link)
        workspace.emit(Started("bench: building the stock side's box"))
        _add_box(workspace.user.root, made, workspace.emit)
        cleaning.callback(end, _serve(folder, workspace.network()))
        claim = INSTANCES / folder.name
        run(["mkdir", "-p", "-m", "0755", str(INSTANCES), str(claim)], root=True)
        run(["tee", str(claim / "owner")], root=True, stdin=f"{folder}\n")
        # Last: without it there is no machine to be destroyed.
        (folder / "Vagrantfile").write_text(
            _VAGRANTFILE.format(
                box=BOX,
                shared=shared,
                name=folder.name,
                privileged="false" if os.geteuid() == 0 else "true",
                bridge=_bridge(folder),
            ),
            encoding="utf-8",
        )
        yield made


def _remove(workspace: Workspace, folder: Path) -> None:
    try:
        remove(folder, workspace.vagrant_home, workspace.user)
    except HostonlyError as error:
        workspace.emit(Warned(f"the stock side at {folder} could not be removed: {error}"))


def remove(folder: Path, vagrant_home: Path, user: Site) -> None:
    """Remove the stock project in ``folder`` with its machine, bridge and server, complete or not.

    Raises:
        ToolFailed: its machine, or something else of it, could not be removed; the folder stays.
    """
    if (folder / "Vagrantfile").exists():
        _destroy(Stock(folder, vagrant_home))
    _end_server(folder)
    name = _bridge(folder)
    bridges.remove(Bridge(name, IPv4Interface("0.0.0.0"), "", f"{BENCH_MARK} {folder}"))
    if owner(INSTANCES / folder.name) == str(folder):
        # Of one that was cut off while LXC made it Vagrant knows nothing.
        note = folder / ".vagrant" / "machines" / "default" / "lxc" / "id"
        machine = LxcContainer(user, replace(user.sandbox, instance=folder.name, vagrant_id=note))
        if machine.exists:
            machine.remove()
        left.remove(folder.name)
        run(["rm", "-rf", str(INSTANCES / folder.name)], root=True)
    for temporary in Path(tempfile.gettempdir()).glob(f"{_temporary(folder)}*"):
        discard(temporary)
    discard(folder)


def _temporary(folder: Path) -> str:
    """Return the prefix of its own temporary folder, of the kind of ``Site.temporary``."""
    return temporary_prefix(folder)


def _destroy(made: Stock) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            made.vagrant("destroy", "-f")
            return
        except ToolFailed as error:
            # A bench was killed and its Vagrant was not: it ends by itself.
            if not any(words in error.output for words in BUSY) or time.monotonic() >= deadline:
                raise
            time.sleep(1.0)


def _bridge(folder: Path) -> str:
    return f"s-{folder.name.removesuffix(SUFFIX)}"


def _pid_file(folder: Path) -> Path:
    return folder / "dnsmasq.pid"


def _end_server(folder: Path) -> None:
    """End the project's DHCP server, which is recognised by its pid and its command line."""
    try:
        pid = _pid_file(folder).read_text(encoding="utf-8").strip()
        words = Path("/proc", pid, "cmdline").read_text(encoding="utf-8").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return
    if pid and f"--pid-file={_pid_file(folder)}" in words:
        run(["kill", pid], root=True)


def _add_box(root: Path, made: Stock, emit: Emit) -> None:
    folder = made.folder
    wanted = [name for name in base.packages(root) if name not in _OURS]
    wanted += _DHCP
    (folder / "configure").write_text(_CONFIGURE, encoding="utf-8")
    (folder / "key.pub").write_text(_insecure_key(), encoding="utf-8")
    rootfs = folder / "rootfs"
    command = [
        # Mounts and processes in there end with it.
        *("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"),
        *("mmdebstrap", "--variant=minbase", "--mode=root", "--format=directory"),
        '--aptopt=Acquire::Languages "none"',
        f"--include={','.join(wanted)}",
        f"--customize-hook=upload {shlex.quote(str(folder / 'key.pub'))} /run/key.pub",
        f"--customize-hook=upload {shlex.quote(str(folder / 'configure'))} /run/configure",
        '--customize-hook=chroot "$1" sh /run/configure',
        '--customize-hook=rm "$1/run/configure"',
        *(base.SUITE, str(rootfs)),
    ]
    run(command, root=True, timeout=1800, on_line=lambda said: emit(Progress(said)))
    # vagrant-lxc's template strips two components: the names begin with ./rootfs/.
    pack = ["tar", "-C", str(folder), "--numeric-owner", "--xattrs", "--xattrs-include=*"]
    run([*pack, "-czf", str(folder / "rootfs.tar.gz"), "./rootfs"], root=True, timeout=600)
    run(["rm", "-rf", "--one-file-system", str(rootfs)], root=True)
    config = _LXC_CONFIG.format(start=idmap.START, count=idmap.COUNT)
    (folder / "lxc-config").write_text(config, encoding="utf-8")
    (folder / "metadata.json").write_text(
        '{"provider": "lxc", "version": "1.0.0"}\n', encoding="utf-8"
    )
    with tarfile.open(folder / "stock.box", "w") as box:
        for file in ("metadata.json", "lxc-config", "rootfs.tar.gz"):
            box.add(folder / file, file)
    made.vagrant("box", "add", "--name", BOX, "--provider", "lxc", str(folder / "stock.box"))
    for file in ("stock.box", "rootfs.tar.gz"):
        (folder / file).unlink()


def _insecure_key() -> str:
    """Return Vagrant's well-known public key, for a box until ``vagrant up`` replaces it."""
    program = run(["ruby", "-e", 'puts Gem::Specification.find_by_name("vagrant").gem_dir'])
    return (Path(program.strip()) / "keys" / "vagrant.pub").read_text(encoding="utf-8")


def _serve(folder: Path, network: IPv4Network) -> subprocess.Popen[bytes]:
    """Make the project's bridge, and start on it the DHCP server of the lxc package's ``lxc-net``.

    Its options are the same.
    """
    name = _bridge(folder)
    lines = [
        f"link add {name} type bridge",
        f'link set {name} alias "{BENCH_MARK} {folder}"',
        f"address add {network[1]}/{network.prefixlen} dev {name}",
        f"link set {name} up",
    ]
    run(["ip", "-batch", "-"], root=True, stdin="\n".join(lines) + "\n", timeout=10)
    return subprocess.Popen(
        as_root(
            [
                "dnsmasq",
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--user=root",
                "--strict-order",
                "--bind-interfaces",
                f"--pid-file={_pid_file(folder)}",
                f"--listen-address={network[1]}",
                f"--dhcp-range={network[2]},{network[-2]}",
                "--dhcp-no-override",
                "--except-interface=lo",
                f"--interface={name}",
                f"--dhcp-leasefile={folder}/leases",
                "--dhcp-authoritative",
            ]
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
