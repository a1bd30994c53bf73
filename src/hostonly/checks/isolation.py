"""Is root in the sandbox kept apart from the host? Looked at from outside, and tried from inside.

Nothing is changed: a file is written in the sandbox and removed again, a process and a file on the
host are there while they are looked for.
"""

from __future__ import annotations

import platform
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hostonly.checks.isolation_layers import base_of, found_of, layers_of
from hostonly.checks.isolation_probes import HARMLESS, NODES, OWN_SWITCHES, Probe, probes
from hostonly.checks.sides import Facts, Judged, Looks, look_from_both, why_not_look
from hostonly.claims import ClaimResult
from hostonly.claims import isolation as claims_of
from hostonly.claims.sandbox import route_host_only, sandbox_running
from hostonly.events import Emit
from hostonly.facts import Fact, NotObserved, observe, select, together
from hostonly.facts import confinement as read
from hostonly.facts import limits as limits_of
from hostonly.facts.attempt import attempt_look
from hostonly.facts.batch import look
from hostonly.facts.fact import json_object
from hostonly.facts.routes import observe_routes, route_to
from hostonly.facts.search import search_look
from hostonly.host.command import as_root
from hostonly.host.limits import LIMITS
from hostonly.host.marker import Marker, marked
from hostonly.report.model import CheckResult
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from hostonly.vantages import Host, Vantage

NAME = "isolation"
ENGINE = Path("/var/run/docker.sock")
# curl's exit status where nobody listens.
REFUSED = 7

KINDS = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")

# /dev/.lxc has another /proc and /sys.
_WALK = shlex.split(
    "sudo find / -ignore_readdir_race"
    " '(' -path /proc -o -path /sys -o -path /dev/.lxc ')' -prune -o"
)
# All is asked at once, walks through all files among it: a limit for what would hang for ever.
SECONDS = 600.0


def check(site: Site, emit: Emit, only: str = "") -> CheckResult:
    """Look and try: at the machine called ``only``, or at the first one and those others that were made."""
    start = time.monotonic()
    looked = [Machine(site, emit, name) for name in ([only] if only else site.names)]
    results = [
        result
        for number, machine in enumerate(looked)
        if number == 0 or machine.status().state != "not_created"
        for result in _looked_at(machine, Judged(emit, of=machine.name if number else ""))
    ]
    return CheckResult(NAME, tuple(results), time.monotonic() - start)


def _looked_at(machine: Machine, claims: Judged) -> Sequence[ClaimResult]:
    """All claims of one machine, judged."""
    host, site = Host(), machine.site
    state, way = machine.observe_state(), route_to(host, machine.address)
    claims.judge(sandbox_running, {"machine": machine.name}, state=state)
    about: dict[str, object] = {
        "address": machine.address,
        "bridge": site.bridge.name,
        "source": str(site.bridge.address.ip),
    }
    claims.judge(route_host_only, about, way=way, routes=observe_routes(host))
    closed = why_not_look(state, way, site.bridge.name)
    tried = probes(platform.machine())
    with machine.vantage() as sandbox, marked(site.temporary) as marker:
        outside, inside = look_from_both(
            host,
            _looks_of_host(_init(host, machine) if closed is None else 0, marker),
            sandbox,
            _looks_inside(marker) | _tries(tried),
            closed,
            timeout=SECONDS,
        )
        layers = layers_of(host, machine, closed)
        found = found_of(host, sandbox, marker.process, layers)
    _judge_ids(claims, outside)
    _judge_views(claims, machine, marker, outside, inside)
    about = {"name": f"/etc/{marker.process}"}
    claims.judge(claims_of.written_to_layer, about, layers=layers, found=found)
    claims.judge(claims_of.base_unchanged, {}, **base_of(host, layers))
    _judge_shared(claims, outside, inside)
    _judge_engine(claims, host, outside, inside)
    for probe in tried:
        _judge_probe(claims, probe, inside)
    return claims.results


def _init(host: Vantage, machine: Machine) -> int:
    """The process id of the sandbox's init on the host; 0, which is no process, where unknown."""
    argv = as_root(machine.provider.init_argv)
    fact = observe(host, argv, lambda said: int(said) if said.strip().isdecimal() else 0)
    return 0 if isinstance(fact, NotObserved) else fact.value


