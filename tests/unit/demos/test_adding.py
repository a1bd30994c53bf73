"""Adding a demo is one new file and one line elsewhere, in a copy of the program."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from hostonly.demos import DEMOS
from tests.checkout import PACKAGE, changes, copied, inv

NEW = '''"""A demo that was not there before."""

from __future__ import annotations

from hostonly.claims.networks import network_driver
from hostonly.stage.stage import Stage
from hostonly.facts import observe
from hostonly.facts.docker import network


def run(stage: Stage) -> None:
    """One step and one claim."""
    stage.step(stage.sandbox, "docker", "network", "ls")
    seen = observe(stage.sandbox, network("bridge"))
    stage.judge(network_driver, about={"name": "bridge", "driver": "bridge"}, network=seen)
'''
LINE = '    "brand-new": "a demo that was not there before",\n'


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copied(tmp_path)


def test_one_file_and_one_line(copy: Path) -> None:
    demos = copy / "src" / "hostonly" / "demos"
    assert "demo.brand-new" not in inv(copy, "--list")
    (demos / "brand_new.py").write_text(NEW)
    listed = (demos / "__init__.py").read_text()
    head, brace, tail = listed.rpartition("}")
    (demos / "__init__.py").write_text(head + LINE + brace + tail)

    assert changes(copy) == (["demos/brand_new.py"], [f"demos/__init__.py: + {LINE}"])
    assert "demo.brand-new" in inv(copy, "--list")
    assert "brand-new" in inv(copy, "demo.list")
    assert "--keep" in inv(copy, "--help", "demo.brand-new")
    loaded = (
        "from hostonly.demos import load;"
        "demo = load('brand-new'); print(demo.summary, demo.run.__doc__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", loaded],
        env={"PYTHONPATH": str(copy / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "a demo that was not there before One step and one claim.\n"


def test_nobody_knows_a_demos_module_by_name() -> None:
    modules = {f"hostonly.demos.{name.replace('-', '_')}" for name in DEMOS}
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "hostonly.demos":
                imported = {f"hostonly.demos.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported = {node.module or ""}
            elif isinstance(node, ast.Import):
                imported = {alias.name for alias in node.names}
            else:
                continue
            assert not imported & modules, f"{file} imports {imported & modules}"
