"""What the registry's tests type, on the host and in the sandbox."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from hostonly.site import Site
from tests.integration.command_line import did

FOLDER = "/var/lib/docker-registry"
REPOSITORIES = f"{FOLDER}/docker/registry/v2/repositories"
BLOBS = f"{FOLDER}/docker/registry/v2/blobs/sha256"


def document(*words: str) -> dict[str, Any]:
    """What ``./inv WORDS --json`` printed."""
    found: dict[str, Any] = json.loads(did(*words, "--json").stdout)
    assert found["schema"] == "hostonly/1"
    return found


def inside(line: str, *, timeout: float = 120) -> str:
    """A shell line as root in the sandbox, which must work; its standard output."""
    return did("sandbox.exec", "--", "sudo", "bash", "-ec", line, timeout=timeout).stdout


def curl(*words: str) -> subprocess.CompletedProcess[str]:
    """curl on the host, without anybody's configuration or proxy."""
    return subprocess.run(
        ["curl", "-q", "-sS", "--noproxy", "*", "-m", "10", *words],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def address(site: Site) -> str:
    """``ADDRESS:PORT`` of the registry, as the tutorial types it on the host."""
    return f"{site.sandbox.address}:{site.registry_port}"


def push_small(site: Site, name: str, content: str = "") -> None:
    """Push an image of one tiny layer as ``name[:tag]``, by the sandbox's own engine."""
    to = f"localhost:{site.registry_port}/{name}"
    inside(
        f"d=$(mktemp -d); echo {content or name} >$d/file; tar -C $d -c . | docker import - {to};"
        f" docker push -q {to}; docker image rm {to}"
    )


def catalog() -> list[str]:
    """The repositories that the registry lists."""
    found: list[str] = document("registry.catalog")["repositories"]
    return found
