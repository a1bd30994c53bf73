"""Where the certificate of a sandbox's registry lies. `certificate.py` makes it, and takes longer to load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """The files of one registry: ``authority`` may be seen by everybody, ``server`` (certificate,
    then private key, as HAProxy reads them) by its owner alone."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The authority's certificate, PEM: what an engine is given as ``ca.crt``."""
        return self.folder / "ca.crt"

    @property
    def server(self) -> Path:
        """The registry's certificate and private key, PEM, mode 0600."""
        return self.folder / "server.pem"
