"""The lines that an engine tells while it pushes or pulls an image."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

from hostonly.errors import ToolFailed
from hostonly.events import Emit, Progress
from hostonly.image.engine import NO_ROOM

# What the engine says before it tries again by itself, up to five times and 75 seconds in all.
RETRYING = "Retrying in"

# What it says of a layer that has come, by a graph driver and by containerd.
CAME = ("Pull complete", "Download complete")

# What it says of a registry whose certificate nobody vouches for, or that it thinks must have one.
UNTRUSTED = ("certificate signed by unknown authority", "server gave HTTP response to HTTPS client")


def follow(
    lines: Generator[dict[str, Any]],
    ran: str,
    emit: Emit,
    hopeless: Callable[[], str | None] = lambda: None,
) -> set[str]:
    """Turn the engine's stream into progress, and return the layers that came by it.

    A layer is the first twelve digits of its digest. Where the engine is about to try again,
    ``hopeless`` may say why another attempt cannot do better either: the request is ended at once
    then. However this ends, nobody listens to the engine afterwards.

    Raises:
        ToolFailed: the engine could not do it; with its words.
        DockerException: the engine has no room left; ``understood`` makes one of our errors of it.
    """
    came = set()
    with closing(lines):
        for line in lines:
            status = str(line.get("status") or "")
            reason = hopeless() if "error" in line or status.startswith(RETRYING) else None
            if "error" in line or reason is not None:
                said = str(line.get("error") or "")
                if any(words in said for words in UNTRUSTED):
                    raise ToolFailed(
                        "the engine does not trust the sandbox's registry",
                        ran=ran,
                        output=said,
                        remedy="./inv registry.trust; the sandbox's own engine (--from or --to "
                        "sandbox) trusts it as it is",
                    )
                if reason is None and NO_ROOM in said:
                    from docker.errors import DockerException

                    # The engine's own disk: ``understood`` knows what to do there.
                    raise DockerException(said)
                raise ToolFailed(
                    "the engine could not finish it" + (f": {reason}" if reason else ""),
                    ran=ran,
                    output=said,
                    remedy="What the registry says: ./inv sandbox.exec -- "
                    "sudo journalctl -u docker-registry -n 20   Its room: ./inv registry.usage",
                )
            if status:
                emit(
                    Progress(
                        " ".join(str(line[k]) for k in ("id", "status", "progress") if line.get(k))
                    )
                )
            if status in CAME:
                came.add(str(line.get("id")))
    return came
