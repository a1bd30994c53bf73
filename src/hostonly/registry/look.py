"""Looking at the registry from the host and from the sandbox."""

from __future__ import annotations

from hostonly.errors import HostonlyError, UsageError
from hostonly.registry.client import RegistryClient
from hostonly.registry.identity import Certificate
from hostonly.registry.inside import InsideLists
from hostonly.registry.inspect import inspect
from hostonly.registry.reference import Reference
from hostonly.results.registry import Inspection
from hostonly.settings import Settings
from hostonly.vantages import Vantage

PLACES = ("host", "sandbox")


def client(settings: Settings, *, page_size: int | None = None) -> RegistryClient:
    """A client for the sandbox's registry, as the host sees it."""
    return RegistryClient(
        str(settings.network.sandbox),
        settings.registry.port,
        bridge=settings.network.bridge,
        page_size=page_size,
    )


def tls_client(settings: Settings) -> RegistryClient:
    """The same by TLS, where only this sandbox's own certificate will do."""
    return RegistryClient(
        str(settings.network.sandbox),
        settings.registry.port,
        bridge=settings.network.bridge,
        authority=Certificate(settings.state / "registry" / "sandbox").authority,
    )


def require_place(vantage: str) -> None:
    """Stop where ``vantage`` is no place to ask from. Raises UsageError."""
    if vantage not in PLACES:
        raise UsageError(f"--vantage: {vantage[:60]!r} is not allowed: {' or '.join(PLACES)}")


def repositories(settings: Settings, sandbox: Vantage, vantage: str) -> list[str]:
    """The catalog, all pages of it, as seen from ``vantage``, which is host or sandbox.

    Raises:
        UsageError: another word. HostonlyError: no readable answer.
    """
    require_place(vantage)
    if vantage == "host":
        return client(settings).repositories()
    return InsideLists(sandbox, settings.registry.port).repositories()


def inspection(settings: Settings, meant: Reference, *, verify: bool = False) -> Inspection:
    """What the registry serves for ``meant``.

    Raises:
        HostonlyError: there is nothing, or no answer.
    """
    found = inspect(client(settings), meant, verify=verify)
    if found is None:
        raise HostonlyError(f"the registry has no {meant}", remedy="./inv registry.catalog")
    return found
