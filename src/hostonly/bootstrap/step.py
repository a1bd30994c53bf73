"""One step of making `.venv`: a command that python's and pip's own settings cannot lead astray."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hostonly.environment import environment
from hostonly.errors import ToolFailed
from hostonly.host import downloads
from hostonly.waiting import limit, more_patience

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


def run(command: Sequence[str], lock_file: int, what: str, root: Path) -> None:
    """Run one step in the checkout at `root`, quiet unless it fails. Raises `ToolFailed`, with its last lines."""
    site = {k: v for k, v in environment(os.environ).items() if k not in MISLEADING}
    site["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    site["PIP_NO_INPUT"] = "1"
    # python's own downloads honour SSL_CERT_FILE; older pips know only their own names for it.
    if "SSL_CERT_FILE" in site and "REQUESTS_CA_BUNDLE" not in site:
        site.setdefault("PIP_CERT", site["SSL_CERT_FILE"])
    shown = shlex.join(command)
    try:
        process = subprocess.Popen(
            command,
            env=site,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            pass_fds=[lock_file],
        )
    except OSError as error:
        raise ToolFailed(f"{what}: cannot be run: {error.strerror}", ran=shown) from error
    try:
        output, _ = process.communicate(timeout=limit(PIP_SECONDS))
    except subprocess.TimeoutExpired as error:
        raise ToolFailed(
            f"{what}: took longer than {limit(PIP_SECONDS):g} s", ran=shown, remedy=more_patience()
        ) from error
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode != 0:
        trouble = downloads.trouble(command, output, site)
        raise ToolFailed(
            f"{what}: {trouble.what if trouble else f'exit {process.returncode}'}",
            ran=shown,
            output=downloads.telling(output) if trouble else output,
            remedy=f"{trouble.remedy}   Then run it again; what is half-made is made anew."
            if trouble
            else "When the package index was out of reach: check network, proxy and "
            "certificates, then run it again; what is half-made is made anew.",
        )
