"""Owners of things on this machine: this checkout, another one, a cache, or not hostonly.

Only a mark decides: a link's alias, the name of our firewall table, a container whose name a
checkout has claimed, a path that belongs to one of these. A like name without a mark is not ours.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hostonly.facts.inventory import Difference, Owner, Whose
from hostonly.facts.inventory_parse import Item
from hostonly.host import firewall, forward_chain, limits, modules, outsiders
from hostonly.host.bridges import others
from hostonly.ownership import owners
from hostonly.providers import all_traces, provider_of
from hostonly.providers.provider import Traces
from hostonly.registry import trust
from hostonly.site import BENCH_MARK, INSTANCES, MARK, MODULES, STORE, Site, vagrant_home

# The prefix of `Site.temporary`: of temporary files, and of a process of check.isolation's.
_TEMPORARY = re.compile(rf"(?:^|(?<=[\s/])){MARK}-[0-9a-f]{{8}}-")
# The namespaces of check.host-only's outsiders (host/outsiders.py).
_NAMESPACE = re.compile(rf"/run/netns/{MARK}-(.+)-\d+ ")
# Checkouts, and a stock project, of a bench that has this process id (bench/workspace.py).
_BENCH = re.compile(r"(?P<root>/.*?)/\.hostonly/bench/(?P<pid>\d+)/")
_STATE = re.compile(r"(/\S*?)/\.hostonly/")


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks by which owners are told apart on this machine, at one moment.

    ``containers`` maps claimed names of containers to the checkout that claimed each; ``sandboxes``
    and ``tables`` do so for values of ``sandbox.name`` and names of firewall tables; ``files`` for
    paths of files that carry a mark in their first line. ``bridges`` are this checkout's own names,
    and ``temporary`` is the prefix of its temporary folders. ``ranges`` are root's id ranges that
    we entered, ``traces`` the providers' ways of naming things, ``modules`` the kernel's modules
    that we have loaded and are to unload, ``boxes`` the names of Vagrant's boxes that are
    hostonly's, ``beside`` other checkouts that have bridges here.
    """

    root: str
    containers: Mapping[str, str]
    sandboxes: Mapping[str, str]
    tables: Mapping[str, str]
    files: Mapping[str, str]
    bridges: frozenset[str]
    temporary: str
    ranges: Sequence[str]
    traces: Sequence[Traces]
    boxes: frozenset[str] = frozenset()
    beside: Sequence[str] = ()
    modules: frozenset[str] = frozenset()

    def _of(self, checkout: str) -> Whose:
        bench = _BENCH.match(checkout)
        if bench and not Path("/proc", bench["pid"]).exists():
            # The bench was cut off: the checkout that started it may remove what it left.
            checkout = bench["root"]
        return Whose(Owner.OURS if checkout == self.root else Owner.ANOTHERS, checkout)

    @property
    def checkouts(self) -> tuple[str, ...]:
        """All that have something here, a claim or a bridge."""
        return (*self.containers.values(), *self.beside)

    @property
    def _shared(self) -> Whose:
        """The owner of the things that all checkouts share: another checkout while there is one."""
        for checkout in self.checkouts:
            if checkout != self.root:
                return self._of(checkout)
        return self._of(self.root)

    def whose(self, kind: str, name: str, item: Item) -> Whose:
        """Return the owner of the item ``name`` of a ``kind`` of the inventory."""
        for mark in (MARK, BENCH_MARK):
            if item.mark.startswith(f"{mark} "):
                return self._of(item.mark.removeprefix(f"{mark} "))
        if item.mark.startswith(f"{MARK}_"):
            return self._of(self.tables.get(item.mark, ""))
        if item.mark == forward_chain.COMMENT:
            # A rule beside Docker's, of a bridge that is gone.
            return self._of(self.root if item.device in self.bridges else "")
        if kind == "id ranges":
            ours = any(name.endswith(f":{entry}") for entry in self.ranges)
            return self._shared if ours else Whose(Owner.NOBODYS)
        if kind == "kernel modules":
            return self._shared if name in self.modules else Whose(Owner.NOBODYS)
        if kind == "files":
            return self._file(name)
        if kind in ("mounts", "loop devices", "control groups", "processes"):
            return self._named(f"{name} {item.value}")
        return Whose(Owner.NOBODYS)

    def _file(self, path: str) -> Whose:
        if path in self.files:
            return self._of(self.files[path])
        store, boxes = str(STORE), f"{vagrant_home()}/boxes/"
        if path.startswith(boxes):
            called = path.removeprefix(boxes).partition("/")[0]
            return Whose(Owner.CACHE if called in self.boxes else Owner.NOBODYS)
        if path in (store, f"{store}/bases", str(INSTANCES)):
            return Whose(Owner.CACHE)
        if path.startswith(f"{store}/bases/"):
            return Whose(Owner.CACHE)
        if _TEMPORARY.match(path.removeprefix(f"{tempfile.gettempdir()}/")):
            return self._temporarys(path)
        named = self._named(path)
        if path.startswith(f"{store}/") and named.owner is Owner.NOBODYS:
            return self._shared
        return named

    def _temporarys(self, text: str) -> Whose:
        found = _TEMPORARY.search(text)
        return self._of(self.root if found and found[0] == self.temporary else "")

    def _named(self, text: str) -> Whose:
        """Return the owner of a text that names a claimed container, or a checkout's own folder."""
        namespace = _NAMESPACE.match(text)
        if namespace:
            return self._of(self.sandboxes.get(namespace[1], ""))
        for word in re.split(r"[\s/:()\[\]]+", text):
            inner = [re.fullmatch(each.group, word) for each in self.traces]
            for each in (word, word.removeprefix("."), *(found[1] for found in inner if found)):
                if each in self.containers:
                    return self._of(self.containers[each])
        if _TEMPORARY.search(text):
            return self._temporarys(text)
        state = _STATE.search(text)
        if state:
            return self._of(state[1])
        return Whose(Owner.NOBODYS)

    def whose_change(
        self, kind: str, difference: Difference, together: Sequence[Difference]
    ) -> Whose:
        """Return who made a ``difference``: the owner of the present thing, or of the former one.

        ``together`` are all differences of this ``kind``.
        """
        item = difference.after or difference.before
        assert item is not None
        found = self.whose(kind, difference.name, item)
        if found.owner is not Owner.NOBODYS or difference.after is None:
            return found
        ranges = [f":{each.id_range}" for each in self.traces]
        if kind == "id ranges" and difference.name.endswith(tuple(ranges)):
            # Entered since, and exactly ours, though its mark is gone.
            return self._shared
        if kind == "switches" and difference.before is not None:
            # The one switch of other people's links that we turn, and the limits. The global one of
            # forwarding turns it on all links, and that one we never touch.
            forwarding = re.fullmatch(r"net/ipv4/conf/.+/forwarding", difference.name)
            if forwarding and all(each.name != "net/ipv4/ip_forward" for each in together):
                made = "1"
            else:
                made = str(limits.LIMITS.get(difference.name))
            # The value from before any sandbox of another checkout is as it should be.
            if item.value == made:
                return self._shared
        return found


