"""Every demo on the real sandbox: it holds, and its page shows what it ran.

With `--record` the runs are kept for the unit tests, which play them again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hostonly import settings as settings_module
from hostonly.claims import Verdict
from hostonly.demos import DEMOS, load
from hostonly.site import Site
from hostonly.stage.demo import perform
from hostonly.stage.leftovers import find
from hostonly.stage.testbed import Testbed, ready
from tests import pages, recorded
from tests.checkout import ROOT


@pytest.fixture
def testbed(site: Site) -> Iterator[Testbed]:
    with ready(site, lambda event: None, "test") as testbed:
        yield testbed


@pytest.mark.parametrize("name", list(DEMOS))
def test_it_holds_and_its_page_shows_what_ran(
    name: str,
    testbed: Testbed,
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    default = settings_module.settle(settings_module.read(ROOT / "invoke.yaml"))
    runs: list[dict[str, Any]] = []
    result = perform(load(name), recorded.recording(testbed, runs, monkeypatch), lambda event: None)
    assert [c for c in result.claims if c.verdict not in (Verdict.HOLDS, Verdict.SKIPPED)] == []
    assert all(c.evidence for c in result.claims if c.verdict is Verdict.HOLDS)
    assert find(testbed.sandbox) == ()
    if pytestconfig.getoption("--record"):
        recorded.save(name, testbed, runs, default)

    def like_page(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        site = testbed.site
        return pages.same_names(
            [(one, recorded.like_default(other, site, default)) for one, other in pairs]
        )

    page = pages.page(name)
    ran = list(dict.fromkeys((step.prompt, step.command) for step in result.steps))
    assert like_page(ran) == pages.same_names(pages.commands(page))
    judged = list(dict.fromkeys((claim.id, claim.sentence) for claim in result.claims))
    assert like_page(judged) == pages.same_names(pages.claims(page))
