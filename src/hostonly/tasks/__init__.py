"""The tasks: one module for each Invoke namespace, bodies of a few statements.

Every call of ``./inv`` imports all of them, ``--list`` too: at module level they import only Invoke
and the standard library, and the rest inside tasks.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from invoke import Collection

# In the order in which somebody new meets them. `test` and `bench` are tasks at the root.
NAMESPACES = ("sandbox", "registry", "image", "hello", "demo", "check", "host")
ROOT_TASKS = ("test", "bench")


def namespace() -> Collection:
    """Return the root Collection, of those modules of this package that exist."""
    root = Collection()
    for name in NAMESPACES:
        if find_spec(f"{__name__}.{name}") is not None:
            module = import_module(f"{__name__}.{name}")
            root.add_collection(Collection.from_module(module, name=name), name=name)
    for name in ROOT_TASKS:
        module = import_module(f"{__name__}.{name}")
        root.add_task(getattr(module, name))
    return root
