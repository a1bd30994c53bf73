"""The task ``./inv test``: lint, types, unit tests, integration tests, and one summary of all."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

from invoke import Context, Exit, task

from hostonly.cli import Interrupted

ROOT = Path(__file__).resolve().parents[3]

Step = tuple[str, list[str]]

# One process for each processor, up to where finding the tests costs more than running them. A file's
# tests stay together and in their order, as where they run one after the other.
SIDE_BY_SIDE = ["-n", "auto", "--dist", "loadfile", "--maxprocesses"]
# Each of two has a checkout and sandboxes of its own (tests/integration/conftest.py).
UNIT, INTEGRATION = [*SIDE_BY_SIDE, "4"], [*SIDE_BY_SIDE, "2"]
# So that it is seen what there is to shorten.
SLOWEST = ["--durations", "15", "--durations-min", "5"]


def static_steps() -> list[Step]:
    """Return the checks that do not run the code."""
    python = sys.executable
    return [
        ("ruff check", [python, "-m", "ruff", "check", "."]),
        ("ruff format", [python, "-m", "ruff", "format", "--check", "."]),
        ("mypy", [python, "-m", "mypy"]),
        # Imported packages are declared, and declared ones are used; those of tests by tests alone.
        ("deptry", [python, "-m", "deptry", "src", "bench", "tests"]),
        (
            "deptry of src",
            [python, "-m", "deptry", "src", "--optional-dependencies-dev-groups", "dev"],
        ),
    ]


def test_steps(unit: bool, all_: bool) -> list[Step]:
    """Return the pytest runs; unit tests first show a broken parser before a sandbox is made."""
    python = sys.executable
    # -rs: what was skipped, and why, is part of the result.
    pytest = [python, "-m", "pytest", "-rs", "--color=auto", *SLOWEST]

    def chosen(marks: str) -> list[str]:
        return ["-m", marks if all_ else f"{marks} and not long"]

    steps = [("unit tests", [*pytest, *UNIT, *chosen("not alone"), "tests/unit"])]
    if not unit:
        at = "tests/integration"
        steps += [
            ("integration tests", [*pytest, *INTEGRATION, *chosen("not alone"), at]),
            ("integration tests, each alone", [*pytest, *chosen("alone"), at]),
        ]
    return steps


def run_to_its_end(command: list[str]) -> int:
    """Run ``command`` and return its exit code; when interrupted it can still clean up.

    ``subprocess.run`` would kill it 0.25 s after Ctrl-C, and a sandbox of its tests would stay.
    """
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        return process.wait()
    except KeyboardInterrupt as interrupt:
        # The terminal sends Ctrl-C to the child as well; a SIGTERM has come to us alone.
        if isinstance(interrupt, Interrupted):
            process.send_signal(signal.SIGINT)
        process.wait()
        raise


# Programs of the tests on this machine beyond the sandbox's needs: Docker's rules are made with
# iptables, and programs see another date by faketime.
TEST_PACKAGES = ("iptables", "faketime")

# Test runs that parts of the project bring along.
EXTRA_STEPS: list[Step] = [
    ("Maven's tests", [sys.executable, "-m", "hostonly", "image.test"]),
]


def _install(ctx: Context) -> None:
    """Install the programs of all tests, before any test could be skipped for want of one."""
    from hostonly.host import packages
    from hostonly.image.parts import tools
    from hostonly.sandbox.prepare import needed
    from hostonly.tasks.session import session

    with session(ctx) as (site, emit):
        packages.install([*needed(site), *tools(), *TEST_PACKAGES], emit, root=site.root)


@task(
    name="test",
    help={
        "all": "also the long tests: stress, cycles, other engines, every step interrupted",
        "unit": "lint, types and unit tests only: no root, no network, no sandbox",
    },
)
def test(ctx: Context, all: bool = False, unit: bool = False) -> None:
    """Run lint, types and tests; a failure in one does not hide the others."""
    if not unit:
        _install(ctx)
    steps = [*static_steps(), *([] if unit else EXTRA_STEPS), *test_steps(unit, all)]
    failed: list[str] = []
    summary: list[str] = []
    # pytest's closing line comes last in the output, after the summary of what went before.
    for number, (name, command) in enumerate(steps):
        if number == len(steps) - 1 and summary:
            print("\n".join(summary), flush=True)
        print(f"== {name}", flush=True)
        started = monotonic()
        code = run_to_its_end(command)
        # pytest exits 5 when it found no test: that is no pass.
        if code != 0:
            failed.append(name)
        verdict = "ok" if code == 0 else f"FAILED (exit {code})"
        summary.append(f"-- {name}: {verdict}, {monotonic() - started:.1f} s")
    if failed:
        raise Exit(f"failed: {', '.join(failed)}", code=1)
