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

# A demo is stopped while its last command may still be at work in the engine: what that was
# about to create can appear a moment after everything was removed. On a busy machine the moment is
# longer, as is the clearing up itself.
SETTLE_SECONDS = 1.0
# So often clearing up is begun again before an interrupt ends it.
INTERRUPTS = 3

STEPS = "Every step of the demo can be taken."


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo: ``run`` takes the steps and judges the claims on the stage it is given.
    ``second_sandbox``: it will ask for the second sandbox. ``needs``: without these capabilities of the
    kernel's (`hostonly.facts.kernel`) no step of it can be taken."""

    name: str
    summary: str
    run: Callable[[Stage], None]
    second_sandbox: bool = False
    needs: tuple[str, ...] = ()


def perform_all(
    demos: Sequence[Demo], site: Site, emit: Emit, task: str, *, keep: bool = False
) -> DemosResult:
    """Run ``demos`` one after the other on one testbed. What could not be run, since there was no
    testbed or an earlier one was interrupted, has a result that says so. ``task`` and ``keep`` are
    as for `ready` and `perform`."""
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
    """Run ``demo`` and clear up after it, unless ``keep``; what came of it.

    A demo that cannot go on gives a result whose verdict is not HOLDS and says why. So does one
    that was interrupted: the interrupt is in the result, for the caller to raise again. It is
    cleared up after in that case too, ``keep`` or not.
    """
    start = time.monotonic()
    stage = Stage(demo.name, testbed, emit, keep=keep)
    troubles: list[ClaimResult] = []
    interrupt: KeyboardInterrupt | None = None
    kept: tuple[str, ...] = ()
    try:
        try:
            if demo.second_sandbox:
                # Its leftovers go first: it is the one that joined what the other one has.
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
    """Clear up, also where that is interrupted itself: what could not be removed, and the first
    interrupt. Who interrupts it again and again is obeyed; the next run removes what is left then.

    Raises:
        BrokenPipeError: whoever read of it has gone; it was cleared up all the same.
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
    """The result of a demo that had nothing to stand on: no sandbox, or no image, because of
    ``trouble``. Nobody asked the engine for its version then: it is empty."""
    error = trouble if isinstance(trouble, HostonlyError) else HostonlyError("interrupted")
    sandbox = site.sandbox
    about = SandboxAbout(sandbox.name, sandbox.provider, site.sandbox.address, "")
    claim = _trouble("demo.testbed", "The sandbox is up and the image is in its registry.", error)
    return DemoResult(demo.name, demo.summary, about, (), (claim,), 0.0, trouble=trouble)


def _skipped(demo: Demo, sandbox: Vantage) -> ClaimResult | None:
    """Why ``demo`` is not begun; None where the kernel has what it needs, or that could not be seen."""
    for kind in demo.needs:
        capable = observe(sandbox, capability(kind))
        if not capable.value_or(True):
            because = missing(kind)
            evidence = capable.evidence
            return ClaimResult("demo.steps", STEPS, "hostonly", Verdict.SKIPPED, because, evidence)
    return None


def _trouble(id: str, sentence: str, error: HostonlyError) -> ClaimResult:
    """Why nothing, or not everything, is known: a claim like the others, so that it is reported
    and counted like them."""
    evidence = error.evidence if isinstance(error, Stopped) else ()
    because = " ".join(str(error).split())
    return ClaimResult(id, sentence, "hostonly", Verdict.UNKNOWN, because, evidence)
