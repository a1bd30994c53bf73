"""Running a demo: its steps, its claims, and clearing up whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hostonly.claims import ClaimResult, Verdict
from hostonly.errors import HostonlyError
from hostonly.events import Emit
from hostonly.facts import observe
from hostonly.facts.kernel import capability, missing
from hostonly.results.judged import DemoResult, DemosResult, SandboxAbout
from hostonly.results.transcript import ClaimJudged, DemoEnded, DemoStarted
from hostonly.site import Site
from hostonly.stage.stage import Stage
from hostonly.stage.stopped import Stopped
from hostonly.stage.testbed import Testbed, ready
from hostonly.vantages import Vantage

# When a demo is stopped, its last command may still be at work in the engine: what that command
# creates can appear a moment after everything was removed. On a busy machine that takes longer, as
# clearing up does.
SETTLE_SECONDS = 1.0
# Clearing up is begun this many times before an interrupt ends it.
INTERRUPTS = 3

STEPS = "Every step of the demo can be taken."


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo: ``run`` takes the steps and judges the claims on the stage that it is given.

    ``second_sandbox``: the demo will ask for the second sandbox. ``needs``: the capabilities of the
    kernel (``hostonly.facts.kernel``) without which no step of it can be taken.
    """

    name: str
    summary: str
    run: Callable[[Stage], None]
    second_sandbox: bool = False
    needs: tuple[str, ...] = ()


def perform_all(
    demos: Sequence[Demo], site: Site, emit: Emit, task: str, *, keep: bool = False
) -> DemosResult:
    """Run ``demos`` one after the other on one testbed.

    A demo that could not be run, because there was no testbed or an earlier demo was interrupted,
    has a result that says so. ``task`` and ``keep`` are as for ``ready`` and ``perform``.
    """
    start = time.monotonic()
    results: list[DemoResult] = []
    trouble: HostonlyError | KeyboardInterrupt | None = None
    try:
        second = any(demo.second_sandbox for demo in demos)
        with ready(site, emit, task, second=second) as testbed:
            for demo in demos:
                emit(DemoStarted(demo.name, demo.summary))
                results.append(perform(demo, testbed, emit, keep=keep))
                emit(DemoEnded(results[-1]))
                trouble = results[-1].trouble
                if trouble is not None:
                    break
    except (HostonlyError, KeyboardInterrupt) as error:
        trouble = error
    if trouble is not None:
        results += [not_performed(demo, site, trouble) for demo in demos[len(results) :]]
    return DemosResult(tuple(results), time.monotonic() - start, trouble)


def perform(demo: Demo, testbed: Testbed, emit: Emit, *, keep: bool = False) -> DemoResult:
    """Run ``demo``, clear up after it unless ``keep``, and return its result.

    A demo that cannot go on gives a result whose verdict is not HOLDS and that says why. So does a
    demo that was interrupted: the interrupt is in the result, for the caller to raise again, and
    what the demo made is removed then, whatever ``keep`` says.
    """
    start = time.monotonic()
    stage = Stage(demo.name, testbed, emit, keep=keep)
    troubles: list[ClaimResult] = []
    interrupt: KeyboardInterrupt | None = None
    kept: tuple[str, ...] = ()
    try:
        try:
            if demo.second_sandbox:
                # The second sandbox is cleared first: it joined the swarm of the first one.
                _ = stage.second_sandbox
            stage.clearing.remove_leftovers(stage.sandbox)
            skipped = _skipped(demo, testbed.sandbox)
            if skipped is None:
                demo.run(stage)
            else:
                troubles.append(skipped)
        except HostonlyError as error:
            trouble = _trouble("demo.steps", STEPS, error)
            troubles.append(stage.explain_stop(trouble, stage.steps))
        if keep:
            kept = stage.clearing.commands()
    except KeyboardInterrupt as error:
        interrupt = error
    except HostonlyError as error:
        troubles.append(_trouble("demo.kept", "What the demo made can be listed.", error))
    finally:
        # Any other exception is a mistake in the demo; it is raised on, with all cleared up.
        if not keep or interrupt is not None:
            errors, interrupt = _clear_up(stage, interrupt)
            troubles += [
                _trouble("demo.cleanup", "What the demo made is gone afterwards.", error)
                for error in errors
            ]
    if interrupt is not None:
        stopped = HostonlyError(f"interrupted{f' by {interrupt}' if str(interrupt) else ''}")
        troubles.append(_trouble("demo.steps", STEPS, stopped))
    for trouble in troubles:
        emit(ClaimJudged(trouble))
    return DemoResult(
        demo.name,
        demo.summary,
        testbed.about,
        tuple(stage.steps),
        (*stage.claims, *troubles),
        time.monotonic() - start,
        kept,
        interrupt,
    )


def _clear_up(
    stage: Stage, interrupt: KeyboardInterrupt | None
) -> tuple[list[HostonlyError], KeyboardInterrupt | None]:
    """Clear up, again where an interrupt comes; return the errors and the first interrupt.

    The interrupt is raised when ``INTERRUPTS`` attempts were interrupted; the next run removes the
    rest.

    Raises:
        BrokenPipeError: the reader of the output has gone; everything was cleared up all the same.
    """
    unread: BrokenPipeError | None = None
    for _ in range(INTERRUPTS):
        try:
            begin = time.monotonic()
            errors = stage.clearing.close()
            if interrupt is not None:
                time.sleep(max(SETTLE_SECONDS, time.monotonic() - begin))
                errors += stage.clearing.close()
        except KeyboardInterrupt as error:
            interrupt = interrupt or error
        except BrokenPipeError as error:
            unread = error
        else:
            if unread is not None:
                raise unread
            return errors, interrupt
    ended = interrupt or unread
    assert ended is not None
    raise ended


def not_performed(demo: Demo, site: Site, trouble: HostonlyError | KeyboardInterrupt) -> DemoResult:
    """Return the result of a demo without a testbed, for ``trouble``; the engine was not asked."""
    error = trouble if isinstance(trouble, HostonlyError) else HostonlyError("interrupted")
    sandbox = site.sandbox
    about = SandboxAbout(sandbox.name, sandbox.provider, site.sandbox.address, "")
    claim = _trouble("demo.testbed", "The sandbox is up and the image is in its registry.", error)
    return DemoResult(demo.name, demo.summary, about, (), (claim,), 0.0, trouble=trouble)


def _skipped(demo: Demo, sandbox: Vantage) -> ClaimResult | None:
    """Return a SKIPPED claim if the kernel is known to lack what ``demo`` needs, else None."""
    for kind in demo.needs:
        capable = observe(sandbox, capability(kind))
        if not capable.value_or(True):
            because = missing(kind)
            evidence = capable.evidence
            return ClaimResult("demo.steps", STEPS, "hostonly", Verdict.SKIPPED, because, evidence)
    return None


def _trouble(id: str, sentence: str, error: HostonlyError) -> ClaimResult:
    """Return an UNKNOWN claim for ``error``, to be reported and counted like other claims."""
    evidence = error.evidence if isinstance(error, Stopped) else ()
    because = " ".join(str(error).split())
    return ClaimResult(id, sentence, "hostonly", Verdict.UNKNOWN, because, evidence)
