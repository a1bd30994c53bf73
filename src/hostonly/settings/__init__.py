"""The settings: `invoke.yaml`, layered by Invoke, turned once into frozen typed objects.

Every value a user can give is checked here, where it enters; nothing after
this asks again. Unknown keys and unknown `INVOKE_…` variables are refused,
because a setting that is silently ignored is worse than an error.
"""

from hostonly.settings.layers import load, read
from hostonly.settings.refusal import dotted_names, refusal, shown, variable
from hostonly.settings.sections import (
    ROOT,
    SSH_PORT,
    Hello,
    Image,
    Network,
    Registry,
    Sandbox,
    Settings,
)
from hostonly.settings.settle import settle
from hostonly.settings.values import DOCKER_RANGE

__all__ = [
    "DOCKER_RANGE",
    "ROOT",
    "SSH_PORT",
    "Hello",
    "Image",
    "Network",
    "Registry",
    "Sandbox",
    "Settings",
    "dotted_names",
    "load",
    "read",
    "refusal",
    "settle",
    "shown",
    "variable",
]
