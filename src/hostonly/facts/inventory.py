"""What stands on this machine, kind by kind and by name: all that ``sandbox.up`` could change.

Two inventories are compared by name and value, so a value holds what must not change and leaves out
what changes by itself (counters, handles, lifetimes, whether a cable is plugged in). Looking sends
nothing and changes nothing."""

from __future__ import annotations

import enum
import json
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TypeAlias

from hostonly.facts import inventory_parse as parse
from hostonly.facts.fact import Fact, NotObserved, Observed, Unreadable
from hostonly.facts.inventory_parse import Item, Items
from hostonly.facts.questions import Question, observe, question
from hostonly.vantages import TIMED_OUT, Vantage

Inventory: TypeAlias = Mapping[str, Fact[Items]]
# Of a provider of machines: folders that are looked at whole, folders of which each entry is a machine's, and
# what its control groups are called, as find(1) takes it.
Provided: TypeAlias = tuple[Sequence[str], Sequence[str], str]

# What is looked at changes meanwhile: a control group goes that find has just seen, Vagrant writes its
# index anew while it is read. The next look finds it whole.
TRIES = 3
PAUSE_SECONDS = 0.2

# The switches that we turn, those whose change would open the machine, and the limits that a
# sandbox shares with its host. `-s`: IPv6 and br_netfilter may be absent.
_SYSCTLS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/*/forwarding",
    "net/ipv4/conf/*/rp_filter",
    "net/ipv4/conf/*/proxy_arp",
    "net/ipv6/conf/*/forwarding",
    "net/ipv6/conf/*/accept_ra",
    "net/ipv6/conf/*/disable_ipv6",
    "net/bridge/bridge-nf-call-*",
    "net/ipv4/neigh/default/gc_thresh*",
    "net/ipv6/neigh/default/gc_thresh*",
    "fs/inotify/max_*",
    "fs/fanotify/max_*",
    "kernel/keys/max*",
)

# nft shows the tables of iptables-nft without their comments, so these are asked as well.
# iptables-legacy would load its module by being called: only where the kernel has tables of its kind. (The
# files of /proc have no size that `test -s` could see.)
_IPTABLES = (
    "for v in '' 6; do "
    "if command -v ip${v}tables-nft-save >/dev/null; "
    "then echo '#@' ip${v}tables-nft; ip${v}tables-nft-save || exit 1; fi; "
    "if grep -qs . /proc/net/ip${v}_tables_names; "
    "then echo '#@' ip${v}tables-legacy; ip${v}tables-legacy-save || exit 1; fi; "
    "done"
)

# Where things of ours or of our tools' could lie. `-xdev`: no other file system is walked. A place
# may be absent, and what is in it may go meanwhile; any other failure is one of the whole look.
_PLACES = (
    'look() {{ place=$1; shift; test ! -e "$place" || '
    'find "$place" -ignore_readdir_race "$@" -printf \'{f}\' || exit 1; }}; '
    "for place in /etc /var/lib/libvirt /run/libvirt {folders}; "
    'do look "$place" -xdev; done; '
    'for place in {instances}; do look "$place" -mindepth 1 -maxdepth 1; done; '
    "look /var/lib/hostonly -maxdepth 3; "
    "look {tmp} -mindepth 1 -maxdepth 1 -name 'hostonly-*'; "
    # What is in a file of /etc counts, not when it was written.
    "find /etc -ignore_readdir_race -xdev -type f -exec sh -c '{digests}' sh {{}} +"
)
# A file that goes before it is read is no failure of the others.
DIGESTS = 'sha256sum --zero "$@" && exit; for file; do test -e "$file" || exit 0; done; exit 1'
# A kernel that can load none has no such file.
_MODULES = "test ! -e /proc/modules || cat /proc/modules"
_ID_RANGES = (
    'for f in /etc/subuid /etc/subgid; do test ! -e $f || sed "s|^|$f:|" $f || exit 1; done'
)
_FORMAT = r"%y %m %u:%g %s %l\t%p\0"


