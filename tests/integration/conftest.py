"""Real sandboxes for all integration tests, apart from the user's own.

They belong to a copy of this checkout, made below `.hostonly` from the files as they are now, with a
name, bridges and addresses of its own: a sandbox that the user runs meanwhile is not touched. Where several
workers run the tests (`pytest -n 2 --dist loadfile`) each has a copy. The copies' paths have a space and a
letter outside ASCII in them, so that every tool is tried with them. What took long to make (the base image's
archive, Maven's output) stays in the copy for the next run; the sandboxes are destroyed.

Modules share the sandbox, and each makes of it what it needs. Where a test has failed, what it has left is
cleared by force (`ruin.py`) before the next module, or the next test of a module that asks for it: so a failure
is counted once.

Workers share the machine as two users' checkouts do. What it has once and the program does not share out they
take turns with (`turns.py`): the addresses of check.host-only's neighbours, and /etc/docker with an engine on the
machine itself. Tests that look at the whole machine, or take from it what others need, are marked `alone` and
run without workers.

Tests need nothing of this: `python -m hostonly …` runs the copy, and the fixture `site` is the
copy's.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from hostonly import settings as settings_module
from hostonly.providers.lxc import base
from hostonly.site import STORE, Site
from tests.checkout import refreshed, variables
from tests.integration import ruin
from tests.integration.command_line import COPY, inv
from tests.integration.ordinary_user import made, user
from tests.integration.turns import ETC_DOCKER, OUTSIDERS, turn

__all__ = ["made", "user"]

# What a run before this one left in the copy and this one can use.
KEPT = (".hostonly", ".vagrant", "target")

# Whether a test has failed since the state was known.
FAILED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record", action="store_true", help="keep the demos' runs for the unit tests' pages"
    )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Take away the sandboxes of workers: one that is interrupted is killed before it has done so."""
    if hasattr(session.config, "workerinput") or not session.config.getoption("numprocesses", None):
        return
    for copy in COPY.parent.glob(f"?{COPY.name[1:]}"):
        # Of another run that works there by now nothing is taken.
        with (
            contextlib.suppress(TimeoutError),
            turn(copy / ".hostonly", seconds=0.0),
            pytest.MonkeyPatch.context() as patch,
        ):
            _at_home_in(copy, patch)
            _end(copy)


@pytest.fixture(scope="session", autouse=True)
def _one_run(pytestconfig: pytest.Config) -> Iterator[None]:
    """No other run in this copy meanwhile."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def tell(line: str) -> None:
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            print(f"\n{line}", file=sys.stderr, flush=True)

    with turn(COPY / ".hostonly", tell):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.session.stash[FAILED] = True
    return report


def _site(copy: Path = COPY) -> Site:
    from hostonly.cli import ProjectConfig

    config = ProjectConfig(project_location=copy)
    config.load_project()
    if further := os.environ.get("INVOKE_RUNTIME_CONFIG"):
        config.set_runtime_path(Path(further))
        config.load_runtime()
    config.load_shell_env()
    return settings_module.settle(settings_module.load(config, copy))


def _clear_after_failure(session: pytest.Session) -> None:
    if session.stash.get(FAILED, False):
        session.stash[FAILED] = False
        refreshed(COPY, KEPT)
        if said := ruin.clear(_site()):
            warnings.warn(f"what a failed test had left could not be cleared: {said}", stacklevel=1)


@pytest.fixture(scope="module", autouse=True)
def _from_a_known_state(request: pytest.FixtureRequest, checkout: Path) -> None:
    """Whatever the modules before have left."""
    _clear_after_failure(request.session)


@pytest.fixture
def each_from_a_known_state(request: pytest.FixtureRequest, _from_a_known_state: None) -> None:
    """Whatever the module's own tests before have left: for one whose tests share nothing but the sandbox."""
    _clear_after_failure(request.session)


def _at_home_in(copy: Path, patch: pytest.MonkeyPatch) -> None:
    """Have `python -m hostonly` run the code of ``copy``, with nobody's settings."""
    for name in [name for name in os.environ if name.startswith(("INVOKE_", "VAGRANT_"))]:
        patch.delenv(name)
    patch.setenv("PYTHONPATH", str(copy / "src"))
    patch.setenv("PYTHONDONTWRITEBYTECODE", "1")


def _end(copy: Path) -> None:
    """Take away the sandboxes that a run which was killed has left of ``copy``."""
    noted = copy / ".hostonly" / "variables.json"
    if noted.exists():
        with pytest.MonkeyPatch.context() as patch:
            for name, value in json.loads(noted.read_text()).items():
                patch.setenv(name, value)
            ruin.clear(_site(copy))
            _destroyed(copy)


def _destroyed(copy: Path) -> None:
    inv("sandbox.destroy", checkout=copy).check_returncode()
    (copy / ".hostonly" / "variables.json").unlink()


@pytest.fixture(scope="session", autouse=True)
def checkout(request: pytest.FixtureRequest, _one_run: None) -> Iterator[Path]:
    """The copy of this checkout whose sandbox the tests use; destroyed at the end of the session."""
    with pytest.MonkeyPatch.context() as patch:
        _at_home_in(COPY, patch)
        # First the files: those of an earlier run may be broken, and it is they that clear up.
        refreshed(COPY, KEPT)
        # Its bridges would make its own addresses look taken.
        _end(COPY)
        chosen = variables(COPY)
        for name, value in chosen.items():
            patch.setenv(name, value)
        (COPY / ".hostonly" / "variables.json").write_text(json.dumps(chosen))
        try:
            yield COPY
        finally:
            _clear_after_failure(request.session)
            _destroyed(COPY)


@pytest.fixture
def site(checkout: Path) -> Site:
    """What the settings of the copy come to, as for the tasks that run in it."""
    return _site()


@pytest.fixture
def settled(checkout: Path) -> Callable[[], Site]:
    """The same at the moment when it is asked for, after a test has changed the environment."""
    return _site


@pytest.fixture
def outsiders() -> Iterator[None]:
    """The turn of those that run check.host-only on this machine."""
    with turn(OUTSIDERS):
        yield


@pytest.fixture
def etc_docker() -> Iterator[None]:
    """The turn of those that change /etc/docker."""
    with turn(ETC_DOCKER):
        yield


@pytest.fixture
def stand_in_for_inv(checkout: Path) -> Iterator[None]:
    """What the Vagrantfile calls when Vagrant is typed by hand: the copy has no .venv. Where it stayed,
    copies of the copy would act on another checkout's sandboxes."""
    program = checkout / "inv"
    before = program.read_text()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hostonly "$@"\n')
    try:
        yield
    finally:
        program.write_text(before)


@pytest.fixture
def recipe(checkout: Path) -> Iterator[Path]:
    """A recipe that nobody else has, so that only bases of the test's own are built and damaged."""
    configure = base.recipe(checkout) / "configure"
    before = configure.read_text()
    configure.write_text(f"{before}\n# {checkout}\n")
    digest = base.current(checkout).digest
    try:
        yield configure
    finally:
        configure.write_text(before)
        for folder in (STORE / "bases").glob(f"{digest}*"):
            base.discard(folder)
