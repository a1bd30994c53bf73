"""Which bases and boxes are in use, and which base lies under a container: by LXC's own word."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly.providers.lxc import uses
from hostonly.providers.lxc.uses import Uses, base_below, read_uses

USED, HANDED = "0" * 16, "2" * 16
USED_BOX, HANDED_BOX = "hostonly-0123456789ab", "hostonly-222222222222"
CONFIG = f"""\
# Template used to create this container: /home/alex/.vagrant.d/boxes/{USED_BOX}/0/lxc/lxc-template
lxc.rootfs.path = dir:/var/lib/lxc/work-sandbox/rootfs
lxc.include = /usr/share/lxc/config/common.conf
lxc.rootfs.path = overlay:/var/lib/hostonly/bases/{USED}/rootfs:/var/lib/lxc/work-sandbox/layer
lxc.rootfs.options = userxattr
"""
SETTINGS = (
    f"BASE=/var/lib/hostonly/bases/{HANDED}\nBOX=/home/alex/.vagrant.d/boxes/{HANDED_BOX}/\n"
    "HOSTNAME=sandbox\n"
)


def test_uses_are_read_from_configurations_and_from_what_was_handed_over() -> None:
    found = read_uses(CONFIG + SETTINGS)
    assert found == Uses(frozenset((USED, HANDED)), frozenset((USED_BOX, HANDED_BOX)))
    again = CONFIG.replace(USED, f"{USED}-2")
    assert read_uses(again).bases == {f"{USED}-2"}
    assert read_uses("") == Uses(frozenset(), frozenset())


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("hostonly.host.command.as_root", list)
    monkeypatch.setattr(uses, "LXC", tmp_path)
    (tmp_path / "work-sandbox").mkdir()
    return tmp_path / "work-sandbox" / "config"


def test_the_base_under_a_container_is_the_one_that_lxc_names(config: Path) -> None:
    assert base_below("work-sandbox") is None
    config.write_text(CONFIG)
    assert base_below("work-sandbox") == Path("/var/lib/hostonly/bases", USED)


def test_half_a_container_lies_on_no_base(config: Path) -> None:
    config.write_text("".join(CONFIG.splitlines(keepends=True)[:2]))
    assert base_below("work-sandbox") is None
