"""The LXC container under a machine of the Vagrantfile: its state, and bringing both in step again.

Vagrant knows a container only by the id that it notes after ``lxc-create`` has ended. Where that
went wrong (an interrupt, a kill, ``.vagrant`` deleted) the container exists and Vagrant cannot see
it; this module decides then, from LXC's own answers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hostonly.errors import ToolFailed
from hostonly.events import Emit, Started, Warned
from hostonly.facts import Fact, Observed, Question, observe, question
from hostonly.host.command import ask_for_root, run
from hostonly.process import as_root
from hostonly.providers.provider import HALF_DESTROYED, SHUT_DOWN_SECONDS
from hostonly.site import Bridge, MachineSpec, Site
from hostonly.vantages.host import Host
from hostonly.waiting import limit, retry

LXC = Path("/var/lib/lxc")

# lxc-template writes this file last. Whoever begins to destroy the container removes it first:
# LXC's hook does, which lxc-template has set, also for an lxc-destroy that was typed by hand.
COMPLETE = "hostonly-complete"
# This file exists while lxc-create is at work (lxccontainer.c of LXC 5.0). Where lxc-create was
# killed, the next of LXC's commands that looks at the container destroys it.
UNFINISHED = "partial"

SOCKETS = Path("/proc/net/unix")

SECONDS = 20.0
STATE_SECONDS = 0.4

# Words of systemctl where systemd has not opened its socket (systemd 252, sd-bus).
NO_SYSTEMD = "Failed to connect to bus"


@dataclass(frozen=True, slots=True)
class LxcContainer:
    """The container of ``machine``, made or not."""

    site: Site
    machine: MachineSpec

    @property
    def name(self) -> str:
        """LXC's name for the container, which Vagrant notes as the machine's id."""
        return self.machine.instance

    @property
    def id_file(self) -> Path:
        """The file in which Vagrant notes the id."""
        return self.machine.vagrant_id

    @property
    def folder(self) -> Path:
        """LXC's folder for the container: its configuration and its own layer."""
        return LXC / self.name

    @property
    def exists(self) -> bool:
        """Whether LXC has a folder of that name, whole or not."""
        return self.folder.exists()

    @property
    def known_to_vagrant(self) -> bool:
        """Whether Vagrant has noted the container."""
        try:
            return self.id_file.read_text(encoding="utf-8").strip() == self.name
        except FileNotFoundError:
            return False

    @property
    def complete(self) -> bool:
        """Whether the container was made to its end and nobody has begun to destroy it."""
        return (self.folder / COMPLETE).exists() and not (self.folder / UNFINISHED).exists()

    @property
    def half_destroyed(self) -> bool:
        """Whether its destruction has begun: it is neither whole nor being made nor running."""
        if not self.exists or self.complete or (self.folder / UNFINISHED).exists():
            return False
        # LXC destroys no container that runs: where one runs, somebody has only lost the mark.
        return not self._at_work()

    def _at_work(self) -> bool:
        """Return whether any of it runs, also where LXC cannot read its configuration any more."""
        try:
            return self.state() not in ("stopped", "not_created")
        except ToolFailed:
            # LXC's monitor of a container listens here as long as it runs (commands.c of LXC 5.0).
            return f"@{self.folder}/command".encode() in SOCKETS.read_bytes().split()

    def state(self) -> str:
        """Return LXC's word for the state, in lower case: running, stopped, …; ``not_created``.

        Raises:
            ToolFailed: lxc-info failed.
        """

        def look() -> str:
            if not (self.folder / "config").exists():
                return "not_created"
            return self._lxc("info", "--state", "--no-humanize").strip().lower()

        # The container may be destroyed between the two looks: then the next look says so.
        return retry(look, lambda error: isinstance(error, ToolFailed), STATE_SECONDS, pause=0.2)

    def observed_state(self) -> Fact[str]:
        """Return the state in Vagrant's words as a fact for claims, with the evidence."""
        if not (self.known_to_vagrant and self.exists):
            return Observed("not_created", ())
        if self.half_destroyed:
            return Observed(HALF_DESTROYED, ())
        ask_for_root()
        info = ["lxc-info", "--name", self.name, "--state", "--no-humanize"]
        asked = question(info, lambda said: said.strip().lower(), root=True, timeout=20)
        return observe(Host(), asked, root=as_root([]))

    @property
    def _init(self) -> list[str]:
        return ["lxc-info", "--name", self.name, "--pid", "--no-humanize"]

    def init(self) -> Question[int]:
        """Return the question for the host's pid of the init inside; 0 (no pid) where none runs."""
        return question(
            self._init, lambda said: int(said) if said.strip().isdecimal() else 0, root=True
        )

    def boot(self) -> str:
        """Return the host's pid of the init inside; empty where none runs.

        Raises:
            ToolFailed: lxc-info failed.
        """
        said = run(self._init, root=True, timeout=SECONDS).strip()
        return said if said.isdecimal() else ""

    def reconcile(self, emit: Emit) -> None:
        """Bring LXC and Vagrant in step: adopt a whole container, remove half of one.

        Raises:
            ToolFailed: half a container could not be removed.
        """
        if not self.exists:
            if self.id_file.exists():
                emit(Warned(f"the container {self.name} is gone; Vagrant's note of it was removed"))
                self.id_file.unlink()
            return
        self.finish_destruction(emit)
        if not self.exists:
            return
        if not self.complete and not self.known_to_vagrant:
            emit(Warned(f"the container {self.name} was made only half: removing it"))
            self.remove()
        elif not self.known_to_vagrant:
            emit(Warned(f"Vagrant had lost sight of the container {self.name}: noted again"))
            self.id_file.parent.mkdir(parents=True, exist_ok=True)
            self.id_file.write_text(self.name, encoding="utf-8")
        if self.exists and self.state() == "frozen":
            emit(Warned(f"the container {self.name} was frozen: thawing it"))
            self._lxc("unfreeze")

    def finish_destruction(self, emit: Emit) -> bool:
        """Remove the rest of a container whose destruction was cut off; return whether it was.

        The caller knows that the container is this checkout's.

        Raises:
            ToolFailed: it is still there afterwards.
        """
        if not self.half_destroyed:
            return False
        emit(Warned(f"the container {self.name} was destroyed only half: removing the rest"))
        self.remove()
        return True

    def shut_down(self) -> None:
        """Shut the container down cleanly and wait for that, ``SHUT_DOWN_SECONDS`` at most.

        A container that does not end in that time is left running: nothing is killed here.
        """
        patience = f"{limit(SHUT_DOWN_SECONDS):.0f}"
        with contextlib.suppress(ToolFailed):
            self._lxc(
                "stop", "--nokill", "--timeout", patience, seconds=SHUT_DOWN_SECONDS + SECONDS
            )

    def await_end(self, emit: Emit) -> None:
        """Wait for the end of a container that is shutting down; end it by force where that lasts.

        Raises:
            ToolFailed: it could not be ended.
        """
        if not self._is_shutting_down():
            return
        emit(Started(f"waiting for {self.name}, which is shutting down"))
        with contextlib.suppress(ToolFailed):
            patience = ("--state", "STOPPED", "--timeout", f"{limit(SHUT_DOWN_SECONDS):.0f}")
            self._lxc("wait", *patience, seconds=SHUT_DOWN_SECONDS + SECONDS)
        if self.state() != "stopped":
            seconds = limit(SHUT_DOWN_SECONDS)
            emit(Warned(f"{self.name} did not shut down in {seconds:g} s: ended by force"))
            self._lxc("stop", "--kill")

    def _is_shutting_down(self) -> bool:
        try:
            # systemd becomes this program when nothing is left to be stopped.
            if (
                Path("/proc", self.boot(), "comm")
                .read_text(encoding="utf-8")
                .startswith("systemd-shutdow")
            ):
                return True
            said = self._lxc("attach", "--", "systemctl", "is-system-running")
        except OSError:  # it has ended between the two looks
            return True
        except ToolFailed as error:  # not zero means no more than that it is not "running"
            said = error.output
        return "stopping" in said.split()

    def remove(self) -> None:
        """Stop the container at once and remove all of it, whether LXC finds it whole or not.

        Raises:
            ToolFailed: it is still there afterwards.
        """
        try:
            self._lxc("destroy", "--force")
        except ToolFailed:
            # LXC does not destroy what it takes for undefined; the folder is ours all the same.
            if self._at_work():
                raise
            line = 'rm -f "$1/$2" && sync "$1" && exec rm -rf --one-file-system "$1"'
            argv = ["sh", "-c", line, "remove", str(self.folder), COMPLETE]
            # Another process that destroyed it may have ended just now.
            if self.exists:
                run(argv, root=True, timeout=120)
        self.id_file.unlink(missing_ok=True)

    def reattach(self, bridges: Sequence[Bridge], emit: Emit) -> None:
        """Attach its network interfaces to bridges that were removed and made again under it.

        LXC lists a running container's links in the order of its configuration: that of
        ``bridges``.
        """
        said = self._lxc("info", "--no-humanize")
        links = [line.split()[1] for line in said.splitlines() if line.startswith("Link:")]
        for link, bridge in zip(links, bridges, strict=False):
            if not Path("/sys/class/net", link, "master").exists():
                run(["ip", "link", "set", link, "master", bridge.name, "up"], root=True, timeout=10)
                emit(Warned(f"{self.name} had lost the bridge {bridge.name}: attached again"))

    def start_services(self, units: Sequence[str]) -> None:
        """Start ``units`` inside through LXC, which needs neither network nor sshd.

        A container that has only just been started has no systemd to ask yet: this waits for it.

        Raises:
            ToolFailed: systemd inside refused, or does not answer.
        """
        try:
            retry(
                lambda: self._lxc("attach", "--", "systemctl", "start", *units, seconds=60.0),
                lambda error: isinstance(error, ToolFailed) and NO_SYSTEMD in error.output,
                SECONDS,
            )
        except ToolFailed as error:
            raise ToolFailed(
                f"{self.name} runs, and what it is there for could not be started in it",
                ran=error.ran,
                output=error.output,
                remedy="./inv sandbox.exec -- systemctl --failed   says more; where that does not"
                " answer either: ./inv sandbox.destroy and ./inv sandbox.up begin anew",
            ) from error

    def _lxc(self, verb: str, *arguments: str, seconds: float = SECONDS) -> str:
        return run([f"lxc-{verb}", "--name", self.name, *arguments], root=True, timeout=seconds)
