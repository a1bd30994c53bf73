"""The other side: Vagrant and vagrant-lxc as they come, with a plain box of the same packages.

The box is what one would build by hand: Debian with systemd, sshd and Docker, a user `vagrant` with
Vagrant's well-known key, an address by DHCP, user-namespaced, unpacked by vagrant-lxc's own template.
The bridge, with the DHCP server that the lxc package would start on its own, is the bench's.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hostonly.bench.checkout import SECONDS
from hostonly.bench.place import Place
from hostonly.errors import HostonlyError
from hostonly.events import Progress, Started, Warned
from hostonly.host import packages
from hostonly.host.command import as_root, end, run
from hostonly.sandbox import base, idmap, needs
from hostonly.sandbox.vagrant_calls import elsewhere_unset

BOX = "hostonly-bench-stock"

_VAGRANTFILE = """\
Vagrant.configure("2") do |config|
  config.vm.box = "{box}"
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

# What Debian's own installer takes for an address by DHCP.
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
def stock(place: Place) -> Iterator[Stock]:
    """The project with its box added and its bridge served; all gone afterwards.

    Raises:
        ToolFailed: the box could not be built, or the bridge not made.
    """
    name, folder = place.name(), place.folder / "stock"
    packages.install((*needs.PACKAGES, "dnsmasq-base"), place.emit)
    folder.mkdir()
    privileged = "false" if os.geteuid() == 0 else "true"
    text = _VAGRANTFILE.format(box=BOX, name=name, privileged=privileged, bridge=f"s-{name}")
    (folder / "Vagrantfile").write_text(text)
    made = Stock(folder, place.vagrant_home)
    place.emit(Started("bench: building the stock side's box"))
    with contextlib.ExitStack() as cleaning:
        cleaning.callback(shutil.rmtree, folder, ignore_errors=True)
        _add_box(place, folder, made)
        cleaning.enter_context(_bridge(place, f"s-{name}"))
        cleaning.callback(_destroy, place, made)
        yield made


def _destroy(place: Place, made: Stock) -> None:
    try:
        made.vagrant("destroy", "-f")
    except HostonlyError as error:
        place.emit(Warned(f"the stock side's machine could not be destroyed: {error}"))


def _add_box(place: Place, folder: Path, made: Stock) -> None:
    names = [name for name in base.packages(place.user.root) if name not in _OURS]
    names += _DHCP
    (folder / "configure").write_text(_CONFIGURE)
    (folder / "key.pub").write_text(_insecure_key())
    rootfs = folder / "rootfs"
    command = [
        *("mmdebstrap", "--variant=minbase", "--mode=root", "--format=directory"),
        '--aptopt=Acquire::Languages "none"',
        f"--include={','.join(names)}",
        f"--customize-hook=upload {shlex.quote(str(folder / 'key.pub'))} /run/key.pub",
        f"--customize-hook=upload {shlex.quote(str(folder / 'configure'))} /run/configure",
        '--customize-hook=chroot "$1" sh /run/configure',
        '--customize-hook=rm "$1/run/configure"',
        *(base.SUITE, str(rootfs)),
    ]
    run(command, root=True, timeout=1800, on_line=lambda said: place.emit(Progress(said)))
    # vagrant-lxc's template strips two components: the names begin with ./rootfs/.
    pack = ["tar", "-C", str(folder), "--numeric-owner", "--xattrs", "--xattrs-include=*"]
    run([*pack, "-czf", str(folder / "rootfs.tar.gz"), "./rootfs"], root=True, timeout=600)
    run(["rm", "-rf", "--one-file-system", str(rootfs)], root=True)
    config = _LXC_CONFIG.format(start=idmap.START, count=idmap.COUNT)
    (folder / "lxc-config").write_text(config)
    (folder / "metadata.json").write_text('{"provider": "lxc", "version": "1.0.0"}\n')
    with tarfile.open(folder / "stock.box", "w") as box:
        for file in ("metadata.json", "lxc-config", "rootfs.tar.gz"):
            box.add(folder / file, file)
    made.vagrant("box", "add", "--name", BOX, "--provider", "lxc", str(folder / "stock.box"))
    for file in ("stock.box", "rootfs.tar.gz"):
        (folder / file).unlink()


def _insecure_key() -> str:
    """Vagrant's well-known public key, which every box lets in until `vagrant up` replaces it."""
    program = run(["ruby", "-e", 'puts Gem::Specification.find_by_name("vagrant").gem_dir'])
    return (Path(program.strip()) / "keys" / "vagrant.pub").read_text()


@contextlib.contextmanager
def _bridge(place: Place, name: str) -> Iterator[None]:
    """A bridge with the DHCP server of the lxc package's `lxc-net`, options included."""
    network = place.network()
    run(["ip", "link", "add", name, "type", "bridge"], root=True, timeout=10)
    try:
        address = f"{network[1]}/{network.prefixlen}"
        run(["ip", "address", "add", address, "dev", name], root=True, timeout=10)
        run(["ip", "link", "set", name, "up"], root=True, timeout=10)
        server = subprocess.Popen(
            as_root(
                [
                    "dnsmasq",
                    "--keep-in-foreground",
                    "--conf-file=/dev/null",
                    "--user=root",
                    "--strict-order",
                    "--bind-interfaces",
                    f"--pid-file={place.folder}/stock/dnsmasq.pid",
                    f"--listen-address={network[1]}",
                    f"--dhcp-range={network[2]},{network[-2]}",
                    "--dhcp-no-override",
                    "--except-interface=lo",
                    f"--interface={name}",
                    f"--dhcp-leasefile={place.folder}/stock/leases",
                    "--dhcp-authoritative",
                ]
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            process_group=0,
        )
        try:
            yield
        finally:
            end(server)
    finally:
        run(["ip", "link", "delete", name], root=True, timeout=10)
