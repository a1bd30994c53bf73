"""The conformance suite of HelloSocket as a check: one claim for each case."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hostonly.claims import ClaimResult, Verdict
from hostonly.errors import HostonlyError, UsageError
from hostonly.events import Emit, Started
from hostonly.hello.conformance import CaseOutcome, Program, Starter, Target, run_suite
from hostonly.hello.target import address_and_port
from hostonly.site import Site
from hostonly.stage.judge import Judge

SOURCE = "HelloSocket: docs/image.md, what a server must do"

VERDICTS = {
    CaseOutcome.PASSES: Verdict.HOLDS,
    CaseOutcome.FAILS: Verdict.FAILS,
    CaseOutcome.SKIPPED: Verdict.SKIPPED,
    CaseOutcome.UNKNOWN: Verdict.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of the check; exactly one field must be given.

    ``target`` is HOST:PORT, ``command`` a command line of this machine, ``image`` a flavour of ours
    or a reference on the sandbox's engine."""

    target: str = ""
    command: str = ""
    image: str = ""
    java: bool = False
    python: bool = False

    def __post_init__(self) -> None:
        if sum(map(bool, (self.target, self.command, self.image, self.java, self.python))) != 1:
            raise UsageError(
                "give one of --target HOST:PORT, --java, --python, --image NAME, --command LINE"
            )


def check(site: Site, claims: Judge, subject: Subject, only: Sequence[str]) -> None:
    """Try every case, or those that ``only`` names, on ``subject``.

    Raises:
        UsageError: there is no such case, or the target may not be called.
        HostonlyError: what is to be tried could not be made.
    """
    with _opened(site, claims.emit, subject) as opened:
        for result in run_suite(opened, only):
            case, verdict = result.case, VERDICTS[result.outcome]
            because = f"{case.name}: {result.because}"
            claims.add(ClaimResult(case.name, case.sentence, SOURCE, verdict, because))


@contextmanager
def _opened(site: Site, emit: Emit, subject: Subject) -> Iterator[Starter | Target]:
    if subject.target:
        yield Target(*address_and_port(subject.target, site))
    elif subject.command:
        argv = shlex.split(subject.command)
        if not argv or shutil.which(argv[0]) is None:
            raise UsageError(f"--command: there is no program {(argv or [''])[0][:60]!r}")
        yield Program(argv[0], argv, temporary=site.temporary)
    elif subject.image:
        with _containers(site, emit, subject.image) as containers:
            yield containers
    else:
        from hostonly.image.programs import java_program, python_program

        temporary = site.temporary
        with tempfile.TemporaryDirectory(prefix=temporary) as folder:
            if subject.java:
                argv = java_program(site, emit, Path(folder))
            else:
                argv = python_program(site.root)
            yield Program("java" if subject.java else "python", argv, temporary=temporary)


@contextmanager
def _containers(site: Site, emit: Emit, image: str) -> Iterator[Starter]:
    from hostonly.image import pipeline
    from hostonly.image.engine import sandbox_engine
    from hostonly.image.flavour import FLAVOURS
    from hostonly.image.servers import ContainerServers
    from hostonly.sandbox.machine import Machine

    machine = Machine(site, emit)
    ours = image in FLAVOURS
    reference = pipeline.built(machine, FLAVOURS[image]).image_id if ours else image
    machine.require_running()
    with sandbox_engine(machine) as engine:
        if not engine.has(reference):
            raise HostonlyError(
                f"the sandbox's engine has no image {image}", remedy="./inv image.build"
            )
        containers = ContainerServers(engine, reference, machine.address)
        containers.clear()
        emit(Started(f"containers of {image} on the sandbox's network"))
        try:
            yield containers
        finally:
            containers.clear()
