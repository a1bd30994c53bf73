"""Cases of the claims about what root in the sandbox is on the host."""

from __future__ import annotations

from dataclasses import replace

from hostonly.claims import isolation as of
from hostonly.facts.attempt import Attempt, AttemptOutcome
from hostonly.facts.confinement import Confined, Layers, Mount, Owned, Range
from hostonly.facts.search import Found
from tests.unit.claims.case import Case

NODE: dict[str, object] = {"id": "nodes", "what": "make a device node"}
REFUSED = Attempt("mknod c", AttemptOutcome.REFUSED, "Operation not permitted")
GONE = Attempt("kcore", AttemptOutcome.ABSENT, "No such file or directory")
LET_IN = Attempt("mknod p", AttemptOutcome.ALLOWED)

MAPPED = (Range("sandbox", 1_000_000, 65_536, 0),)
HOSTS_ROOT = (Range("sandbox", 0, 1, 0), Range("sandbox", 1_000_001, 65_535, 1))
NO_ROOT = (Range("sandbox", 1_000_001, 65_535, 1),)
USERS: dict[str, object] = {"kind": "user"}
TAKEN = (Range("user root", 0, 1), Range("range of alex", 100_000, 65_536))
ROOTS = Range("range of root", 1_000_000, 65_536)

INIT = Owned(7, "2", 1_000_000, 1_000_000, "/sbin/init")
CRON = Owned(8, "2", 1_000_101, 1_000_104, "dbus-daemon")
OUTSIDE = Owned(1, "1", 0, 0, "init")
NAMESPACE = "user:[2]"

LINKS = {"net": "net:[1]", "user": "user:[1]"}
ALL = Confined(("chown", "sys_admin"), ("chown", "sys_admin"), 2)
NONE = Confined((), (), 0)

INSTANCES, WATCHES = "user/max_inotify_instances", "user/max_inotify_watches"
FREE = {INSTANCES: 128, WATCHES: 20}
NEEDED: dict[str, object] = {"needed": {"a": 8, "b": 8}}
KEYS = {0: "9/1000000", 1_000_000: "22/200"}

HARMLESS: dict[str, object] = {"harmless": ("c 1:3", "c 5:0")}
NULL = {"/dev/null": "c 1:3", "/dev/pts/0": "c 136:7"}

FOLDER = "/var/lib/lxc/web-sandbox"
MOUNTS: dict[str, object] = {
    "folder": f"{FOLDER}/",
    "group": "/lxc.payload.web-sandbox",
    "nodes": ("/null",),
}
HOST = (
    Mount("254:0", "/", "/", "ext4"),
    Mount("0:22", "/", "/sys", "sysfs"),
    Mount("0:6", "/", "/dev", "devtmpfs"),
    Mount("0:32", "/", "/sys/fs/cgroup/cpu", "cgroup"),
    Mount("0:4", "net:[8]", "/run/netns/other", "nsfs"),
)
SEEN: dict[str, object] = {"host": HOST, "namespaces": LINKS}
# A machine whose /var is a subvolume: what hides what was below /var before.
VAR = (Mount("254:0", "/old", "/var", "ext4"), Mount("0:51", "/@var", "/var", "btrfs"))
OWN_VAR: dict[str, object] = {"host": (*HOST, *VAR), "namespaces": LINKS}
DOCKER = Mount("254:0", f"{FOLDER}/docker", "/var/lib/docker", "ext4")
INSIDE = (
    DOCKER,
    Mount("0:220", "/", "/", "overlay"),
    Mount("0:6", "/null", "/dev/null", "devtmpfs"),
    Mount("0:32", "/lxc.payload.web-sandbox", "/sys/fs/cgroup/cpu", "cgroup"),
    # What Docker keeps of a network namespace of the sandbox's own.
    Mount("0:4", "net:[9]", "/run/docker/netns/default", "nsfs"),
)
STRANGE = (
    Mount("0:4", "net:[1]", "/run/docker/netns/default", "nsfs"),
    Mount("0:4", "net:[8]", "/run/docker/netns/default", "nsfs"),
    Mount("254:0", "/home", "/mnt", "ext4"),
    Mount("254:0", "/var/lib/lxc/web-sandbox2/docker", "/mnt", "ext4"),
    Mount("254:16", "/", "/mnt", "ext4"),
    Mount("0:6", "/vda", "/dev/vda", "devtmpfs"),
    Mount("0:22", "/", "/mnt", "sysfs"),
    # What LXC's own configuration and vagrant-lxc give to every container.
    Mount("0:22", "/fs/pstore", "/sys/fs/pstore", "sysfs"),
    Mount("0:22", "/fs/fuse/connections", "/sys/fs/fuse/connections", "sysfs"),
    Mount("0:32", "/", "/mnt", "cgroup"),
    Mount("0:32", "/lxc.payload.other", "/mnt", "cgroup"),
)