def kinds(home: Path, temporary: Path, provided: Sequence[Provided]) -> dict[str, Question[Items]]:
    """Return the question for each kind, links first: other things are marked by their link.

    ``home`` is Vagrant's own folder (``~/.vagrant.d``), ``temporary`` the folder of temporary
    files; ``provided`` says where the providers' things lie."""
    places = _PLACES.format(
        f=_FORMAT,
        digests=DIGESTS,
        folders=shlex.join([*(each for one in provided for each in one[0]), str(home)]),
        instances=shlex.join([each for one in provided for each in one[1]]),
        tmp=quote(str(temporary)),
    )
    groups = [word for one in provided for word in ("-o", "-name", one[2])][1:]
    switches = " ".join(f"/proc/sys/{switch}" for switch in _SYSCTLS)
    ip = ("ip", "-json", "-details")
    routes = ("route", "show", "table", "all")
    return {
        "links": question((*ip, "link"), parse.links),
        "addresses": question((*ip, "address"), parse.addresses),
        "IPv4 routes": question((*ip, "-4", *routes), parse.routes),
        "IPv6 routes": question((*ip, "-6", *routes), parse.routes),
        "firewall rules": question(("nft", "-j", "list", "ruleset"), parse.ruleset, root=True),
        "iptables rules": question(("sh", "-c", _IPTABLES), parse.iptables_rules, root=True),
        "switches": question(("sh", "-c", f"grep -Hs . {switches} || test $? -eq 2"), parse.sysctls),
        "kernel modules": question(("sh", "-c", _MODULES), parse.modules),
        "files": question(("sh", "-c", places), parse.files, root=True),
        "id ranges": question(("sh", "-c", _ID_RANGES), parse.id_ranges),
        "mounts": question(("findmnt", "--json", "--list", "-o", "TARGET,SOURCE"), parse.mounts),
        "loop devices": question(("losetup", "--list", "--noheadings", "-O", "NAME,BACK-FILE"), parse.loops),
        "control groups": question(("find", "/sys/fs/cgroup", "-ignore_readdir_race", "-type", "d", "(", *groups, ")", "-prune"), parse.cgroups),
        "processes": question(("ps", "-e", "-ww", "-o", "pid=,ppid=,user:32=,args="), parse.processes),
        "Vagrant machines": question(("sh", "-c", f"test ! -e {_index(home)} || cat {_index(home)}"), parse.machines),
    }  # fmt: skip


def _index(home: Path) -> str:
    return quote(str(home / "data" / "machine-index" / "index"))


def take(
    host: Vantage,
    home: Path,
    temporary: Path,
    provided: Sequence[Provided],
    root: Sequence[str] = (),
) -> dict[str, Fact[Items]]:
    """Look at every kind; one that cannot be looked at is not observed, never empty.

    ``root`` are the words before a command that only root may run; none where we are root."""
    found: dict[str, Fact[Items]] = {}
    marks: dict[str, str] = {}
    for kind, asked in kinds(home, temporary, provided).items():
        fact = _looked_at(host, asked, root)
        if isinstance(fact, Observed):
            if kind == "links":
                marks = {name: item.mark for name, item in fact.value.items() if item.mark}
            fact = Observed(parse.marked(fact.value, marks), fact.evidence)
        found[kind] = fact
    return found


def _looked_at(host: Vantage, asked: Question[Items], root: Sequence[str]) -> Fact[Items]:
    fact = observe(host, asked, root=root)
    for _ in range(TRIES - 1):
        if isinstance(fact, Observed) or any(each.exit == TIMED_OUT for each in fact.evidence):
            break
        time.sleep(PAUSE_SECONDS)
        fact = observe(host, asked, root=root)
    return fact


def dumps(inventory: Inventory) -> str:
    """Write the inventory as JSON; of a kind that was not observed, the reason."""
    return json.dumps(
        {
            kind: fact.because
            if isinstance(fact, NotObserved)
            else {name: [i.value, i.mark, i.device] for name, i in fact.value.items()}
            for kind, fact in inventory.items()
        },
        indent=0,
        sort_keys=True,
    )


def loads(text: str) -> dict[str, Fact[Items]]:
    """Read what ``dumps`` wrote.

    Raises:
        Unreadable: ``text`` is something else, or was cut off.
    """
    try:
        return {
            str(kind): NotObserved(f"sandbox.up could not see it: {fact}")
            if isinstance(fact, str)
            else Observed({str(name): Item(*map(str, item)) for name, item in fact.items()}, ())
            for kind, fact in json.loads(text).items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise Unreadable(f"no inventory: {error}") from error


@dataclass(frozen=True, slots=True)
class Difference:
    """A thing that had the value ``before`` and has ``after``; None where there was or is none."""

    name: str
    before: Item | None
    after: Item | None

    def __str__(self) -> str:
        if self.before is None:
            return f"new: {self.name}"
        if self.after is None:
            return f"gone: {self.name}"
        return f"changed: {self.name} ({self.before.value} → {self.after.value})"


class Owner(enum.StrEnum):
    """The owner of a thing, in the words that a report prints."""

    OURS = "this checkout's"
    ANOTHERS = "another checkout's"
    CACHE = "a cache, which sandbox.destroy --purge removes"
    NOBODYS = "not hostonly's"


@dataclass(frozen=True, slots=True)
class Whose:
    """The owner of a thing, with the path of the owner's ``checkout`` where that is known."""

    owner: Owner
    checkout: str = ""

    @property
    def marked(self) -> bool:
        """Whether the thing carries any mark of hostonly's."""
        return self.owner is not Owner.NOBODYS

    def __str__(self) -> str:
        named = self.checkout and self.owner is Owner.ANOTHERS
        return f"{self.owner}{f' ({self.checkout})' if named else ''}"


def differences(before: Items, after: Items) -> tuple[Difference, ...]:
    """Return what is not the same, by name; marks do not count, since a bridge may become ours."""
    pairs = ((name, before.get(name), after.get(name)) for name in sorted({*before, *after}))
    return tuple(
        Difference(name, old, new)
        for name, old, new in pairs
        if (old and old.value) != (new and new.value)
    )
