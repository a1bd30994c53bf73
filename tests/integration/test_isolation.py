"""check.isolation on a real sandbox: every claim holds, and its own probes leave nothing behind."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hostonly.events import ignore
from hostonly.process import as_root
from hostonly.sandbox import life
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from tests.integration.command_line import INV, answer, did

# Each of several users takes what it gets of system call ARGV[0], with the arguments ARGV[2..], tells how much
# that was and keeps it until the input ends.
TAKE = r"""
$| = 1;
my ($call, $users, @given) = @ARGV;
my $count = 0;
@given = map { /^-?\d+$/ ? $_ + 0 : $_ } @given;
sub take {
    my @arguments = map { my $copy = $_; $copy =~ s/%/$count/; /^-?\d+$/ ? $_ : $copy } @given;
    return syscall($call, @arguments);
}
for my $number (1 .. $users) {
    pipe(my $told, my $tell);
    unless (fork) {
        ($<, $>) = (20000 + $number) x 2;
        $count++ while $count < 5000 && take() >= 0;
        syswrite($tell, "$count\n");
        1 while sysread(STDIN, my $nothing, 1);
        exit;
    }
    close $tell;
    print scalar <$told>;
}
print "all\n";
wait for 1 .. $users;
"""
# Of x86_64 and aarch64 (syscall_64.tbl, include/uapi/asm-generic/unistd.h).
INOTIFY_INIT1 = {"x86_64": 294, "aarch64": 26}
ADD_KEY = {"x86_64": 248, "aarch64": 217}
KEY_SPEC_PROCESS_KEYRING = -2

# What may be skipped: this machine need not have a Docker of its own.
MAY_BE_SKIPPED = {"isolation.docker"}


@pytest.fixture
def machine(site: Site) -> Machine:
    """The first machine, up, and no other one, which would be looked at as well."""
    did("sandbox.destroy", "--machine", "sandbox2")
    machine = Machine(site, ignore)
    life.up([machine])
    return machine


def test_everything_holds(checkout: Path, machine: Machine) -> None:
    code, document = answer("check.isolation")
    assert code == 0, [c for c in document["claims"] if c["verdict"] not in ("HOLDS", "SKIPPED")]
    skipped = {c["id"] for c in document["claims"] if c["verdict"] == "SKIPPED"}
    assert skipped <= MAY_BE_SKIPPED
    assert len(document["claims"]) >= 30
    with machine.vantage() as sandbox:
        assert not sandbox.run(["sh", "-c", "ls /etc/hostonly-*mark* /mnt/*"]).ok
        assert not sandbox.run(["sh", "-c", "ls -d /sys/fs/cgroup/*/hostonly-probe"]).ok


def root(*argv: str, check: bool = True) -> None:
    subprocess.run(as_root(argv), check=check, timeout=20)


def failing(document: dict[str, Any]) -> set[str]:
    return {c["id"] for c in document["claims"] if c["verdict"] != "HOLDS"} - MAY_BE_SKIPPED


def test_a_device_node_of_the_hosts_making_is_seen(checkout: Path, machine: Machine) -> None:
    # The host's root puts it where the sandbox has a folder of the host's own file system.
    node = f"/var/lib/lxc/{machine.spec.instance}/docker/hostonly-test-node"
    root("mknod", node, "c", "1", "1")
    try:
        code, document = answer("check.isolation")
    finally:
        root("rm", node)
    assert code == 1
    assert failing(document) == {"isolation.devices"}


def test_a_folder_that_may_not_be_looked_into_is_part_of_the_answer(
    checkout: Path, machine: Machine
) -> None:
    # The host's root is nobody in the sandbox, whose root may not look into such a folder either.
    closed = f"/var/lib/lxc/{machine.spec.instance}/docker/hostonly-test-closed"
    root("mkdir", "--mode=0700", closed)
    try:
        code, document = answer("check.isolation")
    finally:
        root("rmdir", closed)
    assert code == 0, failing(document)
    told = [c["id"] for c in document["claims"] if "/docker/hostonly-test-closed" in c["because"]]
    assert told == ["isolation.devices", "isolation.files"]


def test_none_of_the_hosts_sys_is_mounted(machine: Machine) -> None:
    """Neither by LXC's own configuration nor by vagrant-lxc, which bind parts of it where it has them."""
    with machine.vantage() as sandbox:
        mounts = sandbox.run(
            ["findmnt", "--noheadings", "--output", "TARGET,FSROOT", "-t", "sysfs"]
        )
    assert [line.split()[-1] for line in mounts.stdout.splitlines()] == ["/", "/"], mounts.stdout


def memory_limit(group: str) -> Path:
    """The file with the memory limit of the control ``group``."""
    # Not by walking in Python: folders of others go while it walks, and it stops at that.
    look = [
        "find",
        "/sys/fs/cgroup",
        "-ignore_readdir_race",
        "-type",
        "d",
        "-name",
        group,
        "-prune",
    ]
    found = subprocess.run(look, capture_output=True, text=True, check=False, timeout=60).stdout
    names = ("memory.limit_in_bytes", "memory.max")
    files = [Path(folder, name) for folder in found.splitlines() for name in names]
    return next(file for file in files if file.exists())


def test_a_limit_that_the_sandbox_may_write_is_seen(checkout: Path, machine: Machine) -> None:
    limit = memory_limit(f"lxc.payload.{machine.spec.instance}")
    root("chmod", "o+w", str(limit))
    try:
        code, document = answer("check.isolation")
    finally:
        root("chmod", "o-w", str(limit))
    assert code == 1
    assert failing(document) == {"isolation.limits"}
    assert answer("check.isolation")[0] == 0


