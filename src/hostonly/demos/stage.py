"""The stage that a demo is given: it runs steps, judges claims, and clears up afterwards."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from hostonly.claims import Claim, ClaimResult
from hostonly.demos import gossip
from hostonly.demos.clearing import Clearing
from hostonly.demos.leftovers import labels
from hostonly.demos.obstacles import explained, explained_stop
from hostonly.demos.testbed import Testbed
from hostonly.errors import HostonlyError
from hostonly.events import Emit, Started, Warned
from hostonly.facts import Fact, NotObserved, Observed, settled
from hostonly.facts.listeners import observe_listeners, on_port
from hostonly.report.model import ClaimJudged, StepEnded, StepStarted
from hostonly.site import Site
from hostonly.vantages import TIMED_OUT, Container, Namespace, Result, Vantage, shown, typed_on_host
from hostonly.waiting import limit, more_patience, until

T = TypeVar("T")

# Who answers, or has ended, is not waited for any longer: these are for what would hang for ever.
STEP_SECONDS = 300.0
READY_SECONDS = 300.0
POLL_SECONDS = 0.05
# A JVM listens sooner; who waits longer looks whether it is there at all.
MEANWHILE_SECONDS = 1.0
# What docker says behind the reason, and of a name that a container has already.
SEE_HELP = re.compile(r"(See|Run) '.*--help'")
NAME_TAKEN = re.compile(r'The container name "/([a-zA-Z0-9_.-]+)" is already in use')


class Stopped(HostonlyError):
    """The demo cannot go on: a step failed, or what it needs is not there. ``evidence`` shows it, and
    ``remedy`` is what to do next."""

    def __init__(
        self, what: str, evidence: tuple[Result, ...] = (), *, remedy: str | None = None
    ) -> None:
        super().__init__(what, remedy=remedy)
        self.evidence = evidence


class Stage:
    """One run of one demo. Not to be used from several threads."""

    def __init__(self, demo: str, testbed: Testbed, emit: Emit, *, keep: bool = False) -> None:
        self.demo = demo
        self.keep = keep
        self.steps: list[Result] = []
        self.claims: list[ClaimResult] = []
        self._testbed = testbed
        self._emit = emit
        self._clearing = Clearing(
            demo, self.step, testbed.host, self._sandboxes, testbed.site.bridge, emit
        )
        self._second: Vantage | None = None
        self._image: str | None = None

    @property
    def host(self) -> Vantage:
        """This machine."""
        return self._testbed.host

    @property
    def sandbox(self) -> Vantage:
        """The sandbox."""
        return self._testbed.sandbox

    @property
    def second_sandbox(self) -> Vantage:
        """The second sandbox, brought up when first asked for."""
        if self._second is None:
            self._second = self._testbed.second_sandbox()
            self._clearing.remove_leftovers(self._second)
        return self._second

    @property
    def site(self) -> Site:
        """The settings of this checkout."""
        return self._testbed.site

    @property
    def address(self) -> str:
        """The sandbox's address on the host-only network."""
        return self._testbed.about.address

    @property
    def image_id(self) -> str:
        """The id of the image that was built here."""
        return self._testbed.image.id

    @property
    def image(self) -> str:
        """What to write behind ``docker run``: the image's reference while that still names what
        was built, and else the id of what was built."""
        if self._image is None:
            built = self._testbed.image
            command = ["docker", "image", "inspect", "--format", "{{.Id}}", built.reference]
            named = self.sandbox.run(command)
            if named.ok and named.stdout.strip() == built.id:
                self._image = built.reference
            else:
                self._image = built.id
                self._emit(
                    Warned(
                        f"{built.reference} no longer names the image that was built here:"
                        " the demo runs that one, by its id"
                    )
                )
        return self._image

    @property
    def labels(self) -> tuple[str, ...]:
        """The options that everything a demo creates must be created with."""
        return labels(self.demo, keep=self.keep)

    def container(self, name: str, *, on: Vantage | None = None) -> Container:
        """The container ``name``, with its own tools; without ``on`` it is one of the sandbox's."""
        return Container(on or self.sandbox, name)

    def namespace(self, name: str, *, on: Vantage | None = None) -> Namespace:
        """The network of container ``name``, with the tools of the sandbox it is ``on``."""
        return Namespace(on or self.sandbox, name)

    def step(
        self, vantage: Vantage, *argv: str, may_fail: bool = False, goes_on: str | None = None
    ) -> Result:
        """Run ``argv`` at ``vantage`` as a step that is shown.

        ``goes_on`` are the words by which it says that it was not waited for to its end: then it has not
        failed yet, and the caller looks for what becomes of it.

        Raises:
            Stopped: it did not end with status 0, and was not told that it ``may_fail``.
            hostonly.errors.Unreachable: the vantage could not be reached.
        """
        self._emit(StepStarted(vantage.prompt, shown(argv)))
        result = vantage.run(argv, timeout=STEP_SECONDS)
        later = goes_on is not None and goes_on in result.output
        return self._taken(vantage, result, may_fail=may_fail or later)

    def probe(self, observe: Callable[[], Fact[T]]) -> Fact[T]:
        """Observe a fact and show the commands that it took as steps, since they do something
        (a connection, say) that belongs to the demo's story."""
        fact = observe()
        for result in fact.evidence:
            self._emit(StepStarted(result.prompt, result.command))
            self._ended(result)
        return fact

    def judge(
        self, claim: Claim, *, about: dict[str, object] | None = None, **facts: Fact[Any]
    ) -> ClaimResult:
        """Hold ``claim`` against ``facts`` and keep what came of it; where it was not answered, with what
        may have stopped it."""
        result = claim.judge(about=about, **facts)
        bridge = self.site.bridge.name
        return self._judged(explained(result, facts.values(), self._machines(), bridge))

    def stopped(self, result: ClaimResult) -> ClaimResult:
        """Why the demo cannot go on, with what may have stopped a connection of its."""
        return explained_stop(result, self.steps, self._machines(), self.site.bridge.name)

    def skip(
        self,
        claim: Claim,
        because: str,
        *,
        about: dict[str, object] | None = None,
        evidence: tuple[Result, ...] = (),
    ) -> ClaimResult:
        """Do not try ``claim``, ``because`` of a missing capability that the reason names and the
        ``evidence`` shows."""
        return self._judged(claim.skip(because, about=about, evidence=evidence))

    def on_exit(self, vantage: Vantage, *argv: str) -> None:
        """Run ``argv`` when the demo ends, however it does; what came last goes first.

        For what has no label: routes, links, a swarm. Containers and networks made with
        ``labels`` are removed without it. ``argv`` must be harmless where its counterpart was
        never made; its failure is then no failure.
        """
        self._clearing.add(vantage, argv)

    def undo(self) -> Result:
        """Run now, as a step of the story, what ``on_exit`` was told last; it is then done with.

        Raises:
            Stopped: it failed.
        """
        return self._clearing.undo()

    def forget(self, address: str) -> None:
        """See to it that neither the host nor a sandbox remembers a MAC for ``address``, of the host-only
        network, before another gets it.

        Raises:
            Stopped: one of them could not be made to.
        """
        for vantage, argv in self._clearing.forgetting([address]):
            self.step(vantage, *argv)

    def require_free_port(self, port: int, *, at: Vantage | None = None) -> None:
        """Stop the demo when something listens on ``port`` of the sandbox, saying who. ``at`` is the
        second sandbox where it is not the first.

        Raises:
            Stopped: somebody does, or it could not be seen. Nothing is ended.
        """
        sandbox = at or self.sandbox
        listeners = observe_listeners(sandbox)
        if isinstance(listeners, NotObserved):
            raise Stopped(
                f"who listens on the {sandbox.name} was not observed: {listeners.because}",
                listeners.evidence,
            )
        here = on_port(listeners.value, port)
        if here:
            names = {f"{h.name} (pid {h.pid})" for each in here for h in each.holders}
            raise Stopped(
                f"port {port} on the {sandbox.name} is held by"
                f" {', '.join(sorted(names)) or 'a process that was not named'}; it was left alone",
                listeners.evidence,
            )

    def end_gossip(self, sandbox: Vantage) -> None:
        """See to it that the engine of ``sandbox`` has done with the swarm that it was in before.

        Raises:
            hostonly.errors.HostonlyError: it has not, and cannot be made to.
        """
        gossip.end(sandbox, self.step, self._emit)

    def wait_until(
        self,
        observe: Callable[[], Fact[T]],
        satisfied: Callable[[T], bool],
        what: str,
        *,
        seconds: float = READY_SECONDS,
        meanwhile: Callable[[], None] | None = None,
    ) -> Fact[T]:
        """Look again and again until ``satisfied``; the last fact.

        ``observe`` must change nothing: readiness is seen in a listener, not by a connection,
        which HelloSocket would count. ``meanwhile`` is called once a second, and raises where there is
        nothing to wait for.

        Raises:
            Stopped: ``what`` did not come about in ``seconds``, or could not be observed.
        """
        looked = time.monotonic()

        def look() -> Observed[T]:
            nonlocal looked
            if meanwhile is not None and time.monotonic() - looked >= MEANWHILE_SECONDS:
                meanwhile()
                looked = time.monotonic()
            fact = observe()
            if isinstance(fact, NotObserved):
                raise Stopped(f"{what}: not observed: {fact.because}", fact.evidence)
            return fact

        last = until(look, lambda fact: satisfied(fact.value), seconds, pause=POLL_SECONDS)
        if not satisfied(last.value):
            raise Stopped(
                f"{what}: not within {limit(seconds):.0f} s", last.evidence, remedy=more_patience()
            )
        return last

    def settle(
        self,
        observe: Callable[[], Fact[T]],
        satisfied: Callable[[T], bool],
        what: str,
        *,
        seconds: float = READY_SECONDS,
    ) -> Fact[T]:
        """The same where a claim will say what came of it: the last fact, whatever it is, and a warning
        where the limit struck."""
        last = settled(observe, satisfied, seconds=0.0)
        if isinstance(last, Observed) and not satisfied(last.value):
            self._emit(Started(what))
            last = settled(observe, satisfied, seconds=seconds)
        if isinstance(last, Observed) and not satisfied(last.value):
            self._emit(Warned(f"{what}: not within {limit(seconds):.0f} s. {more_patience()}"))
        return last

    def wait_for_listener(
        self,
        port: int,
        *,
        at: Vantage | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """Wait until something listens on TCP ``port`` ``at`` this vantage, a ``namespace``, say;
        without one, of the sandbox. ``meanwhile`` is as for ``wait_until``. Raises ``Stopped``."""
        vantage = at or self.sandbox
        self.wait_until(
            lambda: observe_listeners(vantage),
            lambda listeners: bool(on_port(listeners, port)),
            f"waiting for a listener on port {port} of {vantage.name}",
            meanwhile=meanwhile,
        )

    def open(self, *, second: bool = False) -> None:
        """Remove what an earlier run left that was killed before it could clear up; with ``second``
        from the second sandbox as well, and there first: it is the one that joined."""
        if second:
            _ = self.second_sandbox
        self._clearing.remove_leftovers(self.sandbox)

    def close(self) -> list[HostonlyError]:
        """Clear up; what could not be removed. Every part is tried, whatever became of the others."""
        return self._clearing.close()

    def clear(self) -> None:
        """Remove now, as steps of the story, everything that carries the demo's label.

        Raises:
            Stopped: something could not be removed.
            hostonly.errors.HostonlyError: it could not be found out what there is.
        """
        self._clearing.remove_labelled()

    def removal_commands(self) -> tuple[str, ...]:
        """How a person removes what ``--keep`` left: commands for a shell of the host, in order."""
        return tuple(typed_on_host(v.prompt, argv) for v, argv in self._clearing.commands())

    def _sandboxes(self) -> list[Vantage]:
        # The second one first: it is the one that joined what the first one has.
        return [*([self._second] if self._second is not None else []), self.sandbox]

    def _machines(self) -> list[Vantage]:
        return [self.host, self.sandbox, *([self._second] if self._second is not None else [])]

    def _ended(self, result: Result) -> None:
        self.steps.append(result)
        self._emit(StepEnded(result))

    def _taken(self, vantage: Vantage, result: Result, *, may_fail: bool) -> Result:
        self._ended(result)
        if result.exit == TIMED_OUT and not may_fail:
            raise Stopped(result.failure, (result,))
        if not result.ok and not may_fail:
            lines = [line for line in result.output.splitlines() if line.strip()]
            reason = next((each for each in reversed(lines) if not SEE_HELP.match(each)), "")
            taken = NAME_TAKEN.search(result.output)
            remedy = None
            if taken:
                removal = ("docker", "rm", "--force", taken[1])
                remedy = f"To remove that one: {typed_on_host(vantage.prompt, removal)}"
            raise Stopped(
                f"`{result.command}` exited with {result.exit}{reason and f': {reason}'}",
                (result,),
                remedy=remedy,
            )
        return result

    def _judged(self, result: ClaimResult) -> ClaimResult:
        self.claims.append(result)
        self._emit(ClaimJudged(result))
        return result
