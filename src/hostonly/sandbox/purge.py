"""Removing the caches: bases and boxes that no container needs, this checkout's keys and state."""

from __future__ import annotations

import shutil
from dataclasses import replace

from hostonly.events import Done, Emit, Unchanged, Warned
from hostonly.host import packages, unused_units
from hostonly.host.command import run
from hostonly.ownership import before, lock, owners
from hostonly.providers import PROVIDERS, provider_of
from hostonly.site import INSTANCES, STORE, Site


def purge(site: Site, emit: Emit) -> None:
    """Remove everything that only saves time: the next ``sandbox.up`` makes it again.

    What another checkout's sandbox uses stays. Debian packages stay: only the user may remove them.

    Raises:
        ToolFailed: what is in use could not be found out, or a removal failed.
    """
    with lock.sandboxes(site, "sandbox.destroy --purge", emit), lock.store(emit):
        for name in PROVIDERS:
            provider_of(site, replace(site.sandbox, provider=name)).purge(emit)
        there = [str(folder) for folder in (INSTANCES, STORE) if folder.exists()]
        run(["rmdir", "--ignore-fail-on-non-empty", *there], root=True, timeout=10)
        _tell_packages(site, emit)
        if left := (*before.sandboxes(site), *_of_copies(site)):
            emit(Unchanged(f"this checkout's keys stay, for {' and '.join(left)} needs them"))
            return
        shutil.rmtree(site.root / ".vagrant", ignore_errors=True)
        shutil.rmtree(site.state, ignore_errors=True)
        emit(Done("removed this checkout's keys and state"))


def _of_copies(site: Site) -> list[str]:
    """Return the sandboxes of checkouts inside this one's state: the integration tests' copy."""
    claimed = sorted(INSTANCES.iterdir()) if INSTANCES.exists() else []
    inside = f"{site.state}/"
    return [each.name for each in claimed if (owners.owner(each) or "").startswith(inside)]


def _tell_packages(site: Site, emit: Emit) -> None:
    masked = unused_units.masked_for(site.root)
    if masked:
        emit(
            Warned(
                "LXC's own network was kept off (it would forward for every interface) and stays so;"
                f" where you want it: {unused_units.unmask_line(masked)}"
            )
        )
    ours = packages.installed_for(site.root)
    if ours:
        emit(
            Warned(
                "these Debian packages were installed for hostonly and stay; where nothing else of"
                f" yours needs them: {packages.remove_line(ours)}"
            )
        )
