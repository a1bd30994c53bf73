"""Which part may know which: the picture in docs/architecture.md, held."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "hostonly"

# Each part, and the parts of hostonly that it may import besides itself.
BASE = frozenset({"settings", "errors", "events", "environment", "waiting"})
OBSERVING = BASE | {"vantages", "facts", "hello.greeting"}
BESIDE = OBSERVING | {
    *("sandbox", "registry", "registry.result", "image", "host", "hello", "hello.call")
}
ALLOWED: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "environment": frozenset(),
    "events": frozenset(),
    "waiting": frozenset(),
    "settings": frozenset({"errors", "waiting"}),
    "unusable": frozenset({"errors"}),
    "bootstrap": frozenset({"errors", "events", "environment", "host", "unusable", "waiting"}),
    "vantages": BASE,
    "facts": BASE | {"vantages", "hello.greeting"},
    "claims": OBSERVING,
    "hello.greeting": frozenset(),
    "hello.call": frozenset({"errors", "hello", "hello.greeting"}),
    "hello": BASE | {"vantages", "hello.greeting", "hello.call"},
    "host": BESIDE,
    "sandbox": BESIDE,
    "registry": BESIDE,
    "image.view": frozenset(),
    "image": BESIDE | {"image.view"},
    "demos": BESIDE | {"claims", "report.model"},
    "checks": BESIDE | {"claims", "demos", "report.model"},
    # The result types, which the demos fill in; what renders them knows nothing else.
    "report.model": BASE | {"claims", "vantages"},
    "registry.result": frozenset(),
    "report": frozenset(
        {
            *("report.model", "registry.result", "hello.call", "image.view"),
            *("errors", "events", "claims", "vantages"),
        }
    ),
    "program": frozenset({"errors", "settings", "report", "unusable"}),
    "bench": BESIDE | {"bench.result", "bootstrap"},
    # Its result types, likewise.
    "bench.result": frozenset(),
    "report.bench": frozenset({"bench.result", "report"}),
    "start": frozenset({"program", "sandbox", "image", "report", "errors"}),
    "__main__": frozenset({"start"}),
    "way": frozenset({"errors", "vantages"}),
    # For tests, a user's too: nobody in here needs it.
    "testing": frozenset({"vantages", "facts"}),
}

# Libraries that stand behind one door each.
DOORS = {
    "vagrant": ("sandbox/",),
    "fabric": ("vantages/sandbox.py",),
    "docker": ("image/", "facts/engine"),
}

# These run before there is a .venv, or at every start.
STANDARD_LIBRARY_ONLY = (
    "hello/__init__.py",
    "hello/__main__.py",
    "hello/server.py",
    "__init__.py",
    "bootstrap/__init__.py",
    "bootstrap/__main__.py",
    "bootstrap/said.py",
    "bootstrap/stamp.py",
    "bootstrap/step.py",
    "bootstrap/venv.py",
    "bootstrap/wheel.py",
    "environment.py",
    "errors.py",
    "events.py",
    "unusable.py",
    "waiting.py",
    "sandbox/__init__.py",
    "sandbox/quick.py",
    "sandbox/status.py",
    "sandbox/container.py",
    "report/status.py",
    "report/safe.py",
    "image/quick.py",
    "image/inputs.py",
    "image/flavour.py",
    "image/jar.py",
    "image/proof.py",
    "image/recipe.py",
    "image/runtime.py",
    "image/state.py",
    "registry/direct.py",
    "registry/inspect.py",
    "registry/reader.py",
    "registry/reference.py",
    "registry/result.py",
    "report/brief.py",
    "start.py",
    "way.py",
    "vantages/route_guard.py",
    "vantages/shared_ssh.py",
    "host/__init__.py",
    "host/apt_get.py",
    "host/downloads.py",
    "host/packages.py",
    "host/proxies.py",
)
HEAVY = {
    "docker",
    "fabric",
    "filelock",
    "jc",
    "paramiko",
    "pydantic",
    "pyroute2",
    "requests",
    "rich",
    "tenacity",
    "vagrant",
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part(file: Path) -> str:
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
    package = ["hostonly", *file.relative_to(PACKAGE).parts[:-1]]
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
    """The parts of hostonly among `names`."""
    parts = (name.split(".") for name in names)
    inner = (words[1:] for words in parts if words[0] == "hostonly" and len(words) > 1)
    return {_part(words) for words in inner} - {"__version__"}


@pytest.mark.parametrize("file", modules(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_direction(file: Path) -> None:
    own = part(file)
    if own in ("tasks", "__init__"):
        # The tasks are the top: they may know all; nobody may know them (below).
        return
    assert own in ALLOWED, f"a new part: say in ALLOWED what {own} may import"
    wrong = within(imported(file)) - ALLOWED[own] - {own}
    assert not wrong, f"{own} must not import {sorted(wrong)}"


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_library_has_one_door(library: str) -> None:
    for file in modules():
        if any(name.split(".")[0] == library for name in imported(file)):
            where = str(file.relative_to(PACKAGE))
            assert where.startswith(DOORS[library]), f"{where} must not import {library}"


@pytest.mark.parametrize("name", STANDARD_LIBRARY_ONLY)
def test_the_bootstrap_needs_only_python(name: str) -> None:
    import sys

    foreign = {
        top
        for top in (found.split(".")[0] for found in imported(PACKAGE / name))
        if top not in sys.stdlib_module_names and top != "hostonly"
    }
    assert not foreign


@pytest.mark.parametrize(
    "file",
    [*sorted((PACKAGE / "tasks").glob("*.py")), *sorted((PACKAGE / "program").glob("*.py"))],
    ids=lambda file: file.name,
)
def test_a_start_is_cheap(file: Path) -> None:
    names = imported(file, top_level=True)
    assert not {name.split(".")[0] for name in names} & HEAVY
    # Parts of ours may import what is heavy; whether they do is measured in test_program.
    assert "settings" not in within(names)
