"""Looking at the registry from the host and from the sandbox."""

from __future__ import annotations

import json

from hostonly.errors import HostonlyError, UsageError
from hostonly.registry.client import RegistryClient
from hostonly.registry.service import catalog_command
from hostonly.settings import Settings
from hostonly.vantages import Vantage


def client(settings: Settings) -> RegistryClient:
    """A client for the sandbox's registry, as the host sees it."""
    return RegistryClient(
        str(settings.network.sandbox), settings.registry.port, bridge=settings.network.bridge
    )


def repositories(settings: Settings, sandbox: Vantage, vantage: str) -> list[str]:
    """The catalog as seen from ``vantage``, which is host or sandbox.

    Raises:
        UsageError: another word. HostonlyError: no readable answer.
    """
    if vantage == "host":
        return client(settings).repositories()
    if vantage != "sandbox":
        raise UsageError(f"--vantage: {vantage[:60]!r} is not allowed: host or sandbox")
    result = sandbox.run(catalog_command(settings))
    try:
        if not result.ok:
            raise ValueError
        return [str(name) for name in json.loads(result.stdout)["repositories"]]
    except (ValueError, KeyError, TypeError) as error:
        raise HostonlyError(
            "the registry gave no catalog inside the sandbox",
            ran=result.command,
            output=result.output,
            remedy="./inv registry.up",
        ) from error
