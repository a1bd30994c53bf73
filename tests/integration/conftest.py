"""One real sandbox for all integration tests, apart from the user's own.

It belongs to a copy of this checkout, made below `.hostonly` from the files as they are now, with a
name, bridges and addresses of its own: a sandbox that the user runs meanwhile is not touched. The
copy's path has a space and a letter outside ASCII in it, so that every tool is tried with them. What
took long to make (the base image's archive, Maven's output) stays in the copy for the next run; the
sandbox is destroyed.

Modules share the sandbox, and each makes of it what it needs. Where a test has failed, what it has left is
cleared by force (`ruin.py`) before the next module, or the next test of a module that asks for it: so a failure
is counted once.

Tests need nothing of this: `python -m hostonly …` runs the copy, and the fixture `site` is the
copy's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from hostonly import settings as settings_module
from hostonly.providers.lxc import base
from hostonly.site import STORE, Site
from tests.integration import ruin
from tests.integration.alone import alone
from tests.integration.ordinary_user import made, user

__all__ = ["made", "user"]

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / ".hostonly" / "integration" / "a cöpy"

# Neither the environment, nor what the user's own sandbox is known by.
NOT_COPIED = (".git", ".venv", ".hostonly", ".vagrant", "target", "__pycache__", ".*_cache")
# What a run before this one left in the copy and this one can use.
KEPT = (".hostonly", ".vagrant", "target")

# Whether a test has failed since the state was known.
FAILED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record", action="store_true", help="keep the demos' runs for the unit tests' pages"
    )


def _refresh_copy() -> None:
    COPY.mkdir(parents=True, exist_ok=True)
    for old in COPY.iterdir():
        if old.name in KEPT:
            continue
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
    ignore = shutil.ignore_patterns(*NOT_COPIED)
    shutil.copytree(ROOT, COPY, symlinks=True, ignore=ignore, dirs_exist_ok=True)


def _in_use() -> list[IPv4Network]:
    """The networks that this machine has an address in or a route to."""
    routes = json.loads(
        subprocess.run(
            ["ip", "-json", "-4", "route", "show", "table", "all"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    found = [route["dst"] for route in routes if route["dst"] != "default"]
    return [IPv4Network(dst, strict=False) for dst in found]


def _free(ranges: list[IPv4Network], start: int) -> IPv4Network:
    used = _in_use()
    for offset in range(len(ranges)):
        candidate = ranges[(start + offset) % len(ranges)]
        if not any(candidate.overlaps(other) for other in used):
            return candidate
    raise AssertionError(f"no free /24 among {ranges[0]} and the following {len(ranges) - 1}")


def _variables() -> dict[str, str]:
    """The settings of the tests' sandbox, the same at each run unless somebody took its addresses."""
    mark = hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]
    start = int(mark, 16)
    # 172.17.0.0/16 is the sandbox's own docker0; 172.16.0.0/24 is where users' sandboxes are.
    host_only = _free(list(IPv4Network("172.20.0.0/14").subnets(new_prefix=24)), start)
    nat = _free(list(IPv4Network("10.204.0.0/16").subnets(new_prefix=24)), start)
    return {
        "INVOKE_SANDBOX_NAME": f"hostonly-test-{mark}",
        "INVOKE_NETWORK_BRIDGE": f"hotest{mark}",
        "INVOKE_NETWORK_NAT_BRIDGE": f"honat{mark}",
        "INVOKE_NETWORK_HOST": f"{host_only[1]}/24",
        "INVOKE_NETWORK_SANDBOX": str(host_only[2]),
        "INVOKE_NETWORK_SANDBOX2": str(host_only[3]),
        "INVOKE_NETWORK_NAT": f"{nat[1]}/24",
    }


def _inv(task: str, timeout: float) -> None:
    subprocess.run([sys.executable, "-m", "hostonly", task], cwd=COPY, timeout=timeout, check=True)


@pytest.fixture(scope="session", autouse=True)
def _alone(pytestconfig: pytest.Config) -> Iterator[None]:
    """No other run in this checkout meanwhile."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def tell(line: str) -> None:
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            print(f"\n{line}", file=sys.stderr, flush=True)

    with alone(COPY.parent, tell):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.session.stash[FAILED] = True
    return report


def _site() -> Site:
    from hostonly.program import ProjectConfig

    config = ProjectConfig(project_location=COPY)
    config.load_project()
    if further := os.environ.get("INVOKE_RUNTIME_CONFIG"):
        config.set_runtime_path(Path(further))
        config.load_runtime()
    config.load_shell_env()
    return settings_module.settle(settings_module.load(config, COPY))


def _clear_after_failure(session: pytest.Session) -> None:
    if session.stash.get(FAILED, False):
        session.stash[FAILED] = False
        _refresh_copy()
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


@pytest.fixture(scope="session", autouse=True)
def checkout(request: pytest.FixtureRequest, _alone: None) -> Iterator[Path]:
    """The copy of this checkout whose sandbox the tests use; destroyed at the end of the session."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("INVOKE_", "VAGRANT_"))]:
            patch.delenv(name)
        patch.setenv("PYTHONPATH", str(COPY / "src"))
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        # First the files: those of an earlier run may be broken, and it is they that clear up.
        _refresh_copy()
        # Of a run that was killed: its bridges would make its own addresses look taken.
        if (COPY / ".vagrant").exists() and (COPY / ".hostonly" / "variables.json").exists():
            earlier = json.loads((COPY / ".hostonly" / "variables.json").read_text())
            with pytest.MonkeyPatch.context() as before:
                for name, value in earlier.items():
                    before.setenv(name, value)
                ruin.clear(_site())
                _inv("sandbox.destroy", 300)
        variables = _variables()
        for name, value in variables.items():
            patch.setenv(name, value)
        (COPY / ".hostonly").mkdir(exist_ok=True)
        (COPY / ".hostonly" / "variables.json").write_text(json.dumps(variables))
        try:
            yield COPY
        finally:
            _clear_after_failure(request.session)
            _inv("sandbox.destroy", 300)


@pytest.fixture
def site(checkout: Path) -> Site:
    """What the settings of the copy come to, as for the tasks that run in it."""
    return _site()


@pytest.fixture
def settled(checkout: Path) -> Callable[[], Site]:
    """The same at the moment when it is asked for, after a test has changed the environment."""
    return _site


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
