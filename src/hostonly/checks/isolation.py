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
from hostonly.checks.sides import Facts, Judged, Questions, look_from_both, why_not_look
from hostonly.claims import ClaimResult
from hostonly.claims import isolation as claims_of
from hostonly.claims.sandbox import route_host_only, sandbox_running
from hostonly.events import Emit
from hostonly.facts import (
    Fact,
    NotObserved,
    Question,
    confinement,
    observe,
    question,
    select,
    together,
)
from hostonly.facts.attempt import attempt
from hostonly.facts.fact import json_object
from hostonly.facts.limits import USERS, key_users, limits
from hostonly.facts.routes import route_to, routes
from hostonly.facts.search import search
from hostonly.host.limits import LIMITS
from hostonly.host.marker import Marker, marked
from hostonly.process import as_root
from hostonly.report.model import CheckResult
from hostonly.sandbox.machine import Machine
from hostonly.sandbox.names import machines, temporary
from hostonly.settings import Settings
from hostonly.vantages import Host, Vantage

NAME = "isolation"
ENGINE = Path("/var/run/docker.sock")
# curl's exit status where nobody listens.
REFUSED = 7

# /dev/.lxc has another /proc and /sys.
_WALK = shlex.split(
    "sudo find / -ignore_readdir_race"
    " '(' -path /proc -o -path /sys -o -path /dev/.lxc ')' -prune -o"
)
# All is asked at once, walks through all files among it: a limit for what would hang for ever.
SECONDS = 600.0


def check(settings: Settings, emit: Emit, only: str = "") -> CheckResult:
    """Look and try: at the machine called ``only``, or at the first one and the second where it was
    made."""
    start = time.monotonic()
    looked = [Machine(settings, emit, name) for name in ([only] if only else machines(settings))]
    results = [
        result
        for number, machine in enumerate(looked)
        if number == 0 or machine.status().state != "not_created"
        for result in _looked_at(machine, Judged(emit, of=machine.name if number else ""))
    ]
    return CheckResult(NAME, tuple(results), time.monotonic() - start)


def _looked_at(machine: Machine, claims: Judged) -> Sequence[ClaimResult]:
    """All claims of one machine, judged."""
    host, network = Host(), machine.settings.network
    state, way = machine.observed_state(), observe(host, route_to(machine.address))
    claims.judge(sandbox_running, {"machine": machine.name}, state=state)
    about: dict[str, object] = {
        "address": machine.address,
        "bridge": network.bridge,
        "source": str(network.host.ip),
    }
    claims.judge(route_host_only, about, way=way, routes=observe(host, routes()))
    closed = why_not_look(state, way, network.bridge)
    tried = probes(platform.machine())
    with machine.vantage() as sandbox, marked(temporary(machine.settings)) as marker:
        outside, inside = look_from_both(
            host,
            _looks_of_host(_init(host, machine.container) if closed is None else 0, marker),
            sandbox,
            _looks_inside(marker) | _tries(tried),
            closed,
            root=as_root([]),
            timeout=SECONDS,
        )
        layers = layers_of(host, machine.container, closed)
        found = found_of(host, sandbox, marker.process, layers)
    _judge_ids(claims, outside)
    _judge_views(claims, machine.container, marker, outside, inside)
    about = {"name": f"/etc/{marker.process}"}
    claims.judge(claims_of.written_to_layer, about, layers=layers, found=found)
    claims.judge(claims_of.base_unchanged, {}, **base_of(host, layers))
    _judge_shared(claims, outside, inside)
    _judge_engine(claims, host, outside, inside)
    for probe in tried:
        _judge_probe(claims, probe, inside)
    return claims.results


def _init(host: Vantage, container: str) -> int:
    """The process id of the sandbox's init on the host; 0, which is no process, where unknown."""
    asked = question(
        ["lxc-info", "--name", container, "--pid", "--no-humanize"],
        lambda said: int(said) if said.strip().isdecimal() else 0,
        root=True,
    )
    return observe(host, asked, root=as_root([])).value_or(0)


