"""Looking at the registry from the host and from the sandbox."""

from __future__ import annotations

from hostonly.errors import HostonlyError, UsageError
from hostonly.registry.client import RegistryClient
from hostonly.registry.identity import Certificate
from hostonly.registry.inside import InsideLists
from hostonly.registry.inspect import inspect
from hostonly.registry.reference import Reference
from hostonly.registry.result import Inspection
from hostonly.site import Site
from hostonly.vantages import Vantage

PLACES = ("host", "sandbox")


def client(site: Site, *, page_size: int | None = None) -> RegistryClient:
    """A client for the sandbox's registry, as the host sees it."""
    return RegistryClient(
        site.sandbox.address,
        site.registry_port,
        bridge=site.bridge.name,
        page_size=page_size,
    )


def tls_client(site: Site) -> RegistryClient:
    """The same by TLS, where only this sandbox's own certificate will do."""
    return RegistryClient(
        site.sandbox.address,
        site.registry_port,
        bridge=site.bridge.name,
        authority=Certificate(site.state / "registry" / "sandbox").authority,
    )


def require_place(vantage: str) -> None:
    """Stop where ``vantage`` is no place to ask from. Raises UsageError."""
    if vantage not in PLACES:
        raise UsageError(f"--vantage: {vantage[:60]!r} is not allowed: {' or '.join(PLACES)}")


def repositories(site: Site, sandbox: Vantage, vantage: str) -> list[str]:
    """The catalog, all pages of it, as seen from ``vantage``, which is host or sandbox.

    Raises:
        UsageError: another word. HostonlyError: no readable answer.
    """
    require_place(vantage)
    if vantage == "host":
        return client(site).repositories()
    return InsideLists(sandbox, site.registry_port).repositories()


def inspection(site: Site, meant: Reference, *, verify: bool = False) -> Inspection:
    """What the registry serves for ``meant``.

    Raises:
        HostonlyError: there is nothing, or no answer.
    """
    found = inspect(client(site), meant, verify=verify)
    if found is None:
        raise HostonlyError(f"the registry has no {meant}", remedy="./inv registry.catalog")
    return found
