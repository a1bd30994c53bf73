"""Claims about which of the host's files, devices and switches the sandbox can reach."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hostonly.claims.claim import Judgement, claim
from hostonly.claims.leftovers import listed
from hostonly.facts.confinement import Layers, Mount
from hostonly.facts.search import Found


def _closed(search: Found[Any]) -> str:
    """Returns what to add to a reason: the folders that the ``search`` could not open, if any.

    Root in the sandbox cannot open them either."""
    return f"; not even its root may look into {listed(search.closed)}" if search.closed else ""


@claim(
    "isolation.devices",
    "The sandbox has the devices that every process may use, and no other.",
    source="lxc.container.conf(5), lxc.autodev",
)
def harmless_devices(*, devices: Found[Mapping[str, str]], harmless: Collection[str]) -> Judgement:
    """Holds when every device node is one of the ``harmless``; /dev/null must be among them."""
    nodes = devices.what
    if nodes.get("/dev/null") != "c 1:3":
        return Judgement(None, "not even /dev/null was found")
    strange = [
        f"{path} ({numbers})"
        for path, numbers in nodes.items()
        # Terminals of the sandbox's own (pts, 136) have any minor number.
        if numbers not in harmless and not numbers.startswith("c 136:")
    ]
    if strange:
        return Judgement(False, f"also there: {listed(strange)}")
    kinds = " ".join(sorted(set(nodes.values())))
    return Judgement(True, f"{len(nodes)} nodes: {kinds}{_closed(devices)}")


def _on_disk(path: str, host: Sequence[Mount]) -> tuple[str, str]:
    """Returns the device on which the host has ``path``, and the name that it has there.

    ``path`` ends with a slash. Names of a file system begin at its own root, so /var/lib is
    ``/lib`` where /var is a file system of its own, and something longer in a subvolume or a bound
    folder."""
    under = [each for each in host if path.startswith(each.point.rstrip("/") + "/")]
    # Of those mounted on one point the last one is seen.
    seen = max(reversed(under), key=lambda each: len(each.point), default=Mount("", "/", "/", ""))
    return seen.device, seen.root.rstrip("/") + path[len(seen.point.rstrip("/")) :]


@claim(
    "isolation.mounts",
    "Of the host's file systems the sandbox has its own folders mounted, and nothing else.",
    source="proc(5), mountinfo; lxc.container.conf(5)",
)
def own_mounts(
    *,
    folder: str,
    group: str,
    nodes: Collection[str],
    host: Sequence[Mount],
    sandbox: Sequence[Mount],
    namespaces: Mapping[str, str],
) -> Judgement:
    """Holds when the sandbox has mounted nothing of the host's but its own folders.

    Each mount from a disk, or of a file system that the host has mounted, must be below the
    sandbox's own ``folder``, a harmless device node (``nodes``), its own control ``group``, or a
    namespace that is none of the host's ``namespaces`` nor mounted there (the kernel keeps all
    namespaces in one nsfs). At least one below ``folder`` must be seen: Docker's data."""
    theirs = {each.root for each in host if each.kind == "nsfs"} | set(namespaces.values())
    device, own = _on_disk(folder, host)
    devices = {each.device for each in host}
    shared = [e for e in sandbox if e.device in devices or not e.device.startswith("0:")]
    ours = [e for e in shared if e.device == device and e.root.startswith(own)]
    strange = [
        f"{each.point} is {each.root} of the host's {each.kind}"
        for each in shared
        if each not in ours
        and not (each.kind == "devtmpfs" and each.root in nodes)
        and not (each.kind == "nsfs" and each.root not in theirs)
        and not (each.kind in ("cgroup", "cgroup2") and group in each.root)
    ]
    if strange:
        return Judgement(False, listed(strange))
    if not ours:
        return Judgement(None, f"no mount from {folder} is seen")
    return Judgement(
        True, f"{len(sandbox)} mounts, of the disk's only {listed([e.root for e in ours])}"
    )


