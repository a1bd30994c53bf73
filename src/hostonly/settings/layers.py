"""The way from Invoke's layers, or from one file, to ``Settings``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from invoke import Context
from invoke.config import Config
from pydantic import ValidationError

from hostonly.errors import SettingsError, shown
from hostonly.settings.refusal import dotted_names, translated, unknown, variable
from hostonly.settings.sections import MACHINES, SECTIONS, Settings
from hostonly.site import ROOT


def load(config: Config | Context, root: Path = ROOT) -> Settings:
    """Return the settings of the running task.

    Files of the user and the machine (``~/.invoke.yaml``) may hold keys of other projects; the
    project's and that of ``-f`` may not.

    Raises:
        SettingsError: they are wrong; one line.
    """
    if isinstance(config, Context):
        config = config.config
    for level in ("_project", "_runtime"):
        _refuse_unknown(getattr(config, level, None) or {}, own=Config.global_defaults())
    merged: Mapping[str, Any] = config._config
    machines = merged.get(MACHINES)
    _refuse_unknown_variables(machines if isinstance(machines, Mapping) else {})
    return _checked({name: merged[name] for name in (*SECTIONS, MACHINES) if name in merged}, root)


def read(path: Path, root: Path = ROOT) -> Settings:
    """Return the settings of one file alone, without Invoke's layers.

    Raises:
        SettingsError: the file is wrong; one line.
    """
    from invoke.util import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise SettingsError(f"{path}: must hold keys and values, not {shown(data)}")
    _refuse_unknown(data, own={})
    return _checked(data, root)


def _refuse_unknown(data: Mapping[Any, Any], own: Mapping[str, Any]) -> None:
    for key, value in data.items():
        if key not in (*SECTIONS, MACHINES, *own, "debug"):
            raise unknown(str(key), value, list(SECTIONS))


def _refuse_unknown_variables(machines: Mapping[str, Any]) -> None:
    """Refuse a variable that Invoke would pass over: a typing error would change nothing."""
    known = {variable(key) for key in dotted_names(map(str, machines))}
    own = {"INVOKE_RUNTIME_CONFIG", "INVOKE_DEBUG"}
    own.update("INVOKE_" + path.upper() for path in _paths(Config.global_defaults()))
    for name, value in sorted(os.environ.items()):
        if name.startswith("INVOKE_") and name not in known | own:
            raise unknown(name, value, sorted(known))


def _paths(data: Mapping[str, Any]) -> Iterator[str]:
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from (f"{key}_{rest}" for rest in _paths(value))
        else:
            yield str(key)


def _checked(data: Mapping[str, Any], root: Path) -> Settings:
    try:
        return Settings.model_validate({**data, "root": root})
    except ValidationError as error:
        raise translated(error) from error
