"""How a sandbox is confined, as its host's kernel tells: ids, namespaces, capabilities, mounts.

Sources of the formats: user_namespaces(7) for uid_map, subuid(5), getent(1) and passwd(5),
namespaces(7) for the links, proc(5) for status and mountinfo, ps(1) of procps-ng 4.0."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hostonly.facts.fact import Unreadable
from hostonly.facts.questions import Question, question

# In the order of their numbers (capabilities(7), Linux 6.x).
CAPABILITIES = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
]


# Of a process's own (namespaces(7)).
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


@dataclass(frozen=True, slots=True)
class Range:
    """A range of ``count`` ids from ``first`` on, those of ``who``.

    ``inside`` is the number of the first in the user namespace (0 where there is none)."""

    who: str
    first: int
    count: int
    inside: int = 0

    def overlaps(self, other: Range) -> bool:
        """Return whether an id is in both ranges."""
        return self.first < other.first + other.count and other.first < self.first + self.count

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.first <= number < self.first + self.count

    def __str__(self) -> str:
        return f"{self.who} {self.first}–{self.first + self.count - 1}"


def id_map(pid: int, kind: str) -> Question[tuple[Range, ...]]:
    """Ask for the ids of ``kind`` (``uid`` or ``gid``) in the user namespace of process ``pid``."""
    return question(["cat", f"/proc/{pid}/{kind}_map"], parse_map, root=True)


def parse_map(output: str) -> tuple[Range, ...]:
    """Read ``cat /proc/PID/uid_map``: id inside, id outside, how many."""
    found = []
    for line in output.splitlines():
        words = line.split()
        if len(words) != 3 or not all(word.isdecimal() for word in words):
            raise Unreadable(f"line {line!r}")
        inside, first, count = map(int, words)
        found.append(Range("sandbox", first, count, inside))
    if not found:
        raise Unreadable("no ids are mapped at all")
    return tuple(found)


def id_owners(kind: str) -> Question[tuple[Range, ...]]:
    """Ask whose the ids of ``kind`` (``uid`` or ``gid``) are on the vantage's machine."""
    listed = {"uid": "passwd", "gid": "group"}[kind]
    return question(["sh", "-c", f"cat /etc/sub{kind}; getent {listed}"], parse_owners)


def parse_owners(output: str) -> tuple[Range, ...]:
    """Read /etc/subuid's lines NAME:START:COUNT and ``getent passwd``'s NAME:x:UID:GID:…."""
    found = []
    for line in output.splitlines():
        fields = line.split(":")
        if len(fields) == 3 and fields[1].isdecimal() and fields[2].isdecimal():
            found.append(Range(f"range of {fields[0]}", int(fields[1]), int(fields[2])))
        elif len(fields) >= 4 and fields[2].isdecimal():
            found.append(Range(f"user {fields[0]}", int(fields[2]), 1))
        elif line.strip() and not line.startswith("#"):
            raise Unreadable(f"line {line!r}")
    if not any(each.first == 0 for each in found):
        raise Unreadable("no user at all, not even root")
    return tuple(found)


def namespaces(process: int | str = "self") -> Question[dict[str, str]]:
    """Ask for the namespaces of process ``process``, by their kinds."""
    links = (f"/proc/{process}/ns/{kind}" for kind in NAMESPACES)
    return question(["readlink", *links], parse_namespaces, root=True)


def parse_namespaces(output: str) -> dict[str, str]:
    """Read ``readlink /proc/PID/ns/…``: ``user:[4026531837]``, one a line."""
    found = {}
    for line in output.splitlines():
        link = re.fullmatch(r"([a-z_]+):\[(\d+)\]", line.strip())
        if link is None:
            raise Unreadable(f"line {line!r}")
        found[link[1]] = line.strip()
    if "user" not in found:
        raise Unreadable("no user namespace")
    return found


@dataclass(frozen=True, slots=True)
class Confined:
    """A process's own limits: capability sets by name, and its filter of system calls."""

    effective: tuple[str, ...]
    bounding: tuple[str, ...]
    seccomp: int


def confined(pid: int) -> Question[Confined]:
    """Ask how process ``pid`` is limited."""
    return question(["cat", f"/proc/{pid}/status"], parse_status, root=True)


