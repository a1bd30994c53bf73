"""The stage that a demo is given: it runs steps, judges claims, and clears up afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hostonly.events import Emit, Started, Warned
from hostonly.facts import Fact, NotObserved, Observed, observe, settled
from hostonly.facts.listeners import listeners, on_port
from hostonly.results.transcript import StepEnded, StepStarted
from hostonly.site import Site
from hostonly.stage import wait
from hostonly.stage.clearing import Clearing
from hostonly.stage.judge import Judge
from hostonly.stage.leftovers import labels
from hostonly.stage.stopped import Stopped, stopped_by
from hostonly.stage.testbed import Testbed
from hostonly.vantages import Container, Namespace, Result, Vantage, shown
from hostonly.waiting import limit, more_patience

T = TypeVar("T")

# A command that has ended is not waited for: this limit is for one that would hang for ever.
STEP_SECONDS = 300.0


class Stage(Judge):
    """One run of one demo, not to be used from several threads."""

    def __init__(self, demo: str, testbed: Testbed, emit: Emit, *, keep: bool = False) -> None:
        super().__init__(emit)
        self.demo = demo
        self.keep = keep
        self.steps: list[Result] = []
        self._testbed = testbed
        self.clearing = Clearing(
            demo, self.step, testbed.host, self._sandboxes, testbed.site.bridge, emit
        )
        self._second: Vantage | None = None
        self._image: str | None = None
        self.explain_by([testbed.host, testbed.sandbox], testbed.site.bridge.name)

    @property
    def host(self) -> Vantage:
        """The machine that hostonly runs on."""
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
            self.explain_by([self.host, self.sandbox, self._second], self.site.bridge.name)
            self.clearing.remove_leftovers(self._second)
        return self._second

    @property
    def site(self) -> Site:
        """The site: the settings of this checkout on this machine."""
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
        """Image for ``docker run``: its reference while that names what was built, else its id."""
        if self._image is None:
            built = self._testbed.image
            command = ["docker", "image", "inspect", "--format", "{{.Id}}", built.reference]
            named = self.sandbox.run(command)
            if named.ok and named.stdout.strip() == built.id:
                self._image = built.reference
            else:
                self._image = built.id
                self.emit(
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
        """Return container ``name``, with its own tools; ``on`` is its sandbox, else the first."""
        return Container(on or self.sandbox, name)

    def namespace(self, name: str, *, on: Vantage | None = None) -> Namespace:
        """Return the network of container ``name``, with the tools of its sandbox ``on``."""
        return Namespace(on or self.sandbox, name)

    def step(
        self, vantage: Vantage, *argv: str, may_fail: bool = False, goes_on: str | None = None
    ) -> Result:
        """Run ``argv`` at ``vantage`` as a step that is shown.

        ``goes_on`` are words in the output which say that the work goes on after the command has
        ended: then it has not failed yet, and the caller looks for the result.

        Raises:
            Stopped: it did not end with status 0, and ``may_fail`` was not set.
            hostonly.errors.Unreachable: the vantage could not be reached.
        """
        self.emit(StepStarted(vantage.prompt, shown(argv)))
        result = vantage.run(argv, timeout=STEP_SECONDS)
        self._ended(result)
        later = goes_on is not None and goes_on in result.output
        if not (result.ok or may_fail or later):
            raise stopped_by(vantage, result)
        return result

    def probe(self, fact: Fact[T]) -> Fact[T]:
        """Show the commands of ``fact`` as steps: they do something (connect, say) in the story."""
        for result in fact.evidence:
            self.emit(StepStarted(result.prompt, result.command))
            self._ended(result)
        return fact

    def on_exit(self, vantage: Vantage, *argv: str) -> None:
        """Run ``argv`` when the demo ends, however it ends; the last one added is run first.

        A thing without a label needs it: a route, a link, a swarm. Containers and networks made
        with ``labels`` are removed without it. ``argv`` must be harmless where its counterpart was
        never made; its failure is then no failure.
        """
        self.clearing.add(vantage, argv)

    def undo(self) -> Result:
        """Run the command that ``on_exit`` got last now, as a step of the story, and forget it.

        Raises:
            Stopped: it failed.
        """
        return self.clearing.undo()

    def forget(self, address: str) -> None:
        """Make host and sandboxes forget the MAC of ``address``, before another owner gets it.

        Only addresses of the host-only network are forgotten.

        Raises:
            Stopped: one of them could not be made to forget it.
        """
        for vantage, argv in self.clearing.forgetting([address]):
            self.step(vantage, *argv)

    def require_free_port(self, port: int, *, at: Vantage | None = None) -> None:
        """Stop the demo when something listens on ``port`` of the sandbox ``at`` (else the first).

        Raises:
            Stopped: something listens, with its name, or it could not be seen. Nothing is ended.
        """
        sandbox = at or self.sandbox
        seen = observe(sandbox, listeners())
        if isinstance(seen, NotObserved):
            raise Stopped(
                f"who listens on the {sandbox.name} was not observed: {seen.because}",
                seen.evidence,
            )
        here = on_port(seen.value, port)
        if here:
            names = {f"{h.name} (pid {h.pid})" for each in here for h in each.holders}
            raise Stopped(
                f"port {port} on the {sandbox.name} is held by"
                f" {', '.join(sorted(names)) or 'a process that was not named'}; it was left alone",
                seen.evidence,
            )

    # It waits for something that it observes itself, and needs nothing of the stage.
    wait_until = staticmethod(wait.wait_until)

    def settle(
        self,
        look: Callable[[], Fact[T]],
        satisfied: Callable[[T], bool],
        what: str,
        *,
        seconds: float = wait.READY_SECONDS,
    ) -> Fact[T]:
        """Look again and again until ``satisfied`` or the limit; return the last fact.

        For facts whose claim will judge them. A warning tells where the limit struck.
        """
        last = settled(look, satisfied, seconds=0.0)
        if isinstance(last, Observed) and not satisfied(last.value):
            self.emit(Started(what))
            last = settled(look, satisfied, seconds=seconds)
        if isinstance(last, Observed) and not satisfied(last.value):
            self.emit(Warned(f"{what}: not within {limit(seconds):.0f} s. {more_patience()}"))
        return last

    def wait_for_listener(
        self,
        port: int,
        *,
        at: Vantage | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """Wait until something listens on TCP ``port`` of ``at`` (by default the sandbox).

        ``at`` may be a ``namespace``. ``meanwhile`` is as for ``wait_until``.

        Raises:
            Stopped: nothing does, or it could not be observed.
        """
        vantage = at or self.sandbox
        self.wait_until(
            lambda: observe(vantage, listeners()),
            lambda listeners: bool(on_port(listeners, port)),
            f"waiting for a listener on port {port} of {vantage.name}",
            meanwhile=meanwhile,
        )

    def _sandboxes(self) -> list[Vantage]:
        # The second one first: it joined the swarm of the first one.
        return [*([self._second] if self._second is not None else []), self.sandbox]

    def _ended(self, result: Result) -> None:
        self.steps.append(result)
        self.emit(StepEnded(result))
