"""What a demo stands on: the places to look from, and the image to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hostonly.events import Emit
from hostonly.report.model import SandboxAbout
from hostonly.settings import Settings
from hostonly.vantages import Vantage


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """The image that was built here: ``reference`` is where it was pushed to
    (``localhost:5000/hello-socket``), ``id`` what the engine calls it (``sha256:…``). The
    reference may come to name something else; the id cannot."""

    reference: str
    id: str


@dataclass(frozen=True, slots=True)
class Testbed:
    """A sandbox that is up, with its registry and the image in it."""

    # pytest takes classes called Test… for its own.
    __test__ = False

    settings: Settings
    host: Vantage
    sandbox: Vantage
    about: SandboxAbout
    image: BuiltImage
    second_sandbox: Callable[[], Vantage]


def ready(settings: Settings, emit: Emit) -> Testbed:
    """Bring the sandbox up and the image into its registry, where either is missing.

    Raises:
        hostonly.errors.HostonlyError: one of them could not be done.
    """
    raise NotImplementedError("the lead fills this in from hostonly.sandbox and hostonly.image")
