"""LXC as a ``Provider``: the parts of containers, and undoing what was changed for them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, ClassVar

from hostonly.errors import HostonlyError
from hostonly.events import Done, Emit, Unchanged, Warned
from hostonly.facts import Question, Unreadable, question
from hostonly.facts.confinement import Layers
from hostonly.host import packages
from hostonly.host.command import run
from hostonly.providers.lxc import base, box, handover, idmap, left
from hostonly.providers.lxc.container import LXC, LxcContainer
from hostonly.providers.lxc.uses import base_below, uses
from hostonly.providers.provider import Traces
from hostonly.site import STORE

# This file exists where we entered root's range in /etc/subuid.
SUBIDS = STORE / "subids"
CPU_PERIOD = 100_000
UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers")
ANEW = "./inv sandbox.destroy and ./inv sandbox.up make it anew"


class Lxc(LxcContainer):
    """The container of a machine, and what it stands on: the base, the box, root's id range."""

    kind: ClassVar[str] = "an LXC container"
    packages: ClassVar[tuple[str, ...]] = ("vagrant-lxc", "lxc", "mmdebstrap")
    own_views: ClassVar[tuple[str, ...]] = ("/proc", "/sys", "/dev/.lxc")
    traces: ClassVar[Traces] = Traces(
        folders=("/run/lxc/lock",),
        instances=(str(LXC),),
        # LXC adds a number where a folder of the name was there before.
        group=r"lxc\.(?:monitor|payload)\.(.+?)(?:-\d+)?",
        groups="lxc.*",
        boxes=box.ours,
        id_range=idmap.ENTRY,
        id_range_mark=SUBIDS,
    )

    @property
    def ready(self) -> bool:
        """Whether Vagrant has the box, and the packages are here."""
        return box.present(self.site.root) and not packages.missing(self.packages)

    def root_file_system(self) -> Path | None:
        """Return that of the container's base; the container's own changes lie above it."""
        below = base_below(self.name)
        return None if below is None else below / "rootfs"

    def for_vagrant(self) -> dict[str, Any]:
        """Return the configuration for vagrant-lxc, with lines of lxc.container.conf(5)."""
        machine = self.machine
        # vagrant-lxc writes these lines again at each start: `net` empty clears the earlier ones.
        lines: list[tuple[str, str | int]] = [("net", "")]
        for number, link in enumerate((machine.nat, machine.host_only)):
            # LXC computes no broadcast address of its own: without it the link would have 0.0.0.255.
            broadcast = link.address.network.broadcast_address
            values = {
                "type": "veth",
                "link": link.bridge,
                "name": link.name,
                "flags": "up",
                "hwaddr": link.mac,
                "ipv4.address": f"{link.address} {broadcast}",
            }
            lines += [(f"net.{number}.{key}", value) for key, value in values.items()]
        lines.append(("net.0.ipv4.gateway", str(self.site.nat.address.ip)))
        memory, quota = machine.memory * 1024 * 1024, machine.cpus * CPU_PERIOD
        if UNIFIED.exists():
            lines += [("cgroup2.memory.max", memory), ("cgroup2.cpu.max", f"{quota} {CPU_PERIOD}")]
        else:
            lines += [("cgroup.memory.limit_in_bytes", memory), ("cgroup.cpu.cfs_quota_us", quota)]
        # vagrant-lxc calls sudo for a container that it takes for privileged, and root needs none.
        return {"privileged": os.geteuid() != 0, "customize": lines}

    def make_box(self, emit: Emit, *, rebuild: bool = False) -> None:
        """Build the base and add the box to Vagrant, where missing, under the store's lock.

        Raises:
            ToolFailed: one of the tools failed; nothing half-made is left in place.
            HostonlyError: it cannot be built again, since sandboxes stand on it.
        """
        self._base(emit, rebuild=rebuild)
        box.ensure(self.site.root, self.site.state, emit)

    def prepare(self, emit: Emit) -> None:
        """Make base and box, and hand over to lxc-template the parts of the container.

        Raises:
            ToolFailed: one of the tools failed.
            HostonlyError: an existing container's base is gone, or its configuration was cut off.
        """
        folder = self._base_below(emit) or self._base(emit).folder
        box.ensure(self.site.root, self.site.state, emit)
        handover.hand_over(self.site, self.machine, folder)

    def _base(self, emit: Emit, *, rebuild: bool = False) -> base.Base:
        if not idmap.allowed():
            # The mark first: an entry without it would never be taken out again.
            run(["touch", str(SUBIDS)], root=True, timeout=10)
            idmap.allow()
        built = base.current(self.site.root)
        if rebuild and built.name in uses().bases:
            raise HostonlyError(
                f"sandboxes of this machine stand on the base {built.name}: it was left as it is",
                ran=f"grep -l {built.name} /var/lib/lxc/*/config",
                remedy="./inv sandbox.destroy in the checkouts that they belong to, then again.",
            )
        return base.ensure(
            self.site.root,
            emit,
            rebuild=rebuild,
            in_use=lambda base: base.name in uses().bases,
        )

    def _base_below(self, emit: Emit) -> Path | None:
        """Return the folder of the base under the container; None where there is no container.

        The base may be of an older recipe. It is never replaced: the container's own layer belongs
        to it.

        Raises:
            HostonlyError: the base is gone, or the container does not name it.
        """
        name, folder = self.machine.name, base_below(self.name)
        if folder is None:
            if self.complete:
                # LXC starts a container without a root file system of its own on that of the host.
                raise HostonlyError(
                    f"the configuration of {self.name} was cut off: it does not say what it lies on",
                    ran=f"cat {self.folder / 'config'}",
                    remedy=ANEW,
                )
            return None
        if not folder.exists():
            raise HostonlyError(f"the base under {name} is gone: {folder}", remedy=ANEW)
        if not base.intact(folder):
            emit(Warned(f"files of the base under {name} were changed or are gone: {ANEW}"))
        return folder

    def layers(self) -> Question[Layers]:
        """Return the question for the layers of the root file system.

        Source: lxc.container.conf(5), lxc.rootfs.path.
        """
        info = ["lxc-info", "--name", self.name, "-c", "lxc.rootfs.path"]
        return question(info, parse_layers, root=True)

    @property
    def own_folder(self) -> str:
        """LXC's folder of the container, with a slash at the end."""
        return f"{self.folder}/"

    @property
    def own_group(self) -> str:
        """A part of the path of the container's own control group."""
        return f"/lxc.payload.{self.name}"

    def let_go(self) -> list[str]:
        """Remove what LXC left of a container that is gone; return it in words."""
        return [f"what LXC left of {self.name}"] if left.remove(self.name) else []

    def purge(self, emit: Emit) -> None:
        """Remove the bases and boxes that no container of this machine needs.

        Raises:
            ToolFailed: what is in use could not be found out, or a removal failed.
        """
        used = uses()
        base.purge(used.bases, emit)
        for name in box.ours():
            if name in used.boxes:
                emit(Unchanged(f"the box {name} is in use"))
            else:
                box.remove(name)
                emit(Done(f"removed the box {name} from Vagrant"))

    def put_back(self) -> list[str]:
        """Remove root's range from /etc/subuid and /etc/subgid, where we entered it."""
        if not SUBIDS.exists():
            return []
        idmap.disallow()
        run(["rm", "-f", str(SUBIDS)], root=True, timeout=10)
        return ["root's range in /etc/subuid and /etc/subgid"]


def parse_layers(output: str) -> Layers:
    """Parse ``lxc-info -c lxc.rootfs.path``: ``overlay:LOWER:UPPER``, without type when it runs."""
    found = re.fullmatch(r"lxc\.rootfs\.path = (?:overlay:)?(/[^:\n]+):(/[^:\n]+)", output.strip())
    if found is None:
        raise Unreadable(repr(output[:120]))
    return Layers(found[1], found[2])
