"""Claims about who root in the sandbox is to the kernel, and what the kernel allows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hostonly.claims.claim import Judgement, claim
from hostonly.claims.leftovers import listed
from hostonly.facts.attempt import Attempt, AttemptOutcome
from hostonly.facts.confinement import Confined, Owned, Range

USERS = "user_namespaces(7)"


@claim("isolation.{id}", "Root in the sandbox cannot {what}.", source=f"{USERS}; capabilities(7)")
def cannot(*, id: str, what: str, tried: Sequence[Attempt], control: Attempt) -> Judgement:
    """Holds when every attempt was refused or found nothing, while the ``control`` was allowed.

    The ``control`` is something that root in the sandbox may do, tried by the same means."""
    if control.outcome is not AttemptOutcome.ALLOWED:
        return Judgement(None, f"the same means failed where they must work: {control}")
    if allowed := [each.what for each in tried if each.outcome is AttemptOutcome.ALLOWED]:
        return Judgement(False, f"allowed: {listed(allowed)}")
    if not tried:
        return Judgement(None, "nothing was tried")
    return Judgement(True, f"{listed([str(each) for each in tried])}; allowed is {control.what}")


@claim("isolation.ids", "Root in the sandbox is an unprivileged user on the host.", source=USERS)
def unprivileged(*, users: Sequence[Range], groups: Sequence[Range]) -> Judgement:
    """Holds when the sandbox's id 0 is mapped, and none of its ids to the host's root."""
    for kind, ranges in (("user", users), ("group", groups)):
        if found := [each for each in ranges if 0 in each]:
            return Judgement(False, f"{kind} ids include the host's 0: {found[0]}")
        if not any(each.inside == 0 for each in ranges):
            return Judgement(None, f"the sandbox's {kind} 0 is not mapped to any id")
    root = next(each.first for each in users if each.inside == 0)
    return Judgement(True, f"root there is user {root} here; {listed([str(r) for r in users])}")


@claim(
    "isolation.range.{kind}",
    "The sandbox's {kind} ids are nobody else's on the host.",
    source="subuid(5): ranges of two users must not overlap",
)
def nobody_elses(*, kind: str, mapped: Sequence[Range], taken: Sequence[Range]) -> Judgement:
    """Holds when the sandbox's ids overlap with no user and no other user's subordinate range.

    Root's own entry does not count: it allows LXC to use the range."""
    others = [each for each in taken if each.who != "range of root"]
    clashes = [str(each) for each in others if any(each.overlaps(ours) for ours in mapped)]
    if clashes:
        return Judgement(False, f"{listed([str(r) for r in mapped])} overlap {listed(clashes)}")
    return Judgement(True, f"none of {len(others)} users and ranges is among them")


@claim(
    "isolation.processes",
    "Every process of the sandbox runs as one of its own ids, seen from the host.",
    source=USERS,
)
def own_ids(*, processes: Sequence[Owned], namespace: str, mapped: Sequence[Range]) -> Judgement:
    """Holds when all processes in the sandbox's user namespace have uid and gid in its range."""
    inside = [each for each in processes if f"user:[{each.user_namespace}]" == namespace]
    if not inside:
        return Judgement(None, f"no process is seen in {namespace}")
    if not any(f"user:[{each.user_namespace}]" != namespace for each in processes):
        return Judgement(None, "no process is seen outside of it")
    strays = [
        f"{each.pid} {each.command[:40]} as {each.uid}:{each.gid}"
        for each in inside
        if not all(any(n in ours for ours in mapped) for n in (each.uid, each.gid))
    ]
    if strays:
        return Judgement(False, listed(strays))
    ids = {each.uid for each in inside}
    return Judgement(True, f"{len(inside)} processes as {len(ids)} users, all in the range")


@claim(
    "isolation.namespaces",
    "The sandbox shares no namespace with the host.",
    source="namespaces(7)",
)
def own_namespaces(*, host: Mapping[str, str], sandbox: Mapping[str, str]) -> Judgement:
    """Holds when the sandbox's init and a process of the host's share no namespace of any kind."""
    if host.keys() != sandbox.keys():
        return Judgement(None, f"seen are {', '.join(host)} here and {', '.join(sandbox)} there")
    if shared := [name for name in host if host[name] == sandbox[name]]:
        return Judgement(False, f"shared: {', '.join(shared)}")
    return Judgement(True, f"its own are {', '.join(sandbox)}")


@claim(
    "isolation.capabilities",
    "The capabilities of root in the sandbox count in its own user namespace, and not on the host.",
    source=f"{USERS}; capabilities(7)",
)
def capabilities_inside(*, confined: Confined, host: str, sandbox: str) -> Judgement:
    """Holds when the sandbox's user namespace is not the host's, or there is no capability at all.

    The reason lists the capabilities."""
    named = f"{len(confined.bounding)} in the bounding set: {' '.join(confined.bounding)}"
    if host == sandbox:
        return Judgement(not confined.effective and not confined.bounding, f"in {host}; {named}")
    return Judgement(True, f"in {sandbox}, while the host is {host}; {named}")


@claim(
    "isolation.filter",
    "A filter of system calls is in force in the sandbox.",
    source="seccomp(2); proc(5): Seccomp is 2",
)
def filtered(*, confined: Confined) -> Judgement:
    """Holds when the sandbox's init runs under a filter, which all its processes inherit."""
    return Judgement(confined.seccomp == 2, f"Seccomp: {confined.seccomp}")
