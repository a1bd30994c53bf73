"""Claims about what root in the sandbox is on the host, as the host's kernel sees it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from hostonly.claims.claim import Judgement, claim
from hostonly.claims.leftovers import listed
from hostonly.facts.attempt import Attempt, Outcome
from hostonly.facts.confinement import Confined, Layers, Mount, Owned, Range

USERS = "user_namespaces(7)"


@claim("isolation.{id}", "Root in the sandbox cannot {what}.", source=f"{USERS}; capabilities(7)")
def cannot(*, id: str, what: str, tried: Sequence[Attempt], control: Attempt) -> Judgement:
    """Holds when every way that was tried was refused or leads nowhere, while the ``control``,
    something that root in the sandbox may do, tried by the same means, was allowed."""
    if control.outcome is not Outcome.ALLOWED:
        return Judgement(None, f"the same means failed where they must work: {control}")
    if allowed := [each.what for each in tried if each.outcome is Outcome.ALLOWED]:
        return Judgement(False, f"allowed: {listed(allowed)}")
    if not tried:
        return Judgement(None, "nothing was tried")
    return Judgement(True, f"{listed([str(each) for each in tried])}; allowed is {control.what}")


@claim("isolation.ids", "Root in the sandbox is an unprivileged user on the host.", source=USERS)
def unprivileged(*, users: Sequence[Range], groups: Sequence[Range]) -> Judgement:
    """Holds when id 0 in the sandbox is mapped, and nothing to the host's root."""
    for kind, ranges in (("user", users), ("group", groups)):
        if found := [each for each in ranges if 0 in each]:
            return Judgement(False, f"{kind} ids include the host's 0: {found[0]}")
        if not any(each.inside == 0 for each in ranges):
            return Judgement(None, f"the sandbox's {kind} 0 is not mapped to any id")
    root = next(each.first for each in users if each.inside == 0)
    return Judgement(True, f"root there is user {root} here; {listed([str(r) for r in users])}")


@claim(
    "isolation.range.{kind}",
    "The sandbox's {kind} ids are nobody else's on the host.",
    source="subuid(5): ranges of two users must not overlap",
)
def nobody_elses(*, kind: str, mapped: Sequence[Range], taken: Sequence[Range]) -> Judgement:
    """Holds when neither a user nor another user's subordinate range is among them; root's own
    entry is what allows LXC to use the range."""
    others = [each for each in taken if each.who != "range of root"]
    clashes = [str(each) for each in others if any(each.overlaps(ours) for ours in mapped)]
    if clashes:
        return Judgement(False, f"{listed([str(r) for r in mapped])} overlap {listed(clashes)}")
    return Judgement(True, f"none of {len(others)} users and ranges is among them")


@claim(
    "isolation.processes",
    "Every process of the sandbox runs as one of its own ids, seen from the host.",
    source=USERS,
)
def own_ids(*, processes: Sequence[Owned], namespace: str, mapped: Sequence[Range]) -> Judgement:
    """Holds when all processes in the sandbox's user namespace have uid and gid in its range."""
    inside = [each for each in processes if f"user:[{each.user_namespace}]" == namespace]
    if not inside:
        return Judgement(None, f"no process is seen in {namespace}")
    if not any(f"user:[{each.user_namespace}]" != namespace for each in processes):
        return Judgement(None, "no process is seen outside of it")
    strays = [
        f"{each.pid} {each.command[:40]} as {each.uid}:{each.gid}"
        for each in inside
        if not all(any(n in ours for ours in mapped) for n in (each.uid, each.gid))
    ]
    if strays:
        return Judgement(False, listed(strays))
    ids = {each.uid for each in inside}
    return Judgement(True, f"{len(inside)} processes as {len(ids)} users, all in the range")


@claim(
    "isolation.namespaces",
    "The sandbox shares no namespace with the host.",
    source="namespaces(7)",
)
def own_namespaces(*, host: Mapping[str, str], sandbox: Mapping[str, str]) -> Judgement:
    """Holds when the links of its init and of a process of the host's differ, kind by kind."""
    if host.keys() != sandbox.keys():
        return Judgement(None, f"seen are {', '.join(host)} here and {', '.join(sandbox)} there")
    if shared := [name for name in host if host[name] == sandbox[name]]:
        return Judgement(False, f"shared: {', '.join(shared)}")
    return Judgement(True, f"its own are {', '.join(sandbox)}")