def marks(site: Site, earlier: Marks | None = None) -> Marks:
    """Return the marks on this machine now, seen from the checkout of ``site``.

    ``earlier`` are the marks from before the things were looked at that are to be told apart: a
    checkout that has gone meanwhile had its part of what all checkouts share.
    """
    listed = sorted(INSTANCES.iterdir()) if INSTANCES.exists() else []
    claims = ((folder.name, owners.owner(folder)) for folder in listed)
    claimed = {name: checkout for name, checkout in claims if checkout is not None}
    sandboxes = {name.rpartition("-")[0]: checkout for name, checkout in claimed.items()}
    tables = {table: checkout for name, checkout in sandboxes.items() for table in _tables(name)}
    root = str(site.root)
    for machine in site.machines:
        # A machine of this name that nobody claimed is somebody else's, and so is what names it.
        if machine.instance not in claimed and not provider_of(site, machine).exists:
            claimed[machine.instance] = root
    sandboxes.setdefault(site.name, root)
    tables |= dict.fromkeys(_tables(site.name), tables.get(firewall.table_name(site.name), root))
    routers = [each.router for each in outsiders.outsiders(site)]
    traces = all_traces()
    return Marks(
        root=root,
        containers=claimed,
        sandboxes=sandboxes,
        tables=tables,
        files=_marked_files(),
        bridges=frozenset((site.bridge.name, site.nat.name, *routers)),
        temporary=site.temporary,
        ranges=[each.id_range for each in traces if each.id_range_mark.exists()],
        traces=traces,
        boxes=frozenset(box for each in traces for box in each.boxes()),
        beside=(*others(site), *(earlier.checkouts if earlier else ())),
        modules=frozenset(modules.ours(MODULES)),
    )


def _tables(sandboxes: str) -> tuple[str, str]:
    return firewall.table_name(sandboxes), outsiders.table(sandboxes)


def _marked_files() -> dict[str, str]:
    """Return the certificates that the host's Docker was told to trust (registry/trust.py)."""
    found = {}
    for file in sorted(trust.ENGINE.glob(f"certs.d/*/{trust.FILE}")):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            first = file.read_text(encoding="utf-8").partition("\n")[0]
            if first.startswith(f"# {MARK} "):
                found[str(file)] = first.removeprefix(f"# {MARK} ")
    return found
