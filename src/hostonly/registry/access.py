"""The registry as the host and the sandbox see it."""

from __future__ import annotations

from hostonly.errors import HostonlyError, UsageError
from hostonly.registry.client import RegistryClient
from hostonly.registry.identity import Certificate
from hostonly.registry.inside import InsideLists
from hostonly.registry.inspect import inspect
from hostonly.registry.reference import Reference
from hostonly.results.registry import Inspection
from hostonly.site import Site
from hostonly.vantages import Vantage

PLACES = ("host", "sandbox")


def client(site: Site, *, page_size: int | None = None) -> RegistryClient:
    """Return a client for the sandbox's registry, as the host sees it."""
    return RegistryClient(
        site.sandbox.address,
        site.registry_port,
        bridge=site.bridge.name,
        page_size=page_size,
    )


def tls_client(site: Site) -> RegistryClient:
    """Return a client that speaks TLS and takes only this sandbox's own certificate."""
    return RegistryClient(
        site.sandbox.address,
        site.registry_port,
        bridge=site.bridge.name,
        authority=Certificate(site.state / "registry" / "sandbox").authority,
    )


def require_place(vantage: str) -> None:
    """Refuse a ``vantage`` that is neither host nor sandbox.

    Raises:
        UsageError: it is another word.
    """
    if vantage not in PLACES:
        raise UsageError(f"--vantage: {vantage[:60]!r} is not allowed: {' or '.join(PLACES)}")


def repositories(site: Site, sandbox: Vantage, vantage: str) -> list[str]:
    """Return the catalog, all pages of it, as seen from ``vantage``, which is host or sandbox.

    Raises:
        UsageError: ``vantage`` is another word.
        HostonlyError: there is no readable answer.
    """
    require_place(vantage)
    if vantage == "host":
        return client(site).repositories()
    return InsideLists(sandbox, site.registry_port).repositories()


def inspection(site: Site, meant: Reference, *, verify: bool = False) -> Inspection:
    """Return what the registry serves for ``meant``.

    Raises:
        HostonlyError: the registry has nothing there, or does not answer.
    """
    found = inspect(client(site), meant, verify=verify)
    if found is None:
        raise HostonlyError(f"the registry has no {meant}", remedy="./inv registry.catalog")
    return found