def parse_status(output: str) -> Confined:
    """Read ``cat /proc/PID/status``; ``Seccomp: 2`` means that a filter is in force."""
    fields = dict(line.split(":", 1) for line in output.splitlines() if ":" in line)
    try:
        sets = {name: int(fields[name].strip(), 16) for name in ("CapEff", "CapBnd")}
        seccomp = int(fields["Seccomp"].strip())
    except (KeyError, ValueError) as error:
        raise Unreadable(f"no capabilities or no Seccomp: {error}") from error
    return Confined(_names(sets["CapEff"]), _names(sets["CapBnd"]), seccomp)


def _names(mask: int) -> tuple[str, ...]:
    bits = (number for number in range(mask.bit_length()) if mask >> number & 1)
    return tuple(CAPABILITIES[b] if b < len(CAPABILITIES) else str(b) for b in bits)


@dataclass(frozen=True, slots=True)
class Owned:
    """A process with its user namespace (inode) and its ids as the host counts them."""

    pid: int
    user_namespace: str
    uid: int
    gid: int
    command: str


def processes() -> Question[tuple[Owned, ...]]:
    """Ask for every process that the vantage sees."""
    columns = "pid=,userns=,uid=,gid=,args="
    return question(["ps", "-e", "-ww", "-o", columns], parse_processes, root=True)


def parse_processes(output: str) -> tuple[Owned, ...]:
    """Read ``ps -e -ww -o pid=,userns=,uid=,gid=,args=``; only root sees others' namespaces."""
    found = []
    for line in output.splitlines():
        words = line.split(None, 4)
        if len(words) < 4 or not all(words[n].isdecimal() for n in (0, 2, 3)):
            raise Unreadable(f"line {line!r}")
        command = words[4] if len(words) > 4 else ""
        found.append(Owned(int(words[0]), words[1], int(words[2]), int(words[3]), command))
    if not found:
        raise Unreadable("no process at all, not even ps")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Mount:
    """The part ``root`` of the file system on ``device`` (major:minor), mounted at ``point``."""

    device: str
    root: str
    point: str
    kind: str


def mounts(process: int | str = "self") -> Question[tuple[Mount, ...]]:
    """Ask what is mounted where process ``process`` looks; only root may see that of another."""
    mountinfo = ["cat", f"/proc/{process}/mountinfo"]
    return question(mountinfo, parse_mountinfo, root=process != "self")


def parse_mountinfo(output: str) -> tuple[Mount, ...]:
    r"""Read ``cat /proc/PID/mountinfo``; spaces in names are ``\040`` there."""
    found = []
    for line in output.splitlines():
        left, dash, right = line.partition(" - ")
        words = left.split()
        if not dash or len(words) < 6 or not right.split():
            raise Unreadable(f"line {line!r}")
        found.append(Mount(words[2], words[3], words[4], right.split()[0]))
    if not found:
        raise Unreadable("no mount at all, not even /")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Layers:
    """The overlay that is the sandbox's root: the shared ``base`` and its own ``layer``."""

    base: str
    layer: str


def parse_devices(output: str) -> Mapping[str, str]:
    """Read ``stat -c '%F|%t:%T|%n'`` of device nodes: paths, with ``b`` or ``c`` and numbers."""
    found = {}
    for line in output.splitlines():
        words = line.split("|", 2)
        kind = {"block special file": "b", "character special file": "c"}.get(words[0])
        if len(words) != 3 or kind is None or not re.fullmatch(r"[0-9a-f]+:[0-9a-f]+", words[1]):
            raise Unreadable(f"line {line!r}")
        major, minor = (int(part, 16) for part in words[1].split(":"))
        found[words[2]] = f"{kind} {major}:{minor}"
    return found


def parse_paths(output: str) -> tuple[str, ...]:
    """Read ``find``'s output: one absolute path a line."""
    paths = parse_lines(output)
    for path in paths:
        if not path.startswith("/"):
            raise Unreadable(f"line {path!r}")
    return paths


def parse_lines(output: str) -> tuple[str, ...]:
    """Return the lines of ``output``, whatever they say."""
    return tuple(output.splitlines())


def keys() -> Question[Mapping[str, int]]:
    """Ask for the kernel's keys that root of the vantage sees."""
    return question(["cat", "/proc/keys"], parse_keys, root=True)


def parse_keys(output: str) -> Mapping[str, int]:
    """Read ``cat /proc/keys`` (keyrings(7)): serial numbers, each with its owner's uid there."""
    found = {}
    for line in output.splitlines():
        words = line.split()
        if len(words) < 8 or not re.fullmatch(r"[0-9a-f]{8}", words[0]) or not words[5].isdecimal():
            raise Unreadable(f"line {line!r}")
        found[words[0]] = int(words[5])
    return found