def _looks_of_host(init: int, marker: Marker) -> Questions:
    named = ["find", str(marker.file.parent), "-maxdepth", "1", "-name", marker.file.name]
    return {
        "users": confinement.id_map(init, "uid"),
        "groups": confinement.id_map(init, "gid"),
        "user owners": confinement.id_owners("uid"),
        "group owners": confinement.id_owners("gid"),
        "status": confinement.confined(init),
        "namespaces": confinement.namespaces(init),
        "own namespaces": confinement.namespaces(),
        "processes": confinement.processes(),
        "mounts": confinement.mounts(init),
        "own mounts": confinement.mounts(),
        "marked file": search(named, confinement.parse_paths),
        "keys": confinement.keys(),
        "key users": key_users(),
        "user limits": limits(USERS),
        "limits": limits(*LIMITS),
    }


def _looks_inside(marker: Marker) -> dict[str, Question[Any]]:
    devices = ["(", "-xtype", "b", "-o", "-xtype", "c", ")"]
    # -xtype asks of each file itself: a folder's list says of a device bound onto a file "file".
    stat = ["-exec", "stat", "-L", "-c", "%F|%t:%T|%n", "{}", "+"]
    named = ["(", "-name", marker.file.name, "-o", "-path", "/etc/hostname", ")", "-print"]
    in_sys = "sudo find /sys -path /sys/fs/cgroup -prune -o -type f -writable -print"
    in_groups = "sudo find /sys/fs/cgroup -ignore_readdir_race -type f -writable -print"
    in_proc = "mount -t proc proc /mnt && find /mnt/sys -type f -writable -print"
    switches = ["sudo", "unshare", "--mount", "sh", "-c", in_proc]

    def by_name(output: str) -> tuple[str, ...]:
        return tuple(path.removeprefix("/mnt/sys/") for path in confinement.parse_paths(output))

    return {
        "devices": search([*_WALK, *devices, *stat], confinement.parse_devices),
        "marked file": search([*_WALK, *named], confinement.parse_paths),
        "commands": question(
            ["ps", "-e", "-ww", "-o", "args="], confinement.parse_lines, root=True
        ),
        "sys": search(in_sys.split(), confinement.parse_paths),
        "groups": search(in_groups.split(), confinement.parse_paths),
        "switches": search(switches, by_name),
        "keys": confinement.keys(),
        "key users": key_users(),
        "user limits": limits(USERS),
        "engine": _engine(),
    }


def _engine(*, root: bool = False) -> Question[str]:
    """The id of the engine that answers by its socket."""
    argv = ["curl", "-sf", "-m", "5", "--unix-socket", str(ENGINE), "http://docker/info"]
    return question(argv, lambda output: str(json_object(output).get("ID", "")), root=root)


def _tries(tried: tuple[Probe, ...]) -> dict[str, Question[Any]]:
    looks: dict[str, Question[Any]] = {}
    for probe in tried:
        named = [*probe.tries.items(), *([probe.control] if probe.control else [])]
        for what, argv in named:
            looks[f"{probe.id}: {what}"] = attempt(what, argv)
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
    claims: Judged, container: str, marker: Marker, outside: Facts, inside: Facts
) -> None:
    about: dict[str, object] = {"harmless": HARMLESS}
    claims.judge(claims_of.harmless_devices, about, devices=inside["devices"])
    about = {"container": container, "nodes": tuple(f"/{node}" for node in NODES)}
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
    theirs = observe(host, _engine(root=True), root=as_root([]))
    if isinstance(theirs, NotObserved) and any(r.exit == REFUSED for r in theirs.evidence):
        claims.skip(
            claims_of.other_engine, f"no Docker engine listens on this machine's {ENGINE}", {}
        )
        return
    claims.judge(claims_of.other_engine, {}, host=theirs, sandbox=inside["engine"])
