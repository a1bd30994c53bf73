"""Parsers for what the tools of ``inventory`` print: each kind becomes names with values.

Sources of the formats: ip(8) ``-json`` of iproute2 6.1, libnftables-json(5), find(1) ``-printf`` of
findutils 4.9, findmnt(8) and losetup(8) of util-linux 2.38, sha256sum(1) ``--zero``, grep(1)
``-H``, subuid(5)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from hostonly.facts.fact import Unreadable, json_list, json_object


@dataclass(frozen=True, slots=True)
class Item:
    """A thing on this machine: its ``value`` is compared, ``mark`` is its ownership mark.

    ``device`` is the link that it belongs to, if any; the mark is then the link's."""

    value: str
    mark: str = ""
    device: str = ""


Items: TypeAlias = Mapping[str, Item]

# Files that change by themselves, or are kinds of their own here.
_PASSED_OVER = re.compile(
    r"/etc/(mtab|resolv\.conf|adjtime|ld\.so\.cache|sub[ug]id|\.pwd\.lock)"
    r"|.*/\.vagrant\.d/data/machine-index/index"
)


def marked(items: Items, marks: Mapping[str, str]) -> dict[str, Item]:
    """Return ``items`` with their links' marks: a link's mark says more than a rule's."""
    return {
        name: replace(item, mark=marks.get(item.device, item.mark)) if item.device else item
        for name, item in items.items()
    }


def links(output: str) -> dict[str, Item]:
    """Read ``ip -json -details link``: a link without an alias carries that of its bridge."""
    listed = json_list(output)
    aliases = {str(link.get("ifname")): str(link.get("ifalias", "")) for link in listed}
    found = {}
    for link in listed:
        name, master = _text(link, "ifname"), str(link.get("master", ""))
        kind = link.get("linkinfo", {}).get("info_kind", link.get("link_type", ""))
        state = "up" if "UP" in link.get("flags", []) else "down"
        value = f"{kind} {link.get('address', '')} mtu {link.get('mtu')} {state}"
        mark = aliases[name] or aliases.get(master, "")
        found[name] = Item(f"{value}{' in ' + master if master else ''}", mark, name)
    return found


def addresses(output: str) -> dict[str, Item]:
    """Read ``ip -json -details address``, but not how long an address is still valid."""
    return {
        f"{_text(link, 'ifname')} {_text(address, 'local')}/{address.get('prefixlen')}": Item(
            str(address.get("scope", "")), device=str(link["ifname"])
        )
        for link in json_list(output)
        for address in link.get("addr_info", [])
    }


def routes(output: str) -> dict[str, Item]:
    """Read ``ip -json -details route show table all``."""
    found = {}
    for route in json_list(output):
        device = str(route.get("dev", ""))
        words = [str(route.get("type", "unicast")), _text(route, "dst")]
        words += [f"dev {device}"] if device else []
        words += [f"via {route['gateway']}"] if "gateway" in route else []
        words += [f"table {route['table']}"] if "table" in route else []
        words += [f"metric {route['metric']}"] if "metric" in route else []
        found[" ".join(words)] = Item(str(route.get("prefsrc", "")), device=device)
    return found


def ruleset(output: str) -> dict[str, Item]:
    """Read ``nft -j list ruleset``: tables, chains, sets and rules, without handles and counters.

    The name of a table of ours is the mark of all in it. Equal rules of a chain are counted."""
    listed = json_object(output).get("nftables")
    if not isinstance(listed, list):
        raise Unreadable("no list of nftables")
    found: dict[str, Item] = {}
    for entry in listed:
        for what, thing in entry.items():
            if what == "metainfo":
                continue
            table = str(thing.get("table", thing.get("name")))
            words = [what, str(thing.get("family")), table, *([thing["chain"]] if "chain" in thing else [])]  # fmt: skip
            # A set's elements come and go with what it counts.
            rest = {k: v for k, v in thing.items() if k not in ("family", "table", "chain", "handle", "index", "elem")}  # fmt: skip
            name = f"{' '.join(words)} {json.dumps(_still(rest), sort_keys=True)}"
            mark = table if table.startswith("hostonly_") else ""
            times = int(found[name].value) + 1 if name in found else 1
            found[name] = Item(str(times), mark)
    return found


def _still(value: Any) -> Any:
    """Return ``value`` without what counters have counted."""
    if isinstance(value, dict):
        return {k: (None if k == "counter" else _still(v)) for k, v in value.items()}
    if isinstance(value, list):
        return [_still(each) for each in value]
    return value


def iptables_rules(output: str) -> dict[str, Item]:
    """Read ``iptables-save`` of each variant after a line ``#@ VARIANT``, without counters.

    A rule whose comment is the word ``hostonly`` is marked by it, and belongs to the link that it
    names first. nft's warnings that a table is iptables' are comments here."""
    found: dict[str, Item] = {}
    variant = table = ""
    for line in output.splitlines():
        if line.startswith("#@ "):
            variant = line[3:]
        elif line.startswith("*"):
            table = line[1:]
        elif line and not line.startswith(("#", "COMMIT")):
            rule = re.sub(r"\s*\[\d+:\d+\]", "", line).strip()
            comment = re.search(r'--comment "?(hostonly)"?(?: |$)', rule)
            device = re.search(r"(?:^| )-[io] (\S+)", rule)
            name = f"{variant} {table} {rule}"
            times = int(found[name].value) + 1 if name in found else 1
            found[name] = Item(
                str(times), comment[1] if comment else "", device[1] if device and comment else ""
            )
    return found


