"""What a provider is asked for: everything about a machine that Vagrant does not do, or does slowly.

Vagrant makes, starts, halts and destroys a machine, whoever provides it. A provider says what state
one is in, brings its own notes and Vagrant's in step after something was cut off, and makes what a
machine is made from. Nobody outside of the provider's own module asks which provider it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from hostonly.events import Emit
from hostonly.facts import Fact, Question
from hostonly.facts.confinement import Layers
from hostonly.site import Bridge, MachineSpec, Site

# A guest has as long to end by itself.
SHUT_DOWN_SECONDS = 30
# In place of Vagrant's word for the state of one that somebody has begun to destroy.
HALF_DESTROYED = "half_destroyed"


@dataclass(frozen=True, slots=True)
class Traces:
    """Where things of a provider's, and of its machines, could lie on this machine.

    ``folders`` are looked at whole, of ``instances`` only the entries, each of which is one machine's;
    ``group`` is the name of a machine's control group, a pattern whose group 1 is the machine's name for
    the provider, and ``groups`` the same as find(1) takes it; ``boxes`` gives the names of Vagrant's boxes that
    are hostonly's; ``id_range`` is a line of /etc/subuid that is ours where ``id_range_mark`` exists.
    """

    folders: tuple[str, ...]
    instances: tuple[str, ...]
    group: str
    groups: str
    boxes: Callable[[], list[str]]
    id_range: str
    id_range_mark: Path


class Provider(Protocol):
    """One machine of a site. Each method raises `ToolFailed` where the provider's own tool failed."""

    # What it provides, in words with an article.
    kind: ClassVar[str]
    # What it needs on this machine, as Debian names its packages.
    packages: ClassVar[tuple[str, ...]]
    traces: ClassVar[Traces]

    def __init__(self, site: Site, machine: MachineSpec) -> None:
        """Nothing is asked yet."""

    # --- what there is

    @property
    def exists(self) -> bool:
        """Whether the provider has one of its name, whole or not, running or not."""

    @property
    def known_to_vagrant(self) -> bool:
        """Whether Vagrant has noted it."""

    @property
    def complete(self) -> bool:
        """Whether it was made to its end and nobody has begun to destroy it."""

    @property
    def half_destroyed(self) -> bool:
        """Whether somebody has begun to destroy it: it is neither whole, nor being made, nor at work."""

    def state(self) -> str:
        """What it is now, in Vagrant's words: running, stopped, frozen, …; ``not_created``."""

    def observed_state(self) -> Fact[str]:
        """The same as a fact, with the evidence."""

    def boot(self) -> str:
        """A text that is another one after each start of it; empty while it is not running."""

    def root_file_system(self) -> Path | None:
        """Where its root file system, or that which it lies on, can be read from here; None where it
        cannot, or is not made."""

    # --- how it is kept apart (check.isolation)

    def init(self) -> Question[int]:
        """The process id, here, of the init that runs inside; 0, which is no process, where none does."""

    def layers(self) -> Question[Layers]:
        """What its root file system is put together from."""

    @property
    def own_folder(self) -> str:
        """Where its own files lie, with a slash at the end."""

    @property
    def own_group(self) -> str:
        """What the path of its own control group has in it."""

    # --- after something was cut off

    def reconcile(self, emit: Emit) -> None:
        """Bring the provider and Vagrant in step: adopt a whole machine, remove half of one."""

    def finish_destruction(self, emit: Emit) -> bool:
        """Remove what is left of it where its destruction was cut off; whether it was. For who knows
        that it is this checkout's."""

    def reattach(self, bridges: Sequence[Bridge], emit: Emit) -> None:
        """Give its links back to ``bridges`` (of eth0, of eth1) that were removed and made again."""

    def start_services(self, units: Sequence[str]) -> None:
        """Start ``units`` of systemd inside without its network."""

    # --- its end

    def shut_down(self) -> None:
        """Have it shut down as a machine is, and wait for that; nothing is killed here."""

    def await_end(self, emit: Emit) -> None:
        """Where it is shutting down, by whoever's word, wait for that; what does not end is ended."""

    def remove(self) -> None:
        """Stop it at once and remove it with all it holds, without Vagrant."""

    # --- what it is made from

    @property
    def ready(self) -> bool:
        """Whether Vagrant could be told to make it: its box, the tools are here."""

    def for_vagrant(self) -> Any:
        """What the provider's own part of the `Vagrantfile` (``vagrant.rb`` beside its module) is told of
        the machine, in JSON's types."""

    def make_box(self, emit: Emit, *, rebuild: bool = False) -> None:
        """Make what every machine of this provider is made from, and the box that Vagrant makes it by,
        where they are missing.

        Raises:
            HostonlyError: it cannot be built again, since machines stand on it.
        """

    def prepare(self, emit: Emit) -> None:
        """Make what ``vagrant up`` needs of this very machine; its keys and certificates are there.

        Raises:
            HostonlyError: what an existing one stands on is gone.
        """

    def let_go(self) -> list[str]:
        """Remove what `prepare` made and what the provider left of a machine that is gone; in words. For
        who knows that it is this checkout's, or nobody's."""

    def purge(self, emit: Emit) -> None:
        """Remove what is only kept to be quick (what machines are made from, the boxes) as far as no
        machine, of whatever checkout, needs it. For who holds the store's lock."""

    def put_back(self) -> list[str]:
        """Take back what was changed on this machine for all checkouts; in words. For who knows that no
        other checkout has machines."""
