"""Which part may know which: the picture in docs/architecture.md, held."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from hostonly.providers import PROVIDERS
from hostonly.site import Site

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "hostonly"
BENCH = ROOT / "bench"

# Each part, and the parts of hostonly that it may import besides itself.
BASE = frozenset(
    {
        *("site", "errors", "events", "environment", "waiting"),
        *("background", "flock", "process"),
    }
)
OBSERVING = BASE | {"vantages", "facts", "hello.greeting"}
# Each knows those before it: this machine's own means, the registry, who makes machines, whose they are,
# and what becomes of them.
HOST = OBSERVING | {"host", "results"}
REGISTRY = HOST | {"registry"}
PROVIDED = REGISTRY | {"providers"}
OWNED = PROVIDED | {"ownership"}
SANDBOX = OWNED | {"sandbox"}
ALL = SANDBOX | {"image", "hello"}
ALLOWED: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "environment": frozenset(),
    "events": frozenset(),
    "waiting": frozenset(),
    "flock": frozenset(),
    "background": frozenset(),
    "process": frozenset({"background", "environment", "waiting"}),
    "site": frozenset(),
    "site_cache": frozenset({"site"}),
    # Only the tasks settle them: everything else takes the site.
    "settings": frozenset({"errors", "providers", "site", "waiting"}),
    "unusable": frozenset({"errors"}),
    "bootstrap": frozenset({"errors", "events", "flock", "host", "unusable", "waiting"}),
    "vantages": BASE,
    "facts": BASE | {"vantages", "hello.greeting"},
    "claims": OBSERVING,
    "hello.greeting": frozenset(),
    "results": frozenset({"errors", "events", "claims", "vantages"}),
    "hello": BASE | {"vantages", "results", "hello.greeting"},
    "host": OBSERVING,
    "registry": HOST,
    "providers": REGISTRY,
    "ownership": PROVIDED,
    "sandbox": OWNED,
    "image": SANDBOX | {"hello"},
    "stage": ALL | {"claims"},
    "demos": ALL | {"claims", "stage"},
    "checks": ALL | {"claims", "stage"},
    # What renders results knows nothing else; only the command line knows it.
    "report": frozenset({"results", "errors", "events", "claims", "vantages"}),
    "cli": frozenset({"errors", "settings", "site", "report", "unusable"}),
    # Beside the package, which but for its tasks does not know it.
    "bench": ALL | {"bootstrap", "report", "settings"},
    "start": frozenset({*BASE, "cli", "providers", "sandbox", "site_cache", "vantages"}),
    # What a program of somebody's own needs.
    "library": ALL | {"demos", "stage", "settings"},
    "__main__": frozenset({"start"}),
    "route_check": frozenset({"errors", "vantages"}),
    # For tests, a user's too: nobody in here needs it.
    "testing": frozenset({"vantages", "facts"}),
}

# Libraries that stand behind one door each, or behind few.
DOORS = {
    "vagrant": ("sandbox/vagrant.py",),
    "fabric": ("vantages/sandbox.py",),
    "docker": ("image/", "facts/engine"),
    "fcntl": ("flock.py",),
    # All are run by process.py but what is never waited for, gets our terminal or stays in the background.
    "subprocess": (
        *("process.py", "host/command.py", "checks/isolation/marker.py", "vantages/shared_ssh.py"),
        *("sandbox/machine.py", "image/engine.py", "hello/conformance/", "tasks/test.py", "bench/"),
    ),
}

# These run before there is a .venv, or where they are asked by nobody who is in it.
STANDARD_LIBRARY_ONLY = (
    "hello/__init__.py",
    "hello/__main__.py",
    "hello/server.py",
    "__init__.py",
    "background.py",
    "bootstrap/__init__.py",
    "bootstrap/__main__.py",
    "bootstrap/progress.py",
    "bootstrap/stamp.py",
    "bootstrap/step.py",
    "bootstrap/venv.py",
    "bootstrap/wheel.py",
    "environment.py",
    "errors.py",
    "events.py",
    "flock.py",
    "process.py",
    "unusable.py",
    "waiting.py",
    "route_check.py",
    "vantages/__init__.py",
    "vantages/host.py",
    "vantages/route_guard.py",
    "host/__init__.py",
    "host/command.py",
    "host/downloads.py",
    "host/packages.py",
    "host/proxies.py",
)

# What is loaded when ./inv becomes ssh: the site is given, and nobody is asked anything.
BECOMES_SSH = """
import sys
before = set(sys.modules)
import json, os
from hostonly import site_cache, start
from hostonly.providers.lxc import container
from hostonly.site import of_json
from hostonly.vantages import route_guard, shared_ssh
given = of_json(json.load(sys.stdin))
site_cache.recall = lambda root, now: given
container.run = lambda argv, **_: "7"
route_guard.require_host_only_route = lambda address, bridge: None
shared_ssh.SharedConnection.ready = lambda self, boot: True
def become(program, argv):
    print(program, *sorted({name.split(".")[0] for name in set(sys.modules) - before}))
    sys.exit()
os.execvp = become
start._become_ssh(["true"])
"""

HEAVY = {
    "docker",
    "fabric",
    "paramiko",
    "pydantic",
    "requests",
    "rich",
    "vagrant",
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part(file: Path) -> str:
    if file.parent == BENCH:
        return "bench"
    inner = file.relative_to(PACKAGE).with_suffix("").parts
    return _part(inner)


def _part(inner: Sequence[str]) -> str:
    """The part that the words of a module's name, below hostonly, belong to."""
    two = ".".join(inner[:2])
    return two if two in ALLOWED else inner[0]


