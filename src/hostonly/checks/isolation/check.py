"""The check that root in the sandbox is kept apart from the host, from outside and from inside.

Nothing is changed: a file is written in the sandbox and removed again, a process and a file on the
host are there while they are looked for.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from hostonly.checks.both_sides import Questions, judge_the_way, look_from_both
from hostonly.checks.isolation.layers import base_of, found_of, layers_of
from hostonly.checks.isolation.marker import Marker, marked
from hostonly.checks.isolation.probes import Probe, probes
from hostonly.checks.isolation.verdicts import Seen, judge
from hostonly.facts import (
    Fact,
    NotObserved,
    Question,
    confinement,
    observe,
    question,
)
from hostonly.facts.attempt import attempt
from hostonly.facts.fact import json_object
from hostonly.facts.limits import USERS, key_users, limits
from hostonly.facts.search import search
from hostonly.host.limits import LIMITS
from hostonly.process import as_root
from hostonly.sandbox.machine import Machine
from hostonly.site import Site
from hostonly.stage.judge import Judge
from hostonly.vantages import Host, Vantage

ENGINE = Path("/var/run/docker.sock")
# curl's exit status where nobody listens.
REFUSED = 7

# All is asked at once, walks through all files among it: a limit for what would hang for ever.
SECONDS = 600.0


def check(site: Site, claims: Judge, only: str = "") -> None:
    """Check the machine called ``only``; without a name, the first and others that were made."""
    first, *others = [Machine(site, claims.emit, name) for name in ([only] if only else site.names)]
    _look_at(first, claims)
    for machine in others:
        if machine.status().state != "not_created":
            _look_at(machine, claims.of(machine.name))


def _look_at(machine: Machine, claims: Judge) -> None:
    """Judge all claims of one machine."""
    host, site = Host(), machine.site
    closed = judge_the_way(claims, host, machine)
    tried = probes(platform.machine())
    with machine.vantage() as sandbox, marked(site.temporary) as marker:
        outside, inside = look_from_both(
            host,
            _looks_of_host(_init(host, machine) if closed is None else 0, marker),
            sandbox,
            _looks_inside(marker, machine) | _tries(tried),
            closed,
            root=as_root([]),
            timeout=SECONDS,
        )
        layers = layers_of(host, machine, closed)
        found = found_of(host, sandbox, marker.process, layers)
    seen = Seen(outside, inside, layers, found, base_of(host, layers), engine_of(host))
    judge(claims, machine, marker, tried, seen)


def _init(host: Vantage, machine: Machine) -> int:
    """Return the host's process id of the sandbox's init; 0, which is no process, where unknown."""
    return observe(host, machine.provider.init(), root=as_root([])).value_or(0)


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


def _looks_inside(marker: Marker, machine: Machine) -> dict[str, Question[Any]]:
    elsewhere = [word for path in machine.provider.own_views for word in ("-o", "-path", path)][1:]
    walk = ["sudo", "find", "/", "-ignore_readdir_race", "(", *elsewhere, ")", "-prune", "-o"]
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
        "devices": search([*walk, *devices, *stat], confinement.parse_devices),
        "marked file": search([*walk, *named], confinement.parse_paths),
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
    """Return the question for the id of the engine that answers by its socket."""
    argv = ["curl", "-sf", "-m", "5", "--unix-socket", str(ENGINE), "http://docker/info"]
    return question(argv, lambda output: str(json_object(output).get("ID", "")), root=root)


def _tries(tried: tuple[Probe, ...]) -> dict[str, Question[Any]]:
    looks: dict[str, Question[Any]] = {}
    for probe in tried:
        named = [*probe.tries.items(), *([probe.control] if probe.control else [])]
        for what, argv in named:
            looks[f"{probe.id}: {what}"] = attempt(what, argv)
    return looks


def engine_of(host: Vantage) -> Fact[str] | str:
    """Return the id of this machine's own Docker engine, or why it has none."""
    if not ENGINE.exists():
        return f"this machine has no Docker: no {ENGINE}"
    theirs = observe(host, _engine(root=True), root=as_root([]))
    if isinstance(theirs, NotObserved) and any(r.exit == REFUSED for r in theirs.evidence):
        return f"no Docker engine listens on this machine's {ENGINE}"
    return theirs
