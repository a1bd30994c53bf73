"""Claims about what root in the sandbox is on the host, as the host's kernel shows it."""

from hostonly.claims.isolation.files import (
    base_unchanged,
    files_unseen,
    harmless_devices,
    no_agents,
    own_mounts,
    own_switches,
    own_sys,
    written_to_layer,
)
from hostonly.claims.isolation.identity import (
    cannot,
    capabilities_inside,
    filtered,
    nobody_elses,
    own_ids,
    own_namespaces,
    unprivileged,
)
from hostonly.claims.isolation.shared import half_at_most, own_quota, room_beside
from hostonly.claims.isolation.unseen import keys_unseen, other_engine, processes_unseen

__all__ = [
    "base_unchanged",
    "cannot",
    "capabilities_inside",
    "files_unseen",
    "filtered",
    "half_at_most",
    "harmless_devices",
    "keys_unseen",
    "no_agents",
    "nobody_elses",
    "other_engine",
    "own_ids",
    "own_mounts",
    "own_namespaces",
    "own_quota",
    "own_switches",
    "own_sys",
    "processes_unseen",
    "room_beside",
    "unprivileged",
    "written_to_layer",
]
