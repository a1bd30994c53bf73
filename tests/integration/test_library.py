"""The example of docs/library.md, on a real sandbox; and a demo run by a program of one's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hostonly import Verdict, run_demo
from hostonly.site import Site
from tests.unit.test_library import BLOCKS


def test_the_example_holds(checkout: Path, site: Site) -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            BLOCKS[0]
            .replace("open_site()", f"open_site(Path({str(checkout)!r}))")
            .replace("from hostonly import", "from pathlib import Path\nfrom hostonly import", 1),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith(
        f"HOLDS Port {site.registry_port} on the sandbox is listened on by haproxy"
    )


def test_a_demo_is_run_by_a_program_of_ones_own(site: Site) -> None:
    assert run_demo(site, "none").verdict is Verdict.HOLDS
