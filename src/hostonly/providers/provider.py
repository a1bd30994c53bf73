"""The interface of a provider: everything about a machine that Vagrant does not do, or does slowly.

Vagrant makes, starts, halts and destroys a machine, whoever provides it. A provider tells a
machine's state, brings its own notes and Vagrant's in step after something was cut off, and makes
the parts that a machine is made from. Only the provider's own module asks which provider it is.
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

# Time that a guest has to end by itself.
SHUT_DOWN_SECONDS = 30
# The state of a machine that somebody has begun to destroy, in place of Vagrant's word.
HALF_DESTROYED = "half_destroyed"


@dataclass(frozen=True, slots=True)
class Traces:
    """The places on this machine where things of a provider and of its machines could be.

    ``folders`` are searched whole, of ``instances`` only the entries, each of which is one
    machine's; ``group`` is the name of a machine's control group, a pattern whose group 1 is the
    provider's name for the machine, and ``groups`` the same as find(1) takes it; ``boxes`` returns
    the names of Vagrant's boxes that are hostonly's; ``id_range`` is a line of /etc/subuid that is
    ours where ``id_range_mark`` exists.
    """

    folders: tuple[str, ...]
    instances: tuple[str, ...]
    group: str
    groups: str
    boxes: Callable[[], list[str]]
    id_range: str
    id_range_mark: Path


class Provider(Protocol):
    """One machine of a site; each method may raise ``ToolFailed``, of the provider's own tool."""

    # The kind of machine, in words with an article.
    kind: ClassVar[str]
    # The Debian packages that it needs on this machine.
    packages: ClassVar[tuple[str, ...]]
    traces: ClassVar[Traces]
    # Where the kernel's own file systems (/proc, /sys) are to be seen in a machine.
    own_views: ClassVar[tuple[str, ...]]

    def __init__(self, site: Site, machine: MachineSpec) -> None:
        """Make the object; nothing is asked yet."""

    # --- what there is

    @property
    def exists(self) -> bool:
        """Whether the provider has a machine of its name, whole or not, running or not."""

    @property
    def known_to_vagrant(self) -> bool:
        """Whether Vagrant has noted the machine."""

    @property
    def complete(self) -> bool:
        """Whether the machine was made to its end and nobody has begun to destroy it."""

    @property
    def half_destroyed(self) -> bool:
        """Whether its destruction has begun: it is neither whole nor being made nor running."""

    def state(self) -> str:
        """Return the state in Vagrant's words: running, stopped, frozen, …; ``not_created``."""

    def observed_state(self) -> Fact[str]:
        """Return the state as a fact, with the evidence."""

    def boot(self) -> str:
        """Return a text that differs after each start; empty while the machine is not running."""

    def root_file_system(self) -> Path | None:
        """Return a path here of the root file system, or of that below it; None without one."""

    # --- how it is kept apart (check.isolation)

    def init(self) -> Question[int]:
        """Return the question for the host's pid of the init inside; 0 (no pid) where none runs."""

    def layers(self) -> Question[Layers]:
        """Return the question for the layers of the machine's root file system."""

    @property
    def own_folder(self) -> str:
        """The folder of the machine's own files, with a slash at the end."""

    @property
    def own_group(self) -> str:
        """A part of the path of the machine's own control group."""

    # --- after something was cut off

    def reconcile(self, emit: Emit) -> None:
        """Bring the provider and Vagrant in step: adopt a whole machine, remove half of one."""

    def finish_destruction(self, emit: Emit) -> bool:
        """Remove the rest of a machine whose destruction was cut off; return whether it was.

        The caller knows that the machine is this checkout's.
        """

    def reattach(self, bridges: Sequence[Bridge], emit: Emit) -> None:
        """Attach its links to ``bridges`` (of eth0, of eth1) that were removed and made again."""

    def start_services(self, units: Sequence[str]) -> None:
        """Start ``units`` of systemd inside without its network."""

    # --- its end

    def shut_down(self) -> None:
        """Shut the machine down cleanly and wait for its end; nothing is killed here."""

    def await_end(self, emit: Emit) -> None:
        """Wait for the end of a machine that is shutting down; end it by force where that lasts."""

    def remove(self) -> None:
        """Stop it at once and remove it with all it holds, without Vagrant."""

    # --- what it is made from

    @property
    def ready(self) -> bool:
        """Whether Vagrant could be told to make the machine: its box and the tools are here."""

    def for_vagrant(self) -> Any:
        """Return, in JSON's types, values for ``vagrant.rb`` beside the provider's module."""

    def make_box(self, emit: Emit, *, rebuild: bool = False) -> None:
        """Make the common part of every machine of this provider, and Vagrant's box, where missing.

        Raises:
            HostonlyError: it cannot be built again, since machines stand on it.
        """

    def prepare(self, emit: Emit) -> None:
        """Make the parts that ``vagrant up`` needs of this machine, whose keys exist already.

        Raises:
            HostonlyError: what an existing machine stands on is gone.
        """

    def let_go(self) -> list[str]:
        """Remove what the provider left of a machine that is gone; return it in words.

        The caller knows that the machine is this checkout's, or nobody's.
        """

    def purge(self, emit: Emit) -> None:
        """Remove the caches (the common parts of machines, the boxes) that no machine needs.

        Machines of every checkout count. The caller holds the store's lock.
        """

    def put_back(self) -> list[str]:
        """Undo this machine's changes once no other checkout has machines; return them in words."""
