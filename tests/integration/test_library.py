"""The example of docs/library.md, on a real sandbox; and a demo run by a program of one's own."""

from __future__ import annotations

import pytest

from hostonly import Verdict, run_demo
from hostonly.site import Site
from tests.unit.test_library import BLOCKS, PAGE


def test_the_example_holds(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The page opens the checkout's own; that may be a person's, with a sandbox of theirs.
    monkeypatch.setattr("hostonly.library.open_site", lambda: site)
    exec(compile(BLOCKS[0], str(PAGE), "exec"), {})
    said = capsys.readouterr().out
    assert said.startswith(
        f"HOLDS Port {site.registry_port} on the sandbox is listened on by haproxy"
    )


def test_a_demo_is_run_by_a_program_of_ones_own(site: Site) -> None:
    assert run_demo(site, "none").verdict is Verdict.HOLDS
