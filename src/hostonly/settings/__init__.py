"""The settings: ``invoke.yaml``, layered by Invoke, turned once into frozen typed objects.

Every value a user can give is checked here, where it enters; nothing after this asks again. Unknown
keys and unknown ``INVOKE_…`` variables are refused, as a setting that is ignored is worse than an
error.
"""

from hostonly.settings.derive import settle
from hostonly.settings.layers import load, read
from hostonly.settings.refusal import dotted_names, refusal, variable
from hostonly.settings.sections import Settings

__all__ = ["Settings", "dotted_names", "load", "read", "refusal", "settle", "variable"]