def _looks_of_host(init: int, marker: Marker) -> Looks:
    def cat(name: str) -> list[str]:
        return as_root(["cat", f"/proc/{init}/{name}"])

    def links(process: str) -> list[str]:
        return as_root(["readlink", *(f"/proc/{process}/ns/{kind}" for kind in KINDS)])

    owners = "cat /etc/subuid; getent passwd"
    groups = "cat /etc/subgid; getent group"
    ps = ["ps", "-e", "-ww", "-o", "pid=,userns=,uid=,gid=,args="]
    search = ["find", str(marker.file.parent), "-maxdepth", "1", "-name", marker.file.name]
    return {
        "users": look(cat("uid_map"), read.parse_map),
        "groups": look(cat("gid_map"), read.parse_map),
        "user owners": look(["sh", "-c", owners], read.parse_owners),
        "group owners": look(["sh", "-c", groups], read.parse_owners),
        "status": look(cat("status"), read.parse_status),
        "namespaces": look(links(str(init)), read.parse_namespaces),
        "own namespaces": look(links("self"), read.parse_namespaces),
        "processes": look(as_root(ps), read.parse_processes),
        "mounts": look(cat("mountinfo"), read.parse_mountinfo),
        "own mounts": look(["cat", "/proc/self/mountinfo"], read.parse_mountinfo),
        "marked file": search_look(search, read.parse_paths),
        "keys": look(as_root(["cat", "/proc/keys"]), read.parse_keys),
        "key users": look(as_root(["cat", "/proc/key-users"]), limits_of.parse_key_users),
        "user limits": look(limits_of.show(limits_of.USERS), limits_of.parse_limits),
        "limits": look(
            limits_of.show(*(f"/proc/sys/{name}" for name in LIMITS)), limits_of.parse_limits
        ),
    }


def _looks_inside(marker: Marker) -> dict[str, Any]:
    devices = ["(", "-xtype", "b", "-o", "-xtype", "c", ")"]
    # -xtype asks of each file itself: a folder's list says of a device bound onto a file "file".
    stat = ["-exec", "stat", "-L", "-c", "%F|%t:%T|%n", "{}", "+"]
    named = ["(", "-name", marker.file.name, "-o", "-path", "/etc/hostname", ")", "-print"]
    in_sys = "sudo find /sys -path /sys/fs/cgroup -prune -o -type f -writable -print"
    in_groups = "sudo find /sys/fs/cgroup -ignore_readdir_race -type f -writable -print"
    in_proc = "mount -t proc proc /mnt && find /mnt/sys -type f -writable -print"
    switches = ["sudo", "unshare", "--mount", "sh", "-c", in_proc]

    def by_name(output: str) -> tuple[str, ...]:
        return tuple(path.removeprefix("/mnt/sys/") for path in read.parse_paths(output))

    return {
        "devices": search_look([*_WALK, *devices, *stat], read.parse_devices),
        "marked file": search_look([*_WALK, *named], read.parse_paths),
        "commands": look(["sudo", "ps", "-e", "-ww", "-o", "args="], read.parse_lines),
        "sys": search_look(in_sys.split(), read.parse_paths),
        "groups": search_look(in_groups.split(), read.parse_paths),
        "switches": search_look(switches, by_name),
        "keys": look(["sudo", "cat", "/proc/keys"], read.parse_keys),
        "key users": look(["sudo", "cat", "/proc/key-users"], limits_of.parse_key_users),
        "user limits": look(limits_of.show(limits_of.USERS), limits_of.parse_limits),
        "engine": look(_engine(), _engine_id),
    }


def _engine() -> list[str]:
    return ["curl", "-sf", "-m", "5", "--unix-socket", str(ENGINE), "http://docker/info"]


def _engine_id(output: str) -> str:
    return str(json_object(output).get("ID", ""))


def _tries(tried: tuple[Probe, ...]) -> dict[str, Any]:
    looks = {}
    for probe in tried:
        named = [*probe.tries.items(), *([probe.control] if probe.control else [])]
        for what, argv in named:
            looks[f"{probe.id}: {what}"] = attempt_look(what, argv)
    return looks


