"""Claims about ports that are in use already, and about the engine's restart."""

from __future__ import annotations

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.docker import DockerContainer

# bind(2): EADDRINUSE in the C library's words, which Java repeats.
IN_USE = "Address already in use"


@claim(
    "port.shared",
    "{name} cannot listen on port {port} as well: {first} has it, in the same network.",
    source="Tutorial, container networking; bind(2)",
)
def port_shared(
    *, name: str, port: int, first: str, container: DockerContainer, logs: str
) -> Judgement:
    """Holds when the container ended, not with status 0, and said that ``port`` is in use."""
    state = f"{name} is {container.status} with {container.exit_code}"
    said = logs.strip().splitlines()
    words = f"{state}: {said[-1] if said else 'it said nothing'}"
    if container.running or container.exit_code == 0:
        return Judgement(False, words)
    return Judgement(IN_USE in logs and str(port) in logs, words)


@claim(
    "port.taken",
    "A second container that publishes port {port} is refused, and stays `created`.",
    source="docker-run(1): exit status 125; Docker Engine API, ContainerInspect: State",
)
def port_taken(*, port: int, container: DockerContainer) -> Judgement:
    """Holds when the container was made and never started, because the port is allocated."""
    words = f"{container.name} is {container.status}: {container.error or 'no error'}"
    refused = f":{port} failed: port is already allocated" in container.error
    return Judgement(refused and container.status == "created" and not container.running, words)


@claim(
    "others.running",
    "What else ran on the sandbox before the engine was restarted runs again.",
    source="dockerd(8): a restarted engine starts what has a restart policy, and nothing else",
)
def others_running(
    *, ours: str, before: tuple[DockerContainer, ...], after: tuple[DockerContainer, ...]
) -> Judgement:
    """Holds when every container that ran ``before``, except the demo's ``ours``, runs ``after``.

    Fails with the names of those that do not."""
    others = {each.id: each.name for each in before if each.name != ours}
    running = {each.id for each in after}
    down = [name for id, name in others.items() if id not in running]
    if down:
        return Judgement(False, f"{', '.join(down)} ran before, and does not now")
    return Judgement(True, ", ".join(others.values()) or "nothing else ran")
