"""Claims that the sandbox cannot see the host's processes, keys and engine."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hostonly.claims.claim import Judgement, claim
from hostonly.claims.leftovers import listed


@claim(
    "isolation.unseen",
    "The host's processes are not to be seen from the sandbox.",
    source="pid_namespaces(7)",
)
def processes_unseen(*, marker: str, host: Sequence[str], sandbox: Sequence[str]) -> Judgement:
    """Holds when the host lists a process started for this claim, and the sandbox does not."""
    if not any(marker in command for command in host):
        return Judgement(None, "the marked process is not seen on the host either")
    if found := [command for command in sandbox if marker in command]:
        return Judgement(False, f"the sandbox lists {found[0]}")
    if not sandbox:
        return Judgement(None, "the sandbox lists no process at all")
    return Judgement(
        True, f"the host lists {len(host)} with it, the sandbox {len(sandbox)} without"
    )


@claim(
    "isolation.docker",
    "The engine in the sandbox is not the host's.",
    source="Docker Engine API: /info, ID",
)
def other_engine(*, host: str, sandbox: str) -> Judgement:
    """Holds when the two engines' own identifiers differ."""
    if not host or not sandbox:
        return Judgement(None, "an engine gave no identifier")
    return Judgement(host != sandbox, f"the host's is {host}, the sandbox's is {sandbox}")


@claim(
    "isolation.keys",
    "The sandbox sees no key of the host's users.",
    source="keyrings(7), user_namespaces(7)",
)
def keys_unseen(*, host: Collection[str], sandbox: Collection[str]) -> Judgement:
    """Holds when the sandbox lists no key, by its serial number, of the host's own users."""
    if shared := sorted(set(host) & set(sandbox)):
        return Judgement(False, f"the sandbox lists {listed(shared)}")
    if not host:
        return Judgement(None, "the host lists no key")
    return Judgement(True, f"none of the host's {len(host)} is among the {len(sandbox)} there")