LINK = "/sys/devices/virtual/net/eth1/mtu"
OWN: dict[str, object] = {"own": ("kernel/sem",)}
PROCS = "/sys/fs/cgroup/cpu/cgroup.procs"
AGENT = "/sys/fs/cgroup/cpu/release_agent"
PSTORE = "/sys/fs/pstore"
MARK: dict[str, object] = {"marker": "marked-1"}
MARKED = "sh -c sleep marked-1"
NAME: dict[str, object] = {"name": "/etc/x"}
LAYERS = Layers("/b/rootfs", "/c/layer")

CASES = [
    Case(of.cannot, True, {"tried": (REFUSED,), "control": LET_IN}, NODE, "Operation not perm"),
    Case(of.cannot, True, {"tried": (GONE, REFUSED), "control": LET_IN}, NODE, "No such file"),
    Case(of.cannot, False, {"tried": (REFUSED, LET_IN), "control": LET_IN}, NODE, "allowed: mknod"),
    Case(of.cannot, None, {"tried": (REFUSED,), "control": REFUSED}, NODE, "same means failed"),
    Case(of.cannot, None, {"tried": (GONE,), "control": GONE}, NODE, "same means failed"),
    Case(of.cannot, None, {"tried": (), "control": LET_IN}, NODE, "nothing was tried"),
    Case(of.unprivileged, True, {"users": MAPPED, "groups": MAPPED}, {}, "user 1000000 here"),
    Case(of.unprivileged, False, {"users": HOSTS_ROOT, "groups": MAPPED}, {}, "user ids include"),
    Case(of.unprivileged, False, {"users": MAPPED, "groups": HOSTS_ROOT}, {}, "group ids include"),
    Case(of.unprivileged, None, {"users": NO_ROOT, "groups": MAPPED}, {}, "not mapped"),
    Case(of.nobody_elses, True, {"mapped": MAPPED, "taken": (*TAKEN, ROOTS)}, USERS, "none of 2"),
    *(
        Case(of.nobody_elses, False, {"mapped": MAPPED, "taken": (*TAKEN, other)}, USERS, other.who)
        for other in (Range("range of eve", 1_065_535, 2), Range("user eve", 1_000_000, 1))
    ),
    Case(
        of.own_ids,
        True,
        {"processes": (INIT, CRON, OUTSIDE), "namespace": NAMESPACE, "mapped": MAPPED},
        {},
        "2 processes as 2 users",
    ),
    *(
        Case(
            of.own_ids,
            holds,
            {"processes": processes, "namespace": NAMESPACE, "mapped": MAPPED},
            {},
            says,
        )
        for holds, processes, says in (
            (False, (INIT, replace(CRON, uid=0), OUTSIDE), "8 dbus-daemon as 0:1000104"),
            (False, (INIT, replace(CRON, gid=0), OUTSIDE), "8 dbus-daemon as 1000101:0"),
            (None, (OUTSIDE,), "no process is seen in"),
            (None, (INIT, CRON), "no process is seen outside"),
        )
    ),
    Case(
        of.own_namespaces,
        True,
        {"host": LINKS, "sandbox": {"net": "net:[2]", "user": "user:[2]"}},
        {},
        "net, user",
    ),
    Case(
        of.own_namespaces,
        False,
        {"host": LINKS, "sandbox": {"net": "net:[1]", "user": "user:[2]"}},
        {},
        "shared: net",
    ),
    Case(of.own_namespaces, None, {"host": LINKS, "sandbox": {"user": "user:[2]"}}, {}, "seen are"),
    Case(
        of.capabilities_inside,
        True,
        {"confined": ALL, "host": "user:[1]", "sandbox": "user:[2]"},
        {},
        "2 in the bounding set: chown sys_admin",
    ),
    Case(
        of.capabilities_inside,
        False,
        {"confined": ALL, "host": "user:[1]", "sandbox": "user:[1]"},
        {},
        "in user:[1]",
    ),
    Case(
        of.capabilities_inside,
        True,
        {"confined": NONE, "host": "user:[1]", "sandbox": "user:[1]"},
        {},
        "0 in the bounding set",
    ),
    Case(
        of.half_at_most,
        True,
        {"host": FREE, "sandbox": {INSTANCES: 64, WATCHES: 9}},
        {},
        "instances 64 of 128",
    ),
    Case(
        of.half_at_most,
        False,
        {"host": FREE, "sandbox": {INSTANCES: 64, WATCHES: 11}},
        {},
        "watches 11 of 20",
    ),
    Case(of.half_at_most, None, {"host": FREE, "sandbox": {INSTANCES: 64}}, {}, "seen are"),
    Case(of.half_at_most, None, {"host": {}, "sandbox": FREE}, {}, "seen are"),
    Case(of.room_beside, True, {"limits": {"a": 9, "x": 1}}, NEEDED, "a 9"),
    Case(of.room_beside, False, {"limits": {"a": 7, "b": 8}}, NEEDED, "a is 7"),
    Case(of.room_beside, None, {"limits": {"x": 1}}, NEEDED, "none of them"),
    *(
        Case(of.own_quota, holds, {"host": host, "sandbox": sandbox, "mapped": mapped}, {}, says)
        for holds, host, sandbox, mapped, says in (
            (True, KEYS, {0: "22/200"}, MAPPED, "user 1000000's here, 22/200"),
            (False, KEYS, {0: "9/1000000"}, HOSTS_ROOT, "the host's root's"),
            (None, KEYS, {0: "22/200", 7: "1/200"}, MAPPED, "keys of 7"),
            (None, KEYS, {7: "1/200"}, MAPPED, "not even root"),
        )
    ),
    Case(of.filtered, True, {"confined": ALL}, {}, "Seccomp: 2"),
    Case(of.filtered, False, {"confined": NONE}, {}, "Seccomp: 0"),
    *(
        Case(of.harmless_devices, holds, {"devices": Found(nodes, closed)}, HARMLESS, says)
        for holds, nodes, closed, says in (
            (True, NULL, (), "c 136:7"),
            (True, NULL, ("/mnt/fuse",), "not even its root may look into /mnt/fuse"),
            (False, NULL | {"/d": "b 8:0"}, (), "/d (b 8:0)"),
            (False, NULL | {"/m": "c 1:1"}, (), "/m (c 1:1)"),
            (None, {}, ("/dev",), "not even /dev/null"),
        )
    ),
    Case(of.own_mounts, True, {"sandbox": INSIDE, **SEEN}, MOUNTS, f"{FOLDER}/docker"),
    *(
        Case(of.own_mounts, False, {"sandbox": (*INSIDE, each), **SEEN}, MOUNTS, each.point)
        for each in STRANGE
    ),
    Case(of.own_mounts, None, {"sandbox": INSIDE[1:], **SEEN}, MOUNTS, "no mount from"),
    *(
        Case(of.own_mounts, holds, {"sandbox": (*INSIDE[1:], mount), **OWN_VAR}, MOUNTS, mount.root)
        for holds, mount in (
            (True, Mount("0:51", "/@var/lib/lxc/web-sandbox/docker", "/var/lib/docker", "btrfs")),
            (False, Mount("254:0", f"{FOLDER}/docker", "/mnt", "ext4")),
            (False, Mount("0:51", f"{FOLDER}/docker", "/mnt", "btrfs")),
        )
    ),
    *(
        Case(claim, holds, {"writable": Found(paths, closed)}, about, says)
        for claim, about, holds, paths, closed, says in (
            (of.own_sys, {}, True, (LINK,), (), "1 writable files"),
            (of.own_sys, {}, True, (LINK,), (PSTORE,), f"may look into {PSTORE}"),
            (of.own_sys, {}, False, (LINK, "/sys/power/state"), (PSTORE,), "/sys/power/state"),
            (of.own_sys, {}, None, (), ("/sys",), "not even"),
            (of.own_switches, OWN, True, ("net/x", "kernel/sem", "user/y"), (), "3 writable"),
            (of.own_switches, OWN, True, ("net/x",), ("/mnt/sys/fs",), "look into /mnt/sys/fs"),
            (of.own_switches, OWN, False, ("net/x", "kernel/panic"), (), "kernel/panic"),
            (of.own_switches, OWN, None, ("kernel/sem",), (), "not even"),
            (of.no_agents, {}, True, (PROCS,), (), "no release_agent"),
            (of.no_agents, {}, True, (PROCS,), ("/sys/fs/cgroup/x",), "may look into /sys/fs"),
            (of.no_agents, {}, False, (PROCS, AGENT), (), "cpu/release_agent"),
            (of.no_agents, {}, None, (), (), "not even"),
        )
    ),
    Case(of.processes_unseen, True, {"host": ("a", MARKED), "sandbox": ("b",)}, MARK, "lists 2"),
    Case(of.processes_unseen, False, {"host": (MARKED,), "sandbox": (MARKED,)}, MARK, MARKED),
    Case(
        of.processes_unseen, None, {"host": ("a",), "sandbox": ("b",)}, MARK, "on the host either"
    ),
    Case(of.processes_unseen, None, {"host": (MARKED,), "sandbox": ()}, MARK, "no process at all"),
    *(
        Case(of.files_unseen, holds, {"host": Found(host), "sandbox": Found(sandbox)}, MARK, says)
        for holds, host, sandbox, says in (
            (True, ("/tmp/marked-1",), ("/etc/hostname",), "nowhere"),
            (False, ("/tmp/marked-1",), ("/etc/hostname", "/x/marked-1"), "/x/marked-1"),
            (None, (), ("/etc/hostname",), "on the host either"),
            (None, ("/tmp/marked-1",), (), "nothing at all"),
        )
    ),
    *(
        Case(of.written_to_layer, holds, {"layers": LAYERS, "found": found}, NAME, says)
        for holds, found, says in (
            (True, ("/c/layer/etc/x",), "is in /c/layer and not in /b/rootfs"),
            (False, ("/c/layer/etc/x", "/b/rootfs/etc/x"), "/b/rootfs/etc/x was written"),
            (None, (), "not found in /c/layer"),
        )
    ),
    *(
        Case(of.base_unchanged, holds, {"seen": seen, "newer": newer}, {}, says)
        for holds, seen, newer, says in (
            (True, ("/b/rootfs", "/b/rootfs/etc"), (), "not one is newer"),
            (False, ("/b/rootfs/etc",), ("/b/rootfs/etc/passwd",), "/b/rootfs/etc/passwd"),
            (None, ("/b/rootfs",), (), "no file of the base"),
        )
    ),
    Case(of.other_engine, True, {"host": "AB:CD", "sandbox": "EF:GH"}, {}, "EF:GH"),
    Case(of.other_engine, False, {"host": "AB:CD", "sandbox": "AB:CD"}, {}, "AB:CD"),
    Case(of.other_engine, None, {"host": "AB:CD", "sandbox": ""}, {}, "no identifier"),
    Case(of.keys_unseen, True, {"host": {"a"}, "sandbox": {"b"}}, {}, "none of the host's 1"),
    Case(of.keys_unseen, False, {"host": {"a", "c"}, "sandbox": {"a"}}, {}, "lists a"),
    Case(of.keys_unseen, None, {"host": set(), "sandbox": {"a"}}, {}, "no key"),
]
