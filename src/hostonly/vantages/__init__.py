"""Places to look from.

Transport ends here: nobody above knows whether a command went through a subprocess, an SSH channel
or ``docker exec``."""

from hostonly.vantages.container import Container, Namespace
from hostonly.vantages.host import Host
from hostonly.vantages.sandbox import Sandbox, SshTarget
from hostonly.vantages.vantage import (
    NOT_FOUND,
    TIMED_OUT,
    Result,
    Secret,
    Vantage,
    shown,
    typed_on_host,
)

__all__ = [
    "NOT_FOUND",
    "TIMED_OUT",
    "Container",
    "Host",
    "Namespace",
    "Result",
    "Sandbox",
    "Secret",
    "SshTarget",
    "Vantage",
    "shown",
    "typed_on_host",
]