@cache
def imported(file: Path, *, top_level: bool = False) -> frozenset[str]:
    """The absolute dotted names that `file` imports; with `top_level`, when it is imported."""
    tree = ast.parse(file.read_text())
    package = [] if file.parent == BENCH else ["hostonly", *file.relative_to(PACKAGE).parts[:-1]]
    found: set[str] = set()
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package[: len(package) - node.level + 1]
                base = ".".join([*above, base]) if base else ".".join(above)
            found.update(f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            # Names for the type checker alone are still knowledge, but cost nothing at start.
            waiting.extend([] if top_level else node.body)
        elif not (top_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            waiting.extend(ast.iter_child_nodes(node))
    return frozenset(found)


def within(names: frozenset[str]) -> set[str]:
    """The parts of hostonly, and the bench, among `names`."""
    parts = [name.split(".") for name in names]
    inner = (words[1:] for words in parts if words[0] == "hostonly" and len(words) > 1)
    beside = {words[0] for words in parts} & {"bench"}
    return {_part(words) for words in inner} - {"__version__"} | beside


@pytest.mark.parametrize(
    "file", [*modules(), *sorted(BENCH.glob("*.py"))], ids=lambda file: str(file.relative_to(ROOT))
)
def test_direction(file: Path) -> None:
    own = part(file)
    if own in ("tasks", "__init__"):
        # The tasks are the top: they may know all; nobody may know them (below).
        return
    assert own in ALLOWED, f"a new part: say in ALLOWED what {own} may import"
    wrong = within(imported(file)) - ALLOWED[own] - {own}
    assert not wrong, f"{own} must not import {sorted(wrong)}"


def graph() -> dict[str, set[str]]:
    """Each module of hostonly, and those that it imports: anywhere, also inside of a function."""
    files = {
        ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): file
        for file in modules()
    }
    found: dict[str, set[str]] = {}
    for module, file in files.items():
        found[module] = set()
        for name in imported(file):
            inner = name.removeprefix("hostonly.")
            # The last word may be of something in the module, or a module of a package.
            known = next(
                (each for each in (inner, inner.rpartition(".")[0]) if each in files), None
            )
            if known is not None and known != module:
                found[module].add(known)
    return found


def circles(imports: dict[str, set[str]]) -> list[frozenset[str]]:
    """The sets of modules each of which comes to all others, and back to itself, by ``imports``."""

    def reached(module: str) -> set[str]:
        seen: set[str] = set()
        waiting = [module]
        while waiting:
            for each in imports[waiting.pop()] - seen:
                seen.add(each)
                waiting.append(each)
        return seen

    beyond = {module: reached(module) for module in imports}
    return sorted(
        {
            frozenset(each for each in beyond[module] if module in beyond[each])
            for module in imports
            if module in beyond[module]
        },
        key=sorted,
    )


def test_no_circle_between_modules() -> None:
    assert circles(graph()) == []


def test_no_circle_between_parts() -> None:
    files = [*modules(), *BENCH.glob("*.py")]
    imports: dict[str, set[str]] = {part(file): set() for file in files}
    for file in files:
        imports[part(file)] |= within(imported(file)) - {part(file)}
    assert circles(imports) == []


def test_a_circle_is_seen() -> None:
    imports = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a"}}
    assert circles(imports) == [frozenset({"a", "b", "c"})]
    # Inside of a function, and for the type checker alone.
    assert "stage.demo" in graph()["demos"]


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_library_has_one_door(library: str) -> None:
    for file in modules():
        if any(name.split(".")[0] == library for name in imported(file)):
            where = str(file.relative_to(PACKAGE))
            assert where.startswith(DOORS[library]), f"{where} must not import {library}"


@pytest.mark.parametrize("name", STANDARD_LIBRARY_ONLY)
def test_the_bootstrap_needs_only_python(name: str) -> None:
    foreign = {
        top
        for top in (found.split(".")[0] for found in imported(PACKAGE / name))
        if top not in sys.stdlib_module_names and top != "hostonly"
    }
    assert not foreign


def test_becoming_ssh_needs_only_python(site: Site) -> None:
    """To load more takes longer than ssh takes."""
    done = subprocess.run(
        [sys.executable, "-c", BECOMES_SSH],
        input=json.dumps(site.to_json()),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    program, *loaded = done.stdout.split()
    assert program == "ssh", done.stderr
    assert set(loaded) - sys.stdlib_module_names == {"hostonly"}


def test_nobody_knows_which_provider_it_is() -> None:
    """Only its own module does, and the bench, which compares what it makes with what others make."""
    for file in modules():
        inner = file.relative_to(PACKAGE).parts
        for name in PROVIDERS:
            of_it = {
                each
                for each in imported(file)
                if f"{each}.".startswith(f"hostonly.providers.{name}.")
            }
            assert not of_it or inner[:2] == ("providers", name) or inner[0] == "bench", file


@pytest.mark.parametrize(
    "file",
    [*sorted((PACKAGE / "tasks").glob("*.py")), *sorted((PACKAGE / "cli").glob("*.py"))],
    ids=lambda file: file.name,
)
def test_a_start_is_cheap(file: Path) -> None:
    names = imported(file, top_level=True)
    assert not {name.split(".")[0] for name in names} & HEAVY
    # Parts of ours may import what is heavy; whether they do is measured in test_program.
    assert "settings" not in within(names)