@claim(
    "isolation.capabilities",
    "The capabilities of root in the sandbox count in its own user namespace, and not on the host.",
    source=f"{USERS}; capabilities(7)",
)
def capabilities_inside(*, confined: Confined, host: str, sandbox: str) -> Judgement:
    """Holds when its user namespace is not the host's; the capabilities are listed."""
    named = f"{len(confined.bounding)} in the bounding set: {' '.join(confined.bounding)}"
    if host == sandbox:
        return Judgement(not confined.effective and not confined.bounding, f"in {host}; {named}")
    return Judgement(True, f"in {sandbox}, while the host is {host}; {named}")


@claim(
    "isolation.filter",
    "A filter of system calls is in force in the sandbox.",
    source="seccomp(2); proc(5): Seccomp is 2",
)
def filtered(*, confined: Confined) -> Judgement:
    """Holds when the sandbox's init runs under a filter, which all its processes inherit."""
    return Judgement(confined.seccomp == 2, f"Seccomp: {confined.seccomp}")


@claim(
    "isolation.devices",
    "The sandbox has the devices that every process may use, and no other.",
    source="lxc.container.conf(5), lxc.autodev",
)
def harmless_devices(*, devices: Mapping[str, str], harmless: Collection[str]) -> Judgement:
    """Holds when every device node is one of the ``harmless``; /dev/null must be among those seen."""
    if devices.get("/dev/null") != "c 1:3":
        return Judgement(None, "not even /dev/null was found")
    strange = [
        f"{path} ({numbers})"
        for path, numbers in devices.items()
        # Terminals of the sandbox's own (pts, 136) have any minor number.
        if numbers not in harmless and not numbers.startswith("c 136:")
    ]
    if strange:
        return Judgement(False, f"also there: {listed(strange)}")
    return Judgement(True, f"{len(devices)} nodes: {' '.join(sorted(set(devices.values())))}")


