"""What a case of a claim is. The cases are in the modules ``cases*.py`` beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hostonly.claims import Claim


@dataclass(frozen=True)
class Case:
    """`claim` judged `about` this of fact `values` comes to `holds`; `says` is in its reason."""

    claim: Claim
    holds: bool | None
    values: dict[str, Any]
    about: dict[str, object]
    says: str = ""
