"""Attempts of root in the sandbox that must fail, each with a control that must succeed.

Every attempt is such that nothing happens where it is allowed: a value is written that is there
already, a file is opened and nothing written, a system call gets arguments that mean nothing.
Mounts are made in a mount namespace that ends with the attempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hostonly.facts.attempt import system_call

Tries = Mapping[str, tuple[str, ...]]

# What every process may use, by type and number (the kernel's admin-guide/devices.txt), and the
# files of the host's /dev that are bound there; 0:0 is overlayfs's and systemd's word for "nothing".
NODES = ("full", "null", "random", "tty", "urandom", "zero")
HARMLESS = ("c 1:3", "c 1:5", "c 1:7", "c 1:8", "c 1:9", "c 5:0", "c 5:2", "c 0:0")

# Switches of IPC, UTS and PID namespaces, below /proc/sys/kernel (namespaces(7)); pid_max is a PID
# namespace's own since Linux 6.14, and before that nobody's but root's.
OWN_SWITCHES = tuple(
    f"kernel/{name}"
    for name in [
        "auto_msgmni",
        "domainname",
        "hostname",
        "msg_next_id",
        "msgmax",
        "msgmnb",
        "msgmni",
        "ns_last_pid",
        "pid_max",
        "sem",
        "sem_next_id",
        "shm_next_id",
        "shm_rmid_forced",
        "shmall",
        "shmmax",
        "shmmni",
    ]
)


@dataclass(frozen=True, slots=True)
class Probe:
    """Attempts at one forbidden thing and their control; ``id`` and ``what`` are the claim's.

    ``tries`` and ``control`` (None: it is not known how to try) are commands by what they do.
    """

    id: str
    what: str
    tries: Tries
    control: tuple[str, tuple[str, ...]] | None


def _apart(script: str) -> tuple[str, ...]:
    return ("sudo", "unshare", "--mount", "sh", "-c", script)


def _in_proc(script: str) -> tuple[str, ...]:
    # The /proc that is there has parts mounted read-only; who may mount may have one without.
    return _apart(f"mount -t proc proc /mnt && {script}")


def _node(arguments: str) -> tuple[str, ...]:
    return _apart(f"mount -t tmpfs tmpfs /mnt && exec mknod /mnt/node {arguments}")


def _rewrite(switch: str) -> tuple[str, ...]:
    file = f"/mnt/sys/{switch}"
    return _in_proc(f"value=$(cat {file}) && printf '%s\\n' \"$value\" >{file}")


def _mount(kind: str) -> tuple[str, ...]:
    return _apart(f"exec mount -t {kind} none /mnt")


# Switches of the whole machine; those that name a program (core_pattern, modprobe) would run it as
# the host's root.
SWITCHES = (
    "kernel/core_pattern",
    "kernel/modprobe",
    "kernel/panic",
    "kernel/randomize_va_space",
    "fs/suid_dumpable",
    "fs/file-max",
    "vm/overcommit_memory",
    "vm/swappiness",
)

# Version 1 and version 2 of control groups.
_LIMIT = (
    "file=/sys/fs/cgroup/memory/memory.limit_in_bytes; "
    "test -e $file || file=/sys/fs/cgroup/memory.max; "
    'value=$(cat $file) && printf "%s\\n" "$value" >$file'
)
_GROUP = (
    "top=/sys/fs/cgroup/memory; test -e $top || top=/sys/fs/cgroup; "
    "mkdir $top/hostonly-probe && rmdir $top/hostonly-probe"
)

# Numbers of system calls: the kernel's arch/x86/entry/syscalls/syscall_64.tbl, and
# include/uapi/asm-generic/unistd.h for aarch64.
CALLS = {
    "x86_64": {
        "getpid": 39, "syslog": 103, "settimeofday": 164, "finit_module": 313, "delete_module": 176,
        "perf_event_open": 298, "bpf": 321, "open_by_handle_at": 304, "io_uring_setup": 425,
    },
    "aarch64": {
        "getpid": 172, "syslog": 116, "settimeofday": 170, "finit_module": 273, "delete_module": 106,
        "perf_event_open": 241, "bpf": 280, "open_by_handle_at": 265, "io_uring_setup": 425,
    },
}  # fmt: skip

# By system call: the claim's words, and perl for arguments that mean nothing.
_TRIED: tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "modules",
        "load a kernel module, or unload one",
        (
            ("finit_module", "-1, $s, 0", "$s = ''; "),
            ("delete_module", "$s, 0", "$s = 'hostonly_none'; "),
        ),
    ),
    # SYSLOG_ACTION_READ_ALL is 3.
    ("log", "read the kernel's log", (("syslog", "3, $b, 99", "$b = 'x' x 100; "),)),
    ("clock", "set the clock", (("settimeofday", "0, 0", ""),)),
    # BPF_PROG_GET_NEXT_ID is 11; its attributes are all zero: the first of all programs.
    ("bpf", "list the kernel's BPF programs", (("bpf", "11, $a, 72", '$a = "\\0" x 72; '),)),
    # PERF_TYPE_SOFTWARE is 1, of 112 bytes, PERF_COUNT_SW_CPU_CLOCK; no process, processor 0: all.
    (
        "perf",
        "watch the whole machine's performance counters",
        (("perf_event_open", "$a, -1, 0, -1, 0", "$a = pack('LLQ13', 1, 112); "),),
    ),
    # /var/lib/docker lies on the host's own file system, whose root is inode 2 in ext4.
    (
        "handles",
        "open files of the host's file system by their handles",
        (
            (
                "open_by_handle_at",
                "fileno(D), $h, 65536",
                "open(D, '/var/lib/docker') or exit 9; $h = pack('LLQ', 8, 1, 2); ",
            ),
        ),
    ),
    # One entry, no parameters; the ring ends with the process.
    (
        "io_uring",
        "ask the kernel by way of io_uring, which no filter of system calls sees into",
        (("io_uring_setup", "1, $p", '$p = "\\0" x 120; '),),
    ),
)


def probes(architecture: str) -> tuple[Probe, ...]:
    """Return all probes for a kernel of ``architecture`` (``uname -m``)."""
    return (*COMMANDS, *_system_calls(CALLS.get(architecture, {})))


COMMANDS = (
    Probe(
        "nodes",
        "make a device node",
        {"mknod b 8 0 (a disk)": _node("b 8 0"), "mknod c 1 1 (memory)": _node("c 1 1")},
        ("mknod p (a pipe)", _node("p")),
    ),
    Probe(
        "sysctls",
        "write the host's sysctls",
        {switch: _rewrite(switch) for switch in SWITCHES},
        ("net/ipv4/ip_forward of its own", _rewrite("net/ipv4/ip_forward")),
    ),
    Probe(
        "memory",
        "read the kernel's memory",
        {"kcore": _in_proc("exec head -c 1 /mnt/kcore")},
        ("reading /proc/version", _in_proc("exec head -c 1 /mnt/version")),
    ),
    Probe(
        "sysrq",
        "press the host's SysRq keys",
        {"sysrq-trigger": _in_proc(": >>/mnt/sysrq-trigger")},
        ("opening its own ip_forward", _in_proc(": >>/mnt/sys/net/ipv4/ip_forward")),
    ),
    Probe(
        "debug",
        "mount the file systems by which the kernel is looked into",
        {kind: _mount(kind) for kind in ("debugfs", "tracefs", "securityfs", "pstore")},
        ("mounting a tmpfs", _mount("tmpfs")),
    ),
    Probe(
        "limits",
        "change its own memory limit",
        {"the limit": ("sudo", "sh", "-c", _LIMIT)},
        ("making a control group below its own", ("sudo", "sh", "-c", _GROUP)),
    ),
)


def _system_calls(numbers: Mapping[str, int]) -> tuple[Probe, ...]:
    if not numbers:
        return tuple(Probe(id, what, {}, None) for id, what, _ in _TRIED)
    control = ("the system call getpid", system_call("getpid", numbers["getpid"], "0"))
    return tuple(
        Probe(
            id,
            what,
            {
                name: system_call(name, numbers[name], arguments, setup)
                for name, arguments, setup in calls
            },
            control,
        )
        for id, what, calls in _TRIED
    )