@claim(
    "isolation.mounts",
    "Of the host's file systems the sandbox has its own folders mounted, and nothing else.",
    source="proc(5), mountinfo; lxc.container.conf(5)",
)
def own_mounts(
    *,
    container: str,
    nodes: Collection[str],
    host: Sequence[Mount],
    sandbox: Sequence[Mount],
    namespaces: Mapping[str, str],
) -> Judgement:
    """Holds when what comes from a disk, or from a file system that the host has mounted, is below
    the container's own folder, a harmless device node, its own control group, an empty folder
    of the host's /sys, or a namespace that is none of the host's ``namespaces`` nor mounted there:
    the kernel keeps all of them in one nsfs. At least one mount must be seen: Docker's data."""
    theirs = {each.root for each in host if each.kind == "nsfs"} | set(namespaces.values())
    folder = f"/var/lib/lxc/{container}/"
    devices = {each.device for each in host}
    shared = [e for e in sandbox if e.device in devices or not e.device.startswith("0:")]
    ours = [each for each in shared if each.root.startswith(folder)]
    strange = [
        f"{each.point} is {each.root} of the host's {each.kind}"
        for each in shared
        if each not in ours
        and not (each.kind == "devtmpfs" and each.root in nodes)
        and not (each.kind == "sysfs" and each.root in ("/fs/fuse/connections", "/fs/pstore"))
        and not (each.kind == "nsfs" and each.root not in theirs)
        and not (each.kind in ("cgroup", "cgroup2") and f"/lxc.payload.{container}" in each.root)
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
def own_sys(*, writable: Sequence[str]) -> Judgement:
    """Holds when every writable file belongs to a link; the control is that such files are found."""
    if not any("/net/" in path for path in writable):
        return Judgement(None, "not even its own links' files are found writable")
    if others := [path for path in writable if "/net/" not in path]:
        return Judgement(False, f"also writable: {listed(others)}")
    return Judgement(True, f"{len(writable)} writable files, all of its links")


@claim(
    "isolation.switches",
    "In /proc/sys root in the sandbox can change nothing that is not its own namespaces'.",
    source="namespaces(7): network, IPC, UTS, PID and user namespaces have switches of their own",
)
def own_switches(*, writable: Sequence[str], own: Collection[str]) -> Judgement:
    """Holds when every writable switch belongs to a namespace; its network's must be among them."""
    if not any(path.startswith("net/") for path in writable):
        return Judgement(None, "not even its own network's switches are found writable")
    others = [
        path
        for path in writable
        if not path.startswith(("net/", "user/", "fs/mqueue/")) and path not in own
    ]
    if others:
        return Judgement(False, f"also writable: {listed(others)}")
    return Judgement(True, f"{len(writable)} writable switches, all of its own namespaces")


@claim(
    "isolation.agents",
    "No release agent of a control group can be written from the sandbox.",
    source="cgroups(7): the kernel runs a release agent as the host's root",
)
def no_agents(*, writable: Sequence[str]) -> Judgement:
    """Holds when no ``release_agent`` is among the writable files; ``cgroup.procs`` must be."""
    if not any(path.endswith("/cgroup.procs") for path in writable):
        return Judgement(None, "not even its own cgroup.procs is found writable")
    if agents := [path for path in writable if path.endswith("/release_agent")]:
        return Judgement(False, f"writable: {listed(agents)}")
    return Judgement(True, f"{len(writable)} writable files of its own groups, no release_agent")


@claim(
    "isolation.unseen",
    "The host's processes are not to be seen from the sandbox.",
    source="pid_namespaces(7)",
)
def processes_unseen(*, marker: str, host: Sequence[str], sandbox: Sequence[str]) -> Judgement:
    """Holds when a process that was started for this is listed on the host, and not inside."""
    if not any(marker in command for command in host):
        return Judgement(None, "the marked process is not seen on the host either")
    if found := [command for command in sandbox if marker in command]:
        return Judgement(False, f"the sandbox lists {found[0]}")
    if not sandbox:
        return Judgement(None, "the sandbox lists no process at all")
    return Judgement(
        True, f"the host lists {len(host)} with it, the sandbox {len(sandbox)} without"
    )


@claim("isolation.files", "The host's files are not to be seen from the sandbox.", source=USERS)
def files_unseen(*, marker: str, host: Sequence[str], sandbox: Sequence[str]) -> Judgement:
    """Holds when a file made for this is found on the host and nowhere in the sandbox, where the
    same search finds /etc/hostname."""
    if not any(path.endswith(marker) for path in host):
        return Judgement(None, "the marked file is not found on the host either")
    if found := [path for path in sandbox if path.endswith(marker)]:
        return Judgement(False, f"the sandbox has it at {found[0]}")
    if "/etc/hostname" not in sandbox:
        return Judgement(None, "the search in the sandbox finds nothing at all")
    return Judgement(True, f"{host[0]} is nowhere in the sandbox; /etc/hostname is found")


@claim(
    "isolation.layer",
    "What root in the sandbox writes goes to the sandbox's own layer, and not to the shared base.",
    source="the kernel's overlayfs documentation: the lower layer is never written",
)
def written_to_layer(*, name: str, layers: Layers, found: Sequence[str]) -> Judgement:
    """Holds when a file written inside is found in the layer and not in the base."""
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
    """Holds when no file of the base is newer than the mark that ended its building. ``seen`` are
    those at its top: a base where nothing is seen says nothing."""
    if newer:
        return Judgement(False, f"changed since: {listed(newer)}")
    if not any(path.endswith("/etc") for path in seen):
        return Judgement(None, "no file of the base is seen")
    return Judgement(True, "not one is newer than the mark that it is complete")


@claim(
    "isolation.docker",
    "The engine in the sandbox is not the host's.",
    source="Docker Engine API: /info, ID",
)
def other_engine(*, host: str, sandbox: str) -> Judgement:
    """Holds when the two engines' own identifiers differ."""
    if not host or not sandbox:
        return Judgement(None, "an engine gave no identifier")
    return Judgement(host != sandbox, f"the host's is {host}, the sandbox's is {sandbox}")


@claim(
    "isolation.keys",
    "The sandbox sees no key of the host's users.",
    source="keyrings(7), user_namespaces(7)",
)
def keys_unseen(*, host: Collection[str], sandbox: Collection[str]) -> Judgement:
    """Holds when no serial number of the host's own users' keys is listed inside."""
    if shared := sorted(set(host) & set(sandbox)):
        return Judgement(False, f"the sandbox lists {listed(shared)}")
    if not host:
        return Judgement(None, "the host lists no key")
    return Judgement(True, f"none of the host's {len(host)} is among the {len(sandbox)} there")
