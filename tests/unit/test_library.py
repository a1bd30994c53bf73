"""The public door: every name is there and costs nothing before it is asked for; the page is right."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hostonly
from hostonly.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "library.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("name", hostonly.__all__)
def test_every_name_is_there_and_on_the_page(name: str) -> None:
    assert getattr(hostonly, name) is not None


def test_the_type_checker_sees_the_same_names() -> None:
    tree = ast.parse((ROOT / "src" / "hostonly" / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hostonly.")
        for alias in node.names
    }
    assert typed == set(hostonly.__all__)


def test_a_name_that_there_is_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'sandbox_manager'"):
        hostonly.sandbox_manager  # noqa: B018


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    line = "import sys, hostonly; print(sum(each.startswith('hostonly.') for each in sys.modules))"
    said = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert said.stdout == "0\n"


def test_a_site_is_opened_without_the_callers_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_REGISTRY_PORT", "5001")
    site = hostonly.open_site(ROOT)
    assert (site.root, site.registry_port, site.names) == (ROOT, 5000, ["sandbox", "sandbox2"])


def test_a_folder_that_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"invoke\.yaml: cannot be read"):
        hostonly.open_site(tmp_path)


def test_the_example_without_a_sandbox_runs() -> None:
    exec(compile(BLOCKS[-1], str(PAGE), "exec"), {})


def test_the_other_example_imports_what_there_is() -> None:
    lines = [line for line in BLOCKS[0].splitlines() if line.startswith("from ")]
    exec("\n".join(lines), {})
