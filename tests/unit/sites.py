"""Sites other than the checkout's own: at another place, or of other settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from invoke.util import yaml

from hostonly.settings import Settings, settle
from hostonly.site import ROOT, Site, of_json, temporary_prefix

# A third machine, that differs from what `sandbox:` says.
DB: Mapping[str, object] = {"address": "172.16.0.9", "memory": 1024, "cpus": 1}


def at(site: Site, root: Path) -> Site:
    """``site`` as it would be if its checkout were at ``root``, with all that follows from that."""
    old, new = (json.dumps(str(path))[1:-1] for path in (site.root, root))
    data = json.loads(json.dumps(site.to_json()).replace(old, new))
    return replace(of_json(data), temporary=temporary_prefix(root))


def settled(**sections: Mapping[str, Any]) -> Site:
    """The site of the checkout's invoke.yaml where keys of its ``sections`` have other values."""
    data = yaml.safe_load((ROOT / "invoke.yaml").read_text(encoding="utf-8"))
    changed = {name: {**data[name], **keys} for name, keys in sections.items()}
    return settle(Settings.model_validate({**data, **changed}))