def test_the_second_sandbox_is_looked_at_too(checkout: Path, machine: Machine, site: Site) -> None:
    life.up([Machine(site, ignore, "sandbox2")])
    code, document = answer("check.isolation")
    assert code == 0, failing(document)
    ids = [c["id"] for c in document["claims"]]
    firsts = [id for id in ids if not id.startswith("sandbox2.")]
    assert ids == [*firsts, *(f"sandbox2.{id}" for id in firsts)]

    alone, document = answer("check.isolation", "--machine", "sandbox2")
    assert alone == 0
    assert [c["id"] for c in document["claims"]] == firsts
    assert {e["vantage"] for c in document["claims"] for e in c["evidence"]} == {"host", "sandbox2"}

    node = f"/var/lib/lxc/{site.name}-sandbox2/docker/hostonly-test-node"
    root("mknod", node, "c", "1", "1")
    try:
        code, document = answer("check.isolation")
    finally:
        root("rm", node)
    assert code == 1
    assert failing(document) - {"sandbox2.isolation.docker"} == {"sandbox2.isolation.devices"}


@pytest.mark.alone
def test_what_runs_away_inside_leaves_the_host_its_inotify(
    checkout: Path, machine: Machine
) -> None:
    """What a sandbox has of them counts as the host's root's."""
    assert instances() > 0, "the host has none left as it is"
    # On a tmpfs: of an overlay tail does not ask to be told.
    watch = (
        "file=$(mktemp -p /run); for i in $(seq 200); do tail -f $file & done;"
        " cat; kill $(jobs -p); rm $file"
    )
    running = subprocess.Popen(
        # To kill all of its jobs is what a bash knows.
        [*INV, "sandbox.exec", "--", "sudo", "bash", "-c", watch],
        cwd=checkout,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stderr is not None
        # tail goes on without; by its first word the sandbox has all that it gets.
        assert "Too many open files" in running.stderr.readline()
        assert instances() > 0
    finally:
        running.communicate(timeout=60)
    with machine.vantage() as sandbox:
        raised = sandbox.run(
            ["sudo", "sh", "-c", "echo 1000 >/proc/sys/user/max_inotify_instances"]
        )
        assert not raised.ok


@contextmanager
def taken(checkout: Path, call: int, users: int, *arguments: str) -> Iterator[list[int]]:
    """How often each of ``users`` in the sandbox could make the system ``call``; they keep it meanwhile."""
    script = ["sudo", "perl", "-e", TAKE, str(call), str(users), *arguments]
    running = subprocess.Popen(
        [*INV, "sandbox.exec", "--", *script],
        cwd=checkout,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        counts = [int(running.stdout.readline()) for _ in range(users)]
        assert running.stdout.readline() == "all\n"
        yield counts
    finally:
        running.communicate(timeout=60)


@pytest.mark.alone
def test_several_users_inside_leave_the_hosts_root_its_inotify(
    checkout: Path, machine: Machine
) -> None:
    with taken(checkout, INOTIFY_INIT1[platform.machine()], 16, "0") as counts:
        # More than one machine's root has by itself.
        assert sum(counts) > 1024
        assert max(counts) <= 128
        assert instances() > 0


def test_keys_of_a_sandboxs_user_are_of_a_quota_of_its_own(
    checkout: Path, machine: Machine
) -> None:
    arguments = ("user", "hostonly-%", "x", "1", str(KEY_SPEC_PROCESS_KEYRING))
    add = (
        "import ctypes; libc = ctypes.CDLL(None);"
        f"print(libc.syscall({ADD_KEY[platform.machine()]}, b'user', b'hostonly', b'x', 1,"
        f" {KEY_SPEC_PROCESS_KEYRING}))"
    )
    with taken(checkout, ADD_KEY[platform.machine()], 1, *arguments) as (count,):
        # It has come to its end.
        assert 100 < count < 5000
        for become in ([], ["setpriv", "--reuid=65534", "--clear-groups"]):
            added = subprocess.run(
                as_root([*become, sys.executable, "-c", add]),
                capture_output=True,
                text=True,
                check=True,
            )
            assert int(added.stdout) > 0


@pytest.mark.alone
def test_neighbours_of_a_sandbox_leave_the_host_room_for_its_own(machine: Machine) -> None:
    """The kernel has one table for all network namespaces."""
    lines = (
        f"neighbour replace 198.18.{number // 250}.{number % 250 + 1} lladdr 02:00:5e:00:53:01"
        " nud stale dev eth1"
        for number in range(1100)
    )
    add = "printf '%s\n' \"$0\" | ip -batch -"
    one = (
        "ip link add br0 type bridge && ip link set br0 up &&"
        " ip neighbour add 198.18.0.1 lladdr 02:00:5e:00:53:01 nud stale dev br0"
    )
    with machine.vantage() as sandbox:
        try:
            added = sandbox.run(["sudo", "sh", "-c", add, "\n".join(lines)])
            assert added.ok, added.output
            root("unshare", "--net", "sh", "-c", one)
        finally:
            assert sandbox.run(
                ["sudo", "ip", "neighbour", "flush", "dev", "eth1", "nud", "stale"]
            ).ok


def instances() -> int:
    """How many more of them root may have on this machine, or one process at all where that is less."""
    count = (
        "import ctypes; make = ctypes.CDLL(None).inotify_init;"
        "print(next(n for n in range(100_000) if make() < 0))"
    )
    counted = as_root([sys.executable, "-c", count])
    return int(subprocess.run(counted, capture_output=True, text=True, check=True).stdout)