@claim(
    "isolation.sys",
    "In /sys root in the sandbox can change nothing but its own network links.",
    source="sysfs(5)",
)
def own_sys(*, writable: Found[Sequence[str]]) -> Judgement:
    """Holds when every writable file belongs to a link; some must be found, as the control."""
    files = writable.what
    if not any("/net/" in path for path in files):
        return Judgement(None, "not even its own links' files are found writable")
    if others := [path for path in files if "/net/" not in path]:
        return Judgement(False, f"also writable: {listed(others)}")
    return Judgement(True, f"{len(files)} writable files, all of its links{_closed(writable)}")


@claim(
    "isolation.switches",
    "In /proc/sys root in the sandbox can change nothing that is not its own namespaces'.",
    source="namespaces(7): network, IPC, UTS, PID and user namespaces have switches of their own",
)
def own_switches(*, writable: Found[Sequence[str]], own: Collection[str]) -> Judgement:
    """Holds when every writable switch belongs to a namespace; its network's must be among them."""
    switches = writable.what
    if not any(path.startswith("net/") for path in switches):
        return Judgement(None, "not even its own network's switches are found writable")
    others = [
        path
        for path in switches
        if not path.startswith(("net/", "user/", "fs/mqueue/")) and path not in own
    ]
    if others:
        return Judgement(False, f"also writable: {listed(others)}")
    return Judgement(
        True, f"{len(switches)} writable switches, all of its own namespaces{_closed(writable)}"
    )


@claim(
    "isolation.agents",
    "No release agent of a control group can be written from the sandbox.",
    source="cgroups(7): the kernel runs a release agent as the host's root",
)
def no_agents(*, writable: Found[Sequence[str]]) -> Judgement:
    """Holds when no ``release_agent`` is among the writable files; ``cgroup.procs`` must be."""
    files = writable.what
    if not any(path.endswith("/cgroup.procs") for path in files):
        return Judgement(None, "not even its own cgroup.procs is found writable")
    if agents := [path for path in files if path.endswith("/release_agent")]:
        return Judgement(False, f"writable: {listed(agents)}")
    return Judgement(
        True, f"{len(files)} writable files of its own groups, no release_agent{_closed(writable)}"
    )


@claim(
    "isolation.files",
    "The host's files are not to be seen from the sandbox.",
    source="user_namespaces(7)",
)
def files_unseen(
    *, marker: str, host: Found[Sequence[str]], sandbox: Found[Sequence[str]]
) -> Judgement:
    """Holds when a file made for this claim is found on the host and nowhere in the sandbox.

    The same search must find /etc/hostname in the sandbox."""
    if not any(path.endswith(marker) for path in host.what):
        return Judgement(None, "the marked file is not found on the host either")
    if found := [path for path in sandbox.what if path.endswith(marker)]:
        return Judgement(False, f"the sandbox has it at {found[0]}")
    if "/etc/hostname" not in sandbox.what:
        return Judgement(None, "the search in the sandbox finds nothing at all")
    return Judgement(
        True,
        f"{host.what[0]} is nowhere in the sandbox; /etc/hostname is found{_closed(sandbox)}",
    )


@claim(
    "isolation.layer",
    "What root in the sandbox writes goes to the sandbox's own layer, and not to the shared base.",
    source="the kernel's overlayfs documentation: the lower layer is never written",
)
def written_to_layer(*, name: str, layers: Layers, found: Sequence[str]) -> Judgement:
    """Holds when a file written in the sandbox is found in its layer and not in the base."""
    if f"{layers.base}{name}" in found:
        return Judgement(False, f"{layers.base}{name} was written")
    if f"{layers.layer}{name}" not in found:
        return Judgement(None, f"the file is not found in {layers.layer} either")
    return Judgement(True, f"{name} is in {layers.layer} and not in {layers.base}")


@claim(
    "isolation.base",
    "No file of the shared base was changed since it was built.",
    source="inode(7): the change time, which nobody can set",
)
def base_unchanged(*, seen: Sequence[str], newer: Sequence[str]) -> Judgement:
    """Holds when no file of the base is newer than the mark that ended its building.

    ``seen`` are the files at its top: where no /etc is among them, nothing is known."""
    if newer:
        return Judgement(False, f"changed since: {listed(newer)}")
    if not any(path.endswith("/etc") for path in seen):
        return Judgement(None, "no file of the base is seen")
    return Judgement(True, "not one is newer than the mark that it is complete")
