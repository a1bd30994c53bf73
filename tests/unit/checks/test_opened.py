"""When this machine can carry IPv6 packets on for single interfaces, and what an outsider is called.

Linux 6.17 and later have net.ipv6.conf.INTERFACE.force_forwarding (Linux, ip-sysctl).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hostonly.checks.outsiders import opened
from hostonly.host import firewall, forwarding, outsiders
from hostonly.site import Site


def switches(folder: Path, values: dict[str, str]) -> Path:
    """A /proc/sys/net/ipv6/conf with these files."""
    for name, value in values.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{value}\n")
    return folder


@pytest.mark.parametrize(
    ("values", "because"),
    [
        ({"all/forwarding": "1"}, None),
        ({"hostonly0/force_forwarding": "0", "all/forwarding": "0"}, None),
        ({"all/forwarding": "0"}, "force_forwarding"),
    ],
)
def test_where_no_ipv6_is_carried_on_the_missing_capability_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    site: Site,
    values: dict[str, str],
    because: str | None,
) -> None:
    monkeypatch.setattr(opened, "PROC6", switches(tmp_path, values))
    said = opened.not_forwarding6(site)
    assert said is None if because is None else because in str(said)


def test_outsiders_have_nothing_in_common(site: Site) -> None:
    three = outsiders.outsiders(site)
    links = [name for each in three for name in {each.device, each.router}]
    assert len(set(links)) == len(links) == 4
    assert all(len(name) <= 15 for name in links)
    networks = [net for each in three for net in (each.address.network, each.address6.network)]
    assert len(set(networks)) == 6
    for each in three:
        assert each.gateway.network == each.address.network
        assert each.gateway6.network == each.address6.network


def test_the_rogue_tables_name_is_no_sandboxs(site: Site) -> None:
    assert outsiders.table(site.name).startswith(firewall.table(site).name)
    assert "." in outsiders.table(site.name) and "." not in firewall.table(site).name


@pytest.mark.parametrize("new", ["0", "1"])
def test_the_bridge_is_put_back_to_what_new_links_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Site, new: str
) -> None:
    """Also by the run after one that was killed, which finds it switched on, and by two at once."""
    proc = tmp_path / "net" / "ipv4" / "conf"
    for name, value in (("hostonly0", "1"), ("default", new), ("holan0", "0")):
        (proc / name).mkdir(parents=True)
        (proc / name / "forwarding").write_text(value)
    monkeypatch.setattr("hostonly.host.switches.PROC", tmp_path)
    monkeypatch.setattr(outsiders, "PROC6", tmp_path / "ipv6")

    def run(argv: list[str], **_: object) -> str:
        if argv[0] == "sysctl":
            name, value = argv[-1].split("=")
            (tmp_path / name).write_text(value)
        return ""

    for module in ("switches", "outsiders", "forward_chain"):
        monkeypatch.setattr(f"hostonly.host.{module}.run", run)
    with opened.opened(site, ["holan0"], None, ipv6=False):
        assert forwarding.value("hostonly0") == forwarding.value("holan0") == "1"
    assert forwarding.value("hostonly0") == new
