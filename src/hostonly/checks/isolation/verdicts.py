"""The judging of check.isolation's claims: facts come in, and nothing is asked."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hostonly.checks.both_sides import Facts
from hostonly.checks.isolation.marker import Marker
from hostonly.checks.isolation.probes import HARMLESS, NODES, OWN_SWITCHES, Probe
from hostonly.claims import isolation as claims_of
from hostonly.facts import Fact, NotObserved, select, together
from hostonly.facts import confinement as read
from hostonly.host.limits import LIMITS
from hostonly.sandbox.machine import Machine
from hostonly.stage.judge import Judge


@dataclass(frozen=True, slots=True)
class Seen:
    """The facts about one machine: ``outside`` from the host, ``inside`` from the sandbox.

    ``layers``, ``found`` and ``base`` are about its files, as the claims need them. ``engine`` is
    the id of this machine's own engine, or why it has none."""

    outside: Facts
    inside: Facts
    layers: Fact[read.Layers]
    found: Fact[tuple[str, ...]]
    base: Facts
    engine: Fact[str] | str


def judge(
    claims: Judge, machine: Machine, marker: Marker, tried: Sequence[Probe], seen: Seen
) -> None:
    """Judge what was ``seen`` of the sandbox ``machine``; ``tried`` are the probes of it."""
    outside, inside = seen.outside, seen.inside
    _judge_ids(claims, outside)
    _judge_views(claims, machine, marker, outside, inside)
    about: dict[str, object] = {"name": f"/etc/{marker.process}"}
    claims.judge(claims_of.written_to_layer, about, layers=seen.layers, found=seen.found)
    claims.judge(claims_of.base_unchanged, {}, **seen.base)
    _judge_shared(claims, outside, inside)
    if isinstance(seen.engine, str):
        claims.skip(claims_of.other_engine, seen.engine)
    else:
        claims.judge(claims_of.other_engine, {}, host=seen.engine, sandbox=inside["engine"])
    for probe in tried:
        _judge_probe(claims, probe, inside)


def _judge_probe(claims: Judge, probe: Probe, inside: Facts) -> None:
    if probe.control is None:
        unknown = NotObserved(f"the system calls of {platform.machine()} are not known here")
        facts: dict[str, Fact[Any]] = {"tried": unknown, "control": unknown}
    else:
        tried = together([inside[f"{probe.id}: {what}"] for what in probe.tries])
        facts = {"tried": tried, "control": inside[f"{probe.id}: {probe.control[0]}"]}
    claims.judge(claims_of.cannot, {"id": probe.id, "what": probe.what}, **facts)


def _user(namespaces: Fact[Mapping[str, str]]) -> Fact[str]:
    return select(namespaces, lambda links: links["user"])


def _judge_ids(claims: Judge, outside: Facts) -> None:
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
    claims: Judge, machine: Machine, marker: Marker, outside: Facts, inside: Facts
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


def _judge_shared(claims: Judge, outside: Facts, inside: Facts) -> None:
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
