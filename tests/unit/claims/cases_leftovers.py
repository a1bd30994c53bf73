"""Cases of the claims about what is left on the host."""

from __future__ import annotations

from hostonly.claims.leftovers import as_before, nothing_left
from hostonly.facts.inventory import Difference, Owner, Whose
from hostonly.facts.inventory_parse import Item
from tests.unit.claims.case import Case

ONE, TWO = "/home/alex/one", "/home/alex/two"
OURS, ANOTHERS = Whose(Owner.OURS, ONE), Whose(Owner.ANOTHERS, TWO)
CACHE, NOBODYS = Whose(Owner.CACHE), Whose(Owner.NOBODYS)
NONE: dict[str, object] = {"kind": "links", "sandboxes": ()}
THERE: dict[str, object] = {"kind": "links", "sandboxes": ("hostonly-sandbox",)}
LINKS: dict[str, object] = {"kind": "links"}

NEW = Difference("hostonly0", None, Item("bridge"))
GONE = Difference("br-1", Item("bridge"), None)
TURNED = Difference("net/ipv4/conf/eth0/forwarding", Item("0"), Item("1"))

CASES = [
    Case(nothing_left, True, {"owned": ()}, NONE, "none carries its mark"),
    Case(
        nothing_left,
        True,
        {"owned": (("work0", ANOTHERS), ("base", CACHE))},
        NONE,
        "besides 1 of the caches and 1 of another checkout's",
    ),
    Case(nothing_left, True, {"owned": (("hostonly0", OURS),)}, THERE, "1 in use, for hostonly"),
    Case(nothing_left, False, {"owned": (("hostonly0", OURS),)}, NONE, "left over: hostonly0"),
    Case(
        nothing_left,
        False,
        {"owned": tuple((f"veth{n}", OURS) for n in range(5))},
        NONE,
        "left over: veth0, veth1, veth2 and 2 more",
    ),
    Case(as_before, True, {"changes": ()}, LINKS, "the same"),
    Case(
        as_before,
        True,
        {"changes": ((GONE, NOBODYS), (NEW, ANOTHERS))},
        LINKS,
        "not hostonly's: gone: br-1; another checkout's (/home/alex/two): new: hostonly0",
    ),
    Case(
        as_before,
        True,
        {"changes": ((GONE, OURS),)},
        LINKS,
        "the same, but for this checkout's: gone: br-1",
    ),
    Case(as_before, False, {"changes": ((NEW, OURS), (GONE, OURS))}, LINKS, "new: hostonly0"),
    Case(
        as_before,
        False,
        {"changes": ((TURNED, OURS), (GONE, NOBODYS))},
        LINKS,
        "this checkout's: changed: net/ipv4/conf/eth0/forwarding (0 → 1); besides not",
    ),
]
