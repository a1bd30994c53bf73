"""The inventory of the host from before ``sandbox.up``, for comparison after ``destroy``.

It is taken when nothing of this checkout's is on the host: neither a container nor a bridge. Later
calls of ``up`` leave it alone, since it would then hold our own things as if they had been there
before; so does ``destroy``, after which ``check.leftovers`` needs it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hostonly.facts import Fact, NotObserved, Observed, Unreadable, inventory
from hostonly.facts.inventory import Difference, Whose
from hostonly.facts.inventory_parse import Items
from hostonly.host import atomic
from hostonly.host.command import ask_for_root
from hostonly.ownership.marks import Marks
from hostonly.process import as_root
from hostonly.providers import all_traces, provider_of
from hostonly.site import Site, vagrant_home
from hostonly.vantages import Host

Owned = tuple[tuple[str, Whose], ...]


def before_file(site: Site) -> Path:
    """Return the file of the inventory from before ``sandbox.up``."""
    return site.state / "host-before.json"


def take() -> dict[str, Fact[Items]]:
    """Return the inventory of this machine now."""
    ask_for_root()
    return inventory.take(
        Host(),
        vagrant_home(),
        Path(tempfile.gettempdir()),
        [(each.folders, each.instances, each.groups) for each in all_traces()],
        root=as_root([]),
    )


def record(site: Site) -> None:
    """Keep the host's inventory; call it while nothing of this checkout's is on the host."""
    file = before_file(site)
    file.parent.mkdir(exist_ok=True)
    atomic.write(file, inventory.dumps(take()).encode())


def before(site: Site) -> dict[str, Fact[Items]] | None:
    """Return the inventory that ``record`` kept; None where none was kept.

    Raises:
        Unreadable: it was damaged.
    """
    try:
        text = before_file(site).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{before_file(site).name}: {error}") from error
    return inventory.loads(text)


def sandboxes(site: Site) -> tuple[str, ...]:
    """Return the containers of this checkout that exist, running or not."""
    there = (machine for machine in site.machines if provider_of(site, machine).exists)
    return tuple(machine.instance for machine in there)


def owned(kind: str, items: Fact[Items], marks: Marks) -> Fact[Owned]:
    """Return the things of a ``kind`` that carry a mark of hostonly's, with their owners."""
    if isinstance(items, NotObserved):
        return items
    found = ((name, item, marks.whose(kind, name, item)) for name, item in items.value.items())
    return Observed(
        tuple(
            (_named(kind, name, item.value), whose) for name, item, whose in found if whose.marked
        ),
        items.evidence,
    )


def changed(
    kind: str, old: Fact[Items], new: Fact[Items], marks: Marks
) -> Fact[tuple[tuple[Difference, Whose], ...]]:
    """Return the differences of a ``kind``, with who made each; of processes only marked ones."""
    if isinstance(old, NotObserved):
        return old
    if isinstance(new, NotObserved):
        return new
    found: Sequence[Difference] = inventory.differences(old.value, new.value)
    pairs = ((each, marks.whose_change(kind, each, found)) for each in found)
    return Observed(
        tuple(pair for pair in pairs if kind != "processes" or pair[1].marked), new.evidence
    )


def _named(kind: str, name: str, value: str) -> str:
    return f"{name} {value}" if kind in ("processes", "loop devices", "Vagrant machines") else name
