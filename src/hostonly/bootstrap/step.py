"""One step of making ``.venv``: a command that settings of python and pip cannot lead astray."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hostonly.errors import ToolFailed
from hostonly.flock import Lock
from hostonly.host import command

# Settings of the caller's pip that would put packages elsewhere than into .venv, or
# variables that would let python see packages from elsewhere. Index, proxy, certificate
# and cache settings (PIP_INDEX_URL, PIP_CERT, HTTPS_PROXY, ...) are kept.
MISLEADING = (
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_PYTHON",
    "PIP_REQUIREMENT",
    "PIP_CONSTRAINT",
    "PIP_NO_DEPS",
    "PIP_DRY_RUN",
)

PIP_SECONDS = 1200


def run(argv: Sequence[str], lock: Lock, what: str, root: Path) -> None:
    """Run one step in the checkout at ``root``, quiet unless it fails; it holds ``lock`` as we do.

    Raises:
        ToolFailed: it failed; its last lines are with it.
    """
    site: dict[str, str | None] = dict.fromkeys(MISLEADING)
    site |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    # python's own downloads honour SSL_CERT_FILE; older pips know only their own names for it.
    if "SSL_CERT_FILE" in os.environ and not {"REQUESTS_CA_BUNDLE", "PIP_CERT"} & set(os.environ):
        site["PIP_CERT"] = os.environ["SSL_CERT_FILE"]
    try:
        command.run(argv, cwd=root, env=site, timeout=PIP_SECONDS, held=[lock.descriptor])
    except ToolFailed as error:
        first = error.remedy or (
            "When the package index was out of reach: check network, proxy and certificates."
        )
        raise ToolFailed(
            f"{what}: {error.what}",
            ran=error.ran,
            output=error.output,
            remedy=f"{first}   Then run it again; what is half-made is made anew.",
        ) from error
