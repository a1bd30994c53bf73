"""The inventory of a host, read from output captured in one network namespace and one folder."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path

import pytest

from hostonly.facts import NotObserved, Observed, Unreadable, inventory
from hostonly.facts import inventory_parse as parse
from hostonly.facts.inventory import Difference, differences
from hostonly.facts.inventory_parse import Item
from hostonly.testing import FakeVantage

Captured = Callable[[str], str]

ONE = "hostonly /home/alex/one"
# What a provider of machines says of itself.
PROVIDED = [(("/run/machines",), ("/var/lib/machines",), "machine.*")]


def test_links_carry_their_own_mark_or_their_bridges(captured: Captured) -> None:
    links = parse.links(captured("inventory/links.json"))
    assert {name: link.mark for name, link in links.items()} == {
        "lo": "",
        "hostonly0": ONE,
        "vethA1": ONE,
        "eth1": "",
        "other0": "hostonly /home/alex/two",
        # A bridge with a like name, without a mark.
        "hostonly1": "",
    }
    assert links["vethA1"].value.startswith("veth ")
    assert links["vethA1"].value.endswith(" mtu 1500 up in hostonly0")


def test_addresses_and_routes_belong_to_links(captured: Captured) -> None:
    marks = {n: i.mark for n, i in parse.links(captured("inventory/links.json")).items() if i.mark}
    addresses = parse.marked(parse.addresses(captured("inventory/addresses.json")), marks)
    assert addresses["hostonly0 172.16.0.1/24"] == Item("global", ONE, "hostonly0")
    assert addresses["hostonly1 10.1.2.1/24"].mark == ""
    routes = parse.marked(parse.routes(captured("inventory/routes4.json")), marks)
    name = "broadcast 172.16.0.255 dev hostonly0 table local"
    assert routes[name] == Item("172.16.0.1", ONE, "hostonly0")
    six = parse.routes(captured("inventory/routes6.json"))
    assert any(name.startswith("unicast fe80::/64 dev ") for name in six)


def test_the_ruleset_without_what_counts(captured: Captured) -> None:
    text = captured("inventory/ruleset.json")
    rules = parse.ruleset(text)
    ours = [name for name, item in rules.items() if item.mark == "hostonly_hostonly"]
    assert [name.split()[0] for name in sorted(ours)] == ["chain", "rule", "rule", "table"]
    assert all(" handle" not in name and "10.0.0.1" not in name for name in rules)
    # The same rule twice is two rules.
    assert [item.value for name, item in rules.items() if name.startswith("rule ip mine")] == ["2"]
    counted = text.replace('"packets": 0', '"packets": 7')
    assert counted != text
    assert parse.ruleset(counted) == rules


def test_iptables_rules_with_exactly_our_comment(captured: Captured) -> None:
    rules = parse.iptables_rules(captured("inventory/iptables.txt"))
    marked = {name: item for name, item in rules.items() if item.mark}
    # The user's own bridge is called hostonly1 and the comment begins with that: not ours.
    assert list(marked.values()) == [Item("1", "hostonly", "hostonly0")]
    assert "iptables-nft filter :FORWARD DROP" in rules


def test_switches_of_a_link(captured: Captured) -> None:
    switches = parse.sysctls(captured("inventory/sysctls.txt"))
    assert switches["net/ipv4/conf/eth0/forwarding"] == Item("1", device="eth0")
    assert switches["net/ipv4/ip_forward"] == Item("0")
    assert switches["kernel/keys/maxkeys"] == Item("200")


def test_modules_by_their_names() -> None:
    text = "overlay 163840 1 - Live 0x0000000000000000\nip_vs 184320 2 ip_vs_rr, Loading 0x0 (O+)\n"
    assert parse.modules(text) == {"overlay": Item(""), "ip_vs": Item("")}
    assert parse.modules("") == {}


def test_files_with_their_content(captured: Captured) -> None:
    files = parse.files(captured("inventory/files.bin"))
    assert files == {
        # A folder's size says nothing.
        "/tmp/hotrace t": Item("d 755 root:root"),
        "/tmp/hotrace t/etc": Item("d 755 root:root"),
        "/tmp/hotrace t/etc/one": Item("f 600 root:root 2 87428fc522803d31"),
        "/tmp/hotrace t/etc/link": Item("l 777 root:root 3 one"),
    }


def test_mounts_loops_and_machines(captured: Captured) -> None:
    assert parse.mounts(captured("inventory/mounts.json"))["/dev/pts (devpts)"] == Item("2")
    assert parse.loops(captured("inventory/loops.txt")) == {"/dev/loop0": Item("/tmp/ho-trace.img")}
    assert parse.loops("") == {}
    first, second = parse.machines(captured("inventory/machine-index.json")).values()
    assert first == Item("sandbox of /home/alex/one", ONE)
    # Another project's machine of the same name.
    assert second.mark == ""
    assert parse.machines("") == {}


@pytest.mark.parametrize(
    ("read", "output"),
    [
        (parse.links, ""),
        (parse.links, '[{"mtu": 1}]'),
        (parse.addresses, "{}"),
        (parse.routes, '[{"dev": "eth0"}]'),
        (parse.ruleset, ""),
        (parse.ruleset, '{"nftables": 1}'),
        (parse.sysctls, ""),
        (parse.sysctls, "grep: no"),
        (parse.modules, "cat: /proc/modules: Permission denied"),
        (parse.files, ""),
        (parse.files, "d 755 root:root 1 \t/etc\0"),
        (parse.files, "no digest at all\0"),
        (parse.mounts, "{}"),
        (parse.mounts, ""),
        (parse.processes, ""),
        (parse.processes, "1 0"),
        (parse.machines, "[]"),
        (parse.machines, "{"),
    ],
)
def test_what_cannot_be_read_is_never_an_empty_host(
    read: Callable[[str], object], output: str
) -> None:
    with pytest.raises(Unreadable):
        read(output)


def test_differences_are_new_gone_or_changed() -> None:
    before = {"a": Item("1"), "b": Item("1"), "c": Item("1", mark="x")}
    after = {"b": Item("2"), "c": Item("1", mark="y"), "d": Item("1")}
    assert differences(before, after) == (
        Difference("a", Item("1"), None),
        Difference("b", Item("1"), Item("2")),
        Difference("d", None, Item("1")),
    )
    assert [str(each) for each in differences(before, after)] == [
        "gone: a",
        "changed: b (1 → 2)",
        "new: d",
    ]


def silent(*links: str) -> FakeVantage:
    """A host that tells of its ``links``, one look after the other, and where all else fails."""
    looks = chain(links, repeat(links[-1]))
    return FakeVantage({"ip -json -details link": looks}, otherwise=(1, "", ""))


def test_what_changed_while_it_was_looked_at_is_looked_at_again(
    captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "PAUSE_SECONDS", 0.0)
    links = captured("inventory/links.json")
    # Half of a document at the first look.
    host = silent(links[:99], links)
    assert isinstance(inventory.take(host, Path("/home/x"), Path("/tmp"), ())["links"], Observed)


def test_what_was_not_seen_stays_unseen_when_kept(
    captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "PAUSE_SECONDS", 0.0)
    taken = inventory.take(
        silent(captured("inventory/links.json")), Path("/home/x"), Path("/tmp"), PROVIDED, ["sudo"]
    )
    kept = inventory.loads(inventory.dumps(taken))
    assert set(kept) == set(taken) == set(inventory.kinds(Path("/"), Path("/"), PROVIDED))
    links, seen = kept.pop("links"), taken["links"]
    assert isinstance(links, Observed) and isinstance(seen, Observed)
    assert links.value == seen.value
    assert all(isinstance(fact, NotObserved) for fact in kept.values())


@pytest.mark.parametrize("text", ["", "[]", '{"links": {"lo": 1}}', '{"links": {"lo": ["a"'])
def test_a_damaged_record_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        inventory.loads(text)


@pytest.mark.parametrize(
    ("names", "exit"), [(["there"], 0), (["there", "gone"], 0), (["there", "folder"], 1)]
)
def test_only_a_file_that_went_may_be_without_digest(
    tmp_path: Path, names: list[str], exit: int
) -> None:
    (tmp_path / "there").write_text("x")
    (tmp_path / "folder").mkdir()
    line = ["sh", "-c", inventory.DIGESTS, "sh", *(str(tmp_path / name) for name in names)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == exit and "there" in done.stdout
