"""The error for a wrong setting: one line with the key, the value and what is allowed."""

from __future__ import annotations

import os
from collections.abc import Iterable

from pydantic import ValidationError

from hostonly.errors import SettingsError, shown
from hostonly.settings.sections import MACHINES, SECTIONS, MachineSettings, Section, Settings


def dotted_names(machines: Iterable[str] = ()) -> list[str]:
    """Return all settings' dotted names, with those of the ``machines`` that have a section."""
    sections = SECTIONS | {f"{MACHINES}.{name}": MachineSettings for name in machines}
    return [f"{name}.{key}" for name, model in sections.items() for key in model.model_fields]


def variable(key: str) -> str:
    """Return the environment variable that overrides the setting ``key``."""
    return "INVOKE_" + key.replace(".", "_").upper()


def refusal(key: str, value: object, allowed: str | None = None) -> SettingsError:
    """Return the error for a value of ``key``; ``allowed`` is the key's own where it is None."""
    if allowed is None:
        section, _, field = key.rpartition(".")
        model = _section(section)
        known = (model.model_fields if model else Settings.model_fields).get(field)
        allowed = (known.description if known else None) or "nothing"
    origin = f" (from {variable(key)})" if variable(key) in os.environ else ""
    return SettingsError(f"{key}: {shown(value)}{origin} is not allowed: {allowed}")


def _section(name: str) -> type[Section] | None:
    """Return the class of the section ``name``; a machine's section is ``machines.NAME``."""
    return MachineSettings if name.startswith(f"{MACHINES}.") else SECTIONS.get(name)


def unknown(key: str, value: object, known: list[str]) -> SettingsError:
    """Return the error for a ``key`` that is not ``known``, with the nearest one that is."""
    from difflib import get_close_matches

    near = get_close_matches(key[:100], known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    name = key if key.isprintable() and len(key) <= 60 else shown(key)
    return SettingsError(
        f"{name}: {shown(value)} is for an unknown key; {meant}known are {', '.join(known)}"
    )


def translated(error: ValidationError) -> SettingsError:
    """Return the first of pydantic's errors, as one line."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "conflict":
        context = first["ctx"]
        key = f"{key}.{context['key']}" if key else context["key"]
        return refusal(key, context["value"], context["allowed"])
    section, _, field = key.rpartition(".")
    if field == "[key]":
        # The name of a machine is the wrong value.
        return refusal(MACHINES, section.removeprefix(f"{MACHINES}."))
    if first["type"] == "extra_forbidden":
        model = _section(section)
        fields = [f"{section}.{name}" for name in model.model_fields] if model else list(SECTIONS)
        return unknown(key, first["input"], fields)
    if first["type"] == "missing":
        return SettingsError(f"{key}: is missing from the settings (invoke.yaml)")
    return refusal(key, first["input"])