def _judge_probe(claims: Judged, probe: Probe, inside: Facts) -> None:
    if probe.control is None:
        unknown = NotObserved(f"the system calls of {platform.machine()} are not known here")
        facts: dict[str, Fact[Any]] = {"tried": unknown, "control": unknown}
    else:
        tried = together([inside[f"{probe.id}: {what}"] for what in probe.tries])
        facts = {"tried": tried, "control": inside[f"{probe.id}: {probe.control[0]}"]}
    claims.judge(claims_of.cannot, {"id": probe.id, "what": probe.what}, **facts)


def _user(namespaces: Fact[Mapping[str, str]]) -> Fact[str]:
    return select(namespaces, lambda links: links["user"])


def _judge_ids(claims: Judged, outside: Facts) -> None:
    users, groups = outside["users"], outside["groups"]
    claims.judge(claims_of.unprivileged, {}, users=users, groups=groups)
    for kind, mapped in (("user", users), ("group", groups)):
        taken = outside[f"{kind} owners"]
        claims.judge(claims_of.nobody_elses, {"kind": kind}, mapped=mapped, taken=taken)
    there, here = _user(outside["namespaces"]), _user(outside["own namespaces"])
    claims.judge(
        claims_of.own_ids, {}, processes=outside["processes"], namespace=there, mapped=users
    )
    claims.judge(
        claims_of.own_namespaces,
        {},
        host=outside["own namespaces"],
        sandbox=outside["namespaces"],
    )
    confined = outside["status"]
    claims.judge(claims_of.capabilities_inside, {}, confined=confined, host=here, sandbox=there)
    claims.judge(claims_of.filtered, {}, confined=confined)


def _judge_views(
    claims: Judged, machine: Machine, marker: Marker, outside: Facts, inside: Facts
) -> None:
    about: dict[str, object] = {"harmless": HARMLESS}
    claims.judge(claims_of.harmless_devices, about, devices=inside["devices"])
    about = {"folder": machine.provider.own_folder, "group": machine.provider.own_group}
    about |= {"nodes": tuple(f"/{node}" for node in NODES)}
    claims.judge(
        claims_of.own_mounts,
        about,
        host=outside["own mounts"],
        sandbox=outside["mounts"],
        namespaces=outside["own namespaces"],
    )
    claims.judge(claims_of.own_sys, {}, writable=inside["sys"])
    claims.judge(claims_of.own_switches, {"own": OWN_SWITCHES}, writable=inside["switches"])
    claims.judge(claims_of.no_agents, {}, writable=inside["groups"])
    claims.judge(
        claims_of.processes_unseen,
        {"marker": marker.process},
        host=select(outside["processes"], lambda found: tuple(each.command for each in found)),
        sandbox=inside["commands"],
    )
    claims.judge(
        claims_of.files_unseen,
        {"marker": marker.file.name},
        host=outside["marked file"],
        sandbox=inside["marked file"],
    )
    claims.judge(
        claims_of.keys_unseen,
        {},
        host=select(together([outside["keys"], outside["users"]]), _keys_of_others),
        sandbox=select(inside["keys"], frozenset),
    )


def _keys_of_others(values: tuple[Any, ...]) -> frozenset[str]:
    keys, mapped = values
    return frozenset(k for k, uid in keys.items() if not any(uid in ours for ours in mapped))


def _judge_shared(claims: Judged, outside: Facts, inside: Facts) -> None:
    claims.judge(
        claims_of.half_at_most, {}, host=outside["user limits"], sandbox=inside["user limits"]
    )
    claims.judge(claims_of.room_beside, {"needed": LIMITS}, limits=outside["limits"])
    claims.judge(
        claims_of.own_quota,
        {},
        host=outside["key users"],
        sandbox=inside["key users"],
        mapped=outside["users"],
    )


def _judge_engine(claims: Judged, host: Vantage, outside: Facts, inside: Facts) -> None:
    if not ENGINE.exists():
        claims.skip(claims_of.other_engine, f"this machine has no Docker: no {ENGINE}", {})
        return
    theirs = observe(host, as_root(_engine()), _engine_id)
    if isinstance(theirs, NotObserved) and any(r.exit == REFUSED for r in theirs.evidence):
        claims.skip(
            claims_of.other_engine, f"no Docker engine listens on this machine's {ENGINE}", {}
        )
        return
    claims.judge(claims_of.other_engine, {}, host=theirs, sandbox=inside["engine"])
