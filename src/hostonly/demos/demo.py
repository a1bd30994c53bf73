"""Finding a demo and running it: its steps, its claims, and clearing up whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from hostonly.claims import ClaimResult, Verdict
from hostonly.demos import DEMOS
from hostonly.demos.stage import Stage, Stopped
from hostonly.demos.testbed import Testbed
from hostonly.errors import HostonlyError, UsageError
from hostonly.events import Emit
from hostonly.facts import Observed
from hostonly.facts.kernel import missing, observe_capability
from hostonly.report.model import ClaimJudged, DemoResult, SandboxAbout
from hostonly.site import Site
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


def load(name: str) -> Demo:
    """The demo called ``name``.

    Raises:
        hostonly.errors.UsageError: there is none.
    """
    if name not in DEMOS:
        raise UsageError(f"there is no demo {name!r}; there are {', '.join(DEMOS)}")
    module = import_module(f"hostonly.demos.{name.replace('-', '_')}")
    second, needs = getattr(module, "SECOND_SANDBOX", False), getattr(module, "NEEDS", ())
    return Demo(name, DEMOS[name], module.run, second, needs)


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
            stage.open(second=demo.second_sandbox)
            skipped = _skipped(demo, testbed.sandbox)
            if skipped is None:
                demo.run(stage)
            else:
                troubles.append(skipped)
        except HostonlyError as error:
            troubles.append(stage.stopped(_trouble("demo.steps", STEPS, error)))
        if keep:
            kept = stage.removal_commands()
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
            errors = stage.close()
            if interrupt is not None:
                time.sleep(max(SETTLE_SECONDS, time.monotonic() - begin))
                errors += stage.close()
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


def not_performed(demo: Demo, site: Site, error: HostonlyError) -> DemoResult:
    """The result of a demo that had nothing to stand on: no sandbox, or no image, because of
    ``error``. Nobody asked the engine for its version then: it is empty."""
    sandbox = site.sandbox
    about = SandboxAbout(sandbox.name, sandbox.provider, site.sandbox.address, "")
    trouble = _trouble("demo.testbed", "The sandbox is up and the image is in its registry.", error)
    return DemoResult(demo.name, demo.summary, about, (), (trouble,), 0.0)


def _skipped(demo: Demo, sandbox: Vantage) -> ClaimResult | None:
    """Why ``demo`` is not begun; None where the kernel has what it needs, or that could not be seen."""
    for kind in demo.needs:
        capable = observe_capability(sandbox, kind)
        if isinstance(capable, Observed) and not capable.value:
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
