"""The place of a registry's certificate; ``certificate.py``, which is slow to load, makes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate files of one registry.

    ``authority`` may be read by everybody, ``server`` (certificate, then private key, as HAProxy
    reads them) by its owner alone."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The authority's certificate, PEM, which an engine is given as ``ca.crt``."""
        return self.folder / "ca.crt"

    @property
    def server(self) -> Path:
        """The registry's certificate and private key, PEM, mode 0600."""
        return self.folder / "server.pem"
