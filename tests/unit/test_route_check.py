"""What the Vagrantfile asks before a typed `vagrant ssh` connects: the guard's own question."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from hostonly import route_check
from hostonly.errors import Unreachable
from hostonly.sandbox.vagrant import for_vagrant
from hostonly.site import Site
from tests.unit.vagrantfile import FILE, MODULE

RUBY = f"""{MODULE}
Hostonly.ask_the_way(ARGV[1])
puts "goes on"
"""


def test_it_leaves_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: str, bridge: str) -> None:
        raise Unreachable(f"{address} is not behind {bridge}")

    monkeypatch.setattr(route_check, "require_host_only_route", refuse)
    with pytest.raises(SystemExit, match=r"172\.16\.0\.2 is not behind hostonly0"):
        route_check.main("172.16.0.2", "hostonly0")
    monkeypatch.setattr(route_check, "require_host_only_route", lambda address, bridge: None)
    route_check.main("172.16.0.2", "hostonly0")


@pytest.mark.needs("ruby")
@pytest.mark.parametrize("astray", [False, True])
def test_the_vagrantfile_asks_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, astray: bool
) -> None:
    device = "vpn0" if astray else site.bridge.name
    ip = tmp_path / "ip"
    ip.write_text(f"""#!/bin/sh\necho '[{{"dst":"172.16.0.2","dev":"{device}"}}]'\n""")
    ip.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("HOSTONLY_SITE", json.dumps(for_vagrant(site)))
    command = ["ruby", "-rjson", "-ropen3", "-e", RUBY, str(FILE), "172.16.0.2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode == 0, "goes on" in done.stdout) == (not astray, not astray), done.stderr
    assert ("would leave by vpn0" in done.stderr) == astray