def sysctls(output: str) -> dict[str, Item]:
    """Read ``grep -H . FILE …`` below /proc/sys."""
    found = {}
    for line in output.splitlines():
        path, colon, value = line.removeprefix("/proc/sys/").partition(":")
        if not colon or not line.startswith("/proc/sys/"):
            raise Unreadable(f"line {line!r}")
        # A link's name holds no slash and no colon is in ours; net/ipv4/conf/LINK/forwarding.
        words = path.split("/")
        device = words[3] if words[0] == "net" and len(words) == 5 and words[2] == "conf" else ""
        found[path] = Item(value, device=device)
    if not found:
        raise Unreadable("no switch at all, not even ip_forward")
    return found


def modules(output: str) -> dict[str, Item]:
    """Read ``/proc/modules``: the names alone, since uses come and go."""
    found = {}
    for line in output.splitlines():
        words = line.split()
        # Name, size, uses, users, state, address (proc_modules(5)).
        if len(words) < 6:
            raise Unreadable(f"line {line!r}")
        found[words[0]] = Item("")
    return found


def files(output: str) -> dict[str, Item]:
    r"""Read ``find -printf '%y %m %u:%g %s %l\t%p\0'``, then ``sha256sum --zero``.

    The size of a folder is left out: it grows with use and never shrinks."""
    found: dict[str, Item] = {}
    for entry in output.split("\0"):
        if "\t" in entry:
            about, path = entry.split("\t", 1)
            words = about.split(" ")
            if words[0] == "d":
                del words[3:4]
            if not _PASSED_OVER.fullmatch(path):
                found[path] = Item(" ".join(words).strip())
        elif entry:
            digest, gap, path = entry.partition("  ")
            if not gap:
                raise Unreadable(f"entry {entry[:80]!r}")
            if path in found:
                found[path] = Item(f"{found[path].value} {digest[:16]}")
    if not any(re.search(r" [0-9a-f]{16}$", item.value) for item in found.values()):
        raise Unreadable("no file's content at all, not even of one in /etc")
    return found


def id_ranges(output: str) -> dict[str, Item]:
    """Read the lines of /etc/subuid and /etc/subgid, each after its file: FILE:NAME:START:COUNT."""
    return {line: Item("") for line in output.splitlines() if line}


def mounts(output: str) -> dict[str, Item]:
    """Read ``findmnt --json --list -o TARGET,SOURCE``; one place may have several mounts."""
    found: dict[str, Item] = {}
    for mount in json_object(output).get("filesystems", []):
        name = f"{_text(mount, 'target')} ({mount.get('source')})"
        times = int(found[name].value) + 1 if name in found else 1
        found[name] = Item(str(times))
    if not found:
        raise Unreadable("no mount at all, not even /")
    return found


def loops(output: str) -> dict[str, Item]:
    """Read ``losetup --list --noheadings -O NAME,BACK-FILE``; nothing where none is in use."""
    pairs = (line.split(None, 1) for line in output.splitlines() if line.strip())
    return {pair[0]: Item(pair[1] if len(pair) > 1 else "") for pair in pairs}


def cgroups(output: str) -> dict[str, Item]:
    """Read ``find /sys/fs/cgroup … -type d … -prune``: the providers' own control groups."""
    return {line: Item("") for line in output.splitlines()}


def processes(output: str) -> dict[str, Item]:
    """Read ``ps``: each command line by its process id; only marked ones are compared."""
    found = {}
    for line in output.splitlines():
        words = line.split(None, 3)
        if len(words) < 3 or not words[0].isdecimal():
            raise Unreadable(f"line {line!r}")
        found[words[0]] = Item(words[3] if len(words) > 3 else "")
    if not found:
        raise Unreadable("no process at all, not even ps")
    return found


def machines(output: str) -> dict[str, Item]:
    """Read Vagrant's machine index (version 1); nothing where Vagrant was never used."""
    if not output.strip():
        return {}
    listed = json_object(output).get("machines")
    if not isinstance(listed, dict):
        raise Unreadable("no machines")
    found = {}
    for number, machine in listed.items():
        folder = str(machine.get("vagrantfile_path", ""))
        box = str((machine.get("extra_data") or {}).get("box", {}).get("name", ""))
        mark = f"hostonly {folder}" if box.startswith("hostonly-") else ""
        found[str(number)] = Item(f"{machine.get('name')} of {folder}", mark)
    return found


def _text(document: Mapping[str, Any], key: str) -> str:
    if key not in document:
        raise Unreadable(f"no {key} in {json.dumps(document)[:80]}")
    return str(document[key])
