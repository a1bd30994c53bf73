"""Claims about the kernel's limits that a sandbox shares with its host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hostonly.claims.claim import Judgement, claim
from hostonly.claims.leftovers import listed
from hostonly.facts.confinement import Range

INSTANCES = "user/max_inotify_instances"


@claim(
    "isolation.half",
    "Of inotify and fanotify one user of the sandbox may have half of what the host's root may, at most.",
    source="user_namespaces(7), /proc/sys/user: what is inside counts as the namespace's owner's, too",
)
def half_at_most(*, host: Mapping[str, int], sandbox: Mapping[str, int]) -> Judgement:
    """Holds when each limit there is at most half of the host's; inotify's must be among them."""
    if INSTANCES not in host or not host.keys() <= sandbox.keys():
        return Judgement(None, f"seen are {listed(list(host))} here, {listed(list(sandbox))} there")
    pairs = {name: (sandbox[name], limit) for name, limit in host.items()}
    told = [f"{name.removeprefix('user/max_')} {of[0]} of {of[1]}" for name, of in pairs.items()]
    more = [
        text for text, (there, here) in zip(told, pairs.values(), strict=True) if there * 2 > here
    ]
    return Judgement(not more, listed(more or told))


@claim(
    "isolation.room",
    "What sandboxes share with this machine is raised so that there is room beside them.",
    source="inotify(7), fanotify(7), the kernel's ip-sysctl: gc_thresh is for all network namespaces",
)
def room_beside(*, needed: Mapping[str, int], limits: Mapping[str, int]) -> Judgement:
    """Holds when each limit that this kernel shows is at least as high as ``needed``."""
    if not any(name in limits for name in needed):
        return Judgement(None, "none of them is seen")
    low = [
        f"{name} is {limits[name]}"
        for name in needed
        if limits.get(name, needed[name]) < needed[name]
    ]
    if low:
        return Judgement(False, f"{listed(low)}: ./inv sandbox.up raises it")
    return Judgement(True, listed([f"{name} {limits[name]}" for name in needed if name in limits]))


@claim(
    "isolation.key-quota",
    "The keys of the sandbox's users count against quotas of their own, and not the host's users'.",
    source="keyrings(7), /proc/key-users: a quota is a uid's, as the host counts uids",
)
def own_quota(
    *, host: Mapping[int, str], sandbox: Mapping[int, str], mapped: Sequence[Range]
) -> Judgement:
    """Holds when the host counts all keys of the sandbox's users under ids of the sandbox's own."""
    outside = {uid: _outside(uid, mapped) for uid in sandbox}
    if 0 not in outside:
        return Judgement(None, "not even root is seen to have keys there")
    if 0 in outside.values():
        return Judgement(False, "they count as the host's root's")
    uncounted = [str(uid) for uid, here in outside.items() if here is None or here not in host]
    if uncounted:
        return Judgement(None, f"where the keys of {listed(uncounted)} count is not seen")
    root = outside[0]
    assert root is not None
    return Judgement(
        True,
        f"root's there are user {root}'s here, {host[root]}; the host's root has {host.get(0)}",
    )


def _outside(uid: int, mapped: Sequence[Range]) -> int | None:
    """Returns the host's number for ``uid`` in the sandbox; None where it is not mapped."""
    for each in mapped:
        if each.inside <= uid < each.inside + each.count:
            return each.first + uid - each.inside
    return None
