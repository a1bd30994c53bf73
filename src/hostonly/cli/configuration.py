"""Invoke's configuration for this checkout; a file or variable that cannot be read is one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from invoke.config import Config, merge_dicts
from invoke.exceptions import AmbiguousEnvVar, UncastableEnvVar

from hostonly.cli.wording import short
from hostonly.errors import SettingsError, UsageError
from hostonly.site import ROOT


class ProjectConfig(Config):
    """Invoke's configuration, with the tasks of this checkout from every working directory.

    Raises:
        UsageError: a file cannot be read.
        SettingsError: a variable cannot be read.
    """

    @staticmethod
    def global_defaults() -> dict[str, Any]:
        """Return Invoke's own defaults, but for the folder in which tasks.py is searched."""
        defaults: dict[str, Any] = Config.global_defaults()
        merge_dicts(defaults, {"tasks": {"search_root": str(ROOT)}})
        return defaults

    def load_runtime(self, merge: bool = True) -> None:
        """Load the file of ``-f FILE``, which must exist: Invoke passes over a missing one."""
        path = self._runtime_path
        if path is not None:
            file = Path(path).expanduser()
            if file.suffix not in (".yaml", ".yml", ".json", ".py"):
                raise UsageError(f"-f {short(path)}: must end in .yaml, .yml, .json or .py")
            if file.is_dir():
                raise UsageError(f"-f {short(path)}: is a directory, not a file")
            if not file.exists():
                raise UsageError(f"-f {short(path)}: there is no such file")
        super().load_runtime(merge=merge)

    def _load_file(self, prefix: str, absolute: bool = False, merge: bool = True) -> None:
        try:
            super()._load_file(prefix, absolute=absolute, merge=merge)
        except Exception as error:
            name = self._runtime_path if prefix == "runtime" else f"invoke.yaml ({prefix})"
            if isinstance(error, OSError):
                reason = error.strerror or str(error)
            else:
                # A YAML error is a small essay; its place and problem make one line.
                reason = " ".join(str(error).split()) or type(error).__name__
            raise UsageError(f"{short(name)}: cannot be read: {short(reason, 200)}") from error
        data = getattr(self, f"_{prefix}")
        if data is None:
            # An empty file is None to YAML; to Invoke, that is a crash later on.
            self._set(f"_{prefix}", {})
        elif not isinstance(data, dict):
            name = self._runtime_path if prefix == "runtime" else f"invoke.yaml ({prefix})"
            raise UsageError(f"{short(name)}: must hold keys and values, not {short(data)}")

    def merge(self) -> None:
        """Merge all levels; a section that is a plain value in one of them is refused here."""
        try:
            super().merge()
        except Exception as error:
            if type(error).__name__ != "AmbiguousMergeError":
                raise
            key, value = _misshapen(self._project or {}, self._runtime or {})
            raise SettingsError(
                f"{key}: {short(repr(value))} is not allowed: "
                + ("one value, no section" if isinstance(value, dict) else "a section with keys")
            ) from error

    def load_shell_env(self) -> None:
        """Load ``INVOKE_…`` variables, which Invoke casts to the type of their setting."""
        try:
            super().load_shell_env()
        except (ValueError, TypeError, UncastableEnvVar, AmbiguousEnvVar) as error:
            raise self._bad_variable(error) from error

    def _bad_variable(self, error: Exception) -> SettingsError:
        for variable, value in sorted(os.environ.items()):
            if not variable.startswith("INVOKE_"):
                continue
            path = _known_path(self._config, variable.removeprefix("INVOKE_").lower())
            node: Any = self._config
            for key in path:
                node = node[key]
            if isinstance(node, int) and not isinstance(node, bool):
                try:
                    int(value)
                except ValueError:
                    from hostonly import settings

                    dotted = ".".join(path)
                    known = None if dotted in settings.dotted_names() else "a whole number"
                    return settings.refusal(dotted, value, known)
            if isinstance(node, list | tuple):
                return SettingsError(f"{variable}: a list cannot be given by a variable")
        return SettingsError(f"an INVOKE_… variable cannot be used: {short(str(error), 200)}")


def _misshapen(base: dict[str, Any], over: dict[str, Any], at: str = "") -> tuple[str, Any]:
    """Return the first dotted key that is a section in ``over`` and not in ``base``, or reverse."""
    for key, value in over.items():
        if key not in base or value == base[key]:
            continue
        name = f"{at}{key}"
        if isinstance(value, dict) != isinstance(base[key], dict):
            return name, value
        if isinstance(value, dict):
            found = _misshapen(base[key], value, f"{name}.")
            if found[0]:
                return found
    return "", over


def _known_path(node: Any, name: str) -> tuple[str, ...]:
    """Return the keys in ``node`` that ``name``, joined by underscores, means; () when none."""
    if not isinstance(node, dict):
        return ()
    for key, value in node.items():
        if name == str(key).lower():
            return (key,)
        if name.startswith(f"{str(key).lower()}_"):
            rest = _known_path(value, name[len(str(key)) + 1 :])
            if rest:
                return (key, *rest)
    return ()
