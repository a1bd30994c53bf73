"""Switches of the machine's, on a real kernel: what the user's own Docker turned is not taken from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# A machine with an uplink, in a network namespace; ARGV[1] is where the journal may lie.
SCRIPT = """
import subprocess, sys
from pathlib import Path
from hostonly.host import switches
from hostonly.host.forwarding import ALL, of
from hostonly.host.switches import Switch

def sh(line):
    subprocess.run(line.split(), check=True)

journal, uplink = Path(sys.argv[1]), of("up.7")
sh("ip link add up.7 type bridge")
sh("sysctl -qw net.ipv4.ip_forward=0")
assert switches.value(uplink) == "0"

def turn():
    switches.turn([Switch(uplink, "1", ALL)], journal)
    assert switches.value(uplink) == "1" and switches.value(ALL) == "0"

turn()
assert switches.put_back(journal) == [uplink]
assert switches.value(uplink) == "0"

turn()
# As dockerd does when it starts.
sh("sysctl -qw net.ipv4.ip_forward=1")
assert switches.put_back(journal) == []
assert switches.value(uplink) == "1"
assert not journal.exists()
"""


def test_a_docker_that_was_started_meanwhile_keeps_its_forwarding(
    checkout: Path, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has network namespaces")
    script = [sys.executable, "-c", SCRIPT, str(tmp_path / "switches.json")]
    subprocess.run(["unshare", "--net", *script], check=True, timeout=60)
