"""What confines a sandbox, read from captured output of Debian 12 (Linux 6.18, LXC 5.0.2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hostonly.facts import Unreadable
from hostonly.facts import confinement as read
from hostonly.facts.confinement import Confined, Mount, Owned, Range

MOUNTINFO = """\
1531 1457 0:220 / / rw,relatime shared:939 - overlay /b/rootfs rw,lowerdir=/b/rootfs
1538 1536 0:223 /sys /proc/sys ro,relatime shared:977 - proc proc rw
1549 1541 0:22 /fs/fuse/connections /sys/fs/fuse/connections rw,relatime shared:980 - sysfs sysfs rw
1551 1531 254:0 /var/lib/lxc/web-sandbox/docker /var/lib/docker rw,relatime shared:982 - ext4 /dev/vda rw
1561 1550 0:6 /full /dev/full rw,relatime - devtmpfs devtmpfs rw,size=12334524k
"""


def test_ids() -> None:
    (ids,) = read.parse_map("         0    1000000      65536\n")
    assert ids == Range("sandbox", 1_000_000, 65_536, 0)
    assert 1_000_000 in ids and 1_065_535 in ids
    assert 1_065_536 not in ids and 0 not in ids and "0" not in ids
    assert str(ids) == "sandbox 1000000–1065535"
    # The host's own map.
    (all_,) = read.parse_map("         0          0 4294967295\n")
    assert 0 in all_


def test_overlaps() -> None:
    ids = Range("sandbox", 100, 10)
    assert ids.overlaps(Range("x", 109, 1)) and ids.overlaps(Range("x", 50, 1000))
    assert not ids.overlaps(Range("x", 110, 1)) and not ids.overlaps(Range("x", 90, 10))


def test_owners_of_ids() -> None:
    subuid = "alex:100000:65536\nroot:1000000:65536\n"
    passwd = "root:x:0:0:root:/root:/bin/bash\nalex:x:1000:1000:A,,,:/home/alex:/bin/sh\n"
    found = read.parse_owners(subuid + passwd)
    assert [str(each) for each in found] == [
        "range of alex 100000–165535",
        "range of root 1000000–1065535",
        "user root 0–0",
        "user alex 1000–1000",
    ]
    # getent group has four fields.
    assert read.parse_owners("root:x:0:\ndocker:x:998:alex\n")[1] == Range("user docker", 998, 1)


def test_namespaces() -> None:
    found = read.parse_namespaces("mnt:[4026533044]\nuser:[4026533043]\n")
    assert found == {"mnt": "mnt:[4026533044]", "user": "user:[4026533043]"}


def test_status() -> None:
    text = "Name:\tsystemd\nCapEff:\t{}\nCapBnd:\t{}\nSeccomp:\t2\nSeccomp_filters:\t1\n"
    full = read.parse_status(text.format("0" * 16, "000001ffffffffff"))
    assert full.effective == ()
    assert len(full.bounding) == 41
    assert (full.bounding[0], full.bounding[21], full.bounding[40]) == (
        "chown",
        "sys_admin",
        "checkpoint_restore",
    )
    # A kernel to come has more.
    assert read.parse_status(text.format("0", "20000000001")) == Confined((), ("chown", "41"), 2)


def test_processes() -> None:
    text = " 3904 4026533043 1000000 1000000 /sbin/init\n    1          -     0     0 init\n"
    assert read.parse_processes(text) == (
        Owned(3904, "4026533043", 1_000_000, 1_000_000, "/sbin/init"),
        Owned(1, "-", 0, 0, "init"),
    )


def test_mounts() -> None:
    found = read.parse_mountinfo(MOUNTINFO)
    assert len(found) == 5
    assert found[3] == Mount("254:0", "/var/lib/lxc/web-sandbox/docker", "/var/lib/docker", "ext4")
    assert found[4] == Mount("0:6", "/full", "/dev/full", "devtmpfs")


def test_devices() -> None:
    text = "character special file|88:0|/dev/pts/0\ncharacter special file|1:3|/dev/null\nblock special file|fe:0|/disk|a\n"
    found = read.parse_devices(text)
    assert found == {"/dev/pts/0": "c 136:0", "/dev/null": "c 1:3", "/disk|a": "b 254:0"}
    assert read.parse_devices("") == {}


def test_keys() -> None:
    text = (
        "04d21c24 I--Q---     1 perm 0c030000     0 65534 keyring   .user_reg: 4\n"
        "00213ba5 I--Q---     2 perm 3f030000 1000000 1000000 keyring   _ses: 1\n"
    )
    assert read.parse_keys(text) == {"04d21c24": 0, "00213ba5": 1_000_000}


@pytest.mark.parametrize(
    ("parse", "output"),
    [
        (read.parse_map, ""),
        (read.parse_map, "0 x 1"),
        (read.parse_owners, ""),
        (read.parse_owners, "alex:100000:65536\n"),
        (read.parse_owners, "getent: not found"),
        (read.parse_namespaces, ""),
        (read.parse_namespaces, "net:[1]\n"),
        (read.parse_namespaces, "user:4026531837\n"),
        (read.parse_status, ""),
        (read.parse_status, "CapEff:\t0\nCapBnd:\tq\nSeccomp:\t2\n"),
        (read.parse_status, "CapEff:\t0\nCapBnd:\t0\n"),
        (read.parse_processes, ""),
        (read.parse_processes, "PID USERNS UID GID\n"),
        (read.parse_mountinfo, ""),
        (read.parse_mountinfo, "1 2 0:1 / /\n"),
        (read.parse_devices, "regular file|0:0|/x\n"),
        (read.parse_devices, "character special file|1,3|/dev/null\n"),
        (read.parse_keys, "cat: /proc/keys: no"),
        (read.parse_keys, "zz I 1 perm 0 0 0 keyring x"),
    ],
)
def test_unreadable(parse: Callable[[str], object], output: str) -> None:
    with pytest.raises(Unreadable):
        parse(output)
