"""The keys: made once, for their owner alone; half a pair is made again."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hostonly.sandbox import keys
from hostonly.site import Site
from tests.unit.sites import at

pytestmark = pytest.mark.needs("ssh-keygen")


@pytest.fixture
def here(site: Site, tmp_path: Path) -> Site:
    return at(site, tmp_path / "with space")


def one(site: Site) -> Site:
    """With the first machine alone."""
    return replace(site, machines=site.machines[:1])


def test_keys_are_made_once_and_only_for_their_owner(here: Site) -> None:
    keys.ensure(one(here))
    private = here.login_key.read_bytes()
    for file in (here.login_key, here.sandbox.host_key):
        assert file.stat().st_mode & 0o777 == 0o600
    assert here.login_key.parent.stat().st_mode & 0o777 == 0o700
    keys.ensure(here)
    assert here.login_key.read_bytes() == private
    known = here.known_hosts.read_text().splitlines()
    assert [line.split()[:2] for line in known] == [
        ["172.16.0.2", "ssh-ed25519"],
        ["172.16.0.3", "ssh-ed25519"],
    ]
    made = keys.public(here.machine("sandbox2").host_key).read_text().split()
    assert known[1].split()[1:] == made[:2]


@pytest.mark.parametrize("half", ["id_ed25519", "id_ed25519.pub"])
@pytest.mark.parametrize(
    "left", [None, "", "ssh-ed25519", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 other"]
)
def test_half_a_key_pair_is_made_again(here: Site, half: str, left: str | None) -> None:
    """As after a kill, which leaves one of both, and after a power cut, which leaves empty ones."""
    keys.ensure(one(here))
    (here.login_key.parent / half).unlink()
    if left is not None:
        (here.login_key.parent / half).write_text(left)
    keys.ensure(one(here))
    public = keys.public(here.login_key).read_text().split()[:2]
    asked = ["ssh-keygen", "-y", "-f", str(here.login_key)]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert said.split()[:2] == public


def test_a_key_that_others_could_read_is_closed_again(here: Site) -> None:
    keys.ensure(one(here))
    here.login_key.chmod(0o644)
    here.login_key.parent.chmod(0o755)
    before = here.login_key.read_bytes()
    keys.ensure(one(here))
    assert here.login_key.read_bytes() == before
    assert here.login_key.stat().st_mode & 0o777 == 0o600
    assert here.login_key.parent.stat().st_mode & 0o777 == 0o700
