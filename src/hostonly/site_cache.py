"""The site of the last command, kept for the next one.

Checking the settings takes pydantic longer than many a command takes altogether. The site is kept
with a digest of everything that it comes from: the files of all layers, the ``INVOKE_…`` variables,
the code that derives it, and the files that a box is named by. While none of that has changed, it
is as good as settling the settings anew. Only the standard library is imported.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from hostonly.site import Site, of_json

# Names a further file of settings, as -f does.
OTHER_FILE = "INVOKE_RUNTIME_CONFIG"
# The code that derives the site.
_CODE = ("site.py", "site_cache.py", "settings/*.py", "providers/*.py")
_SUFFIXES = ("yaml", "yml", "json", "py")


def inputs(root: Path, other: str | None = None) -> str:
    """Return a digest of all that the site of the checkout at ``root`` comes from.

    ``other`` is the further file of settings that the command line names.
    """
    digest = hashlib.sha256()
    for file in _files(root, other or os.environ.get(OTHER_FILE)):
        with contextlib.suppress(OSError):
            digest.update(f"{file}\0".encode(errors="surrogateescape") + file.read_bytes())
    for name, value in sorted(os.environ.items()):
        if name.startswith("INVOKE_"):
            digest.update(f"\0{name}={value}".encode(errors="surrogateescape"))
    package = Path(__file__).parent
    for file in sorted(file for pattern in _CODE for file in package.glob(pattern)):
        stat = file.stat()
        digest.update(f"\0{file} {stat.st_mtime_ns} {stat.st_size}".encode())
    return digest.hexdigest()


def _files(root: Path, other: str | None) -> Iterator[Path]:
    # Invoke's layers: the machine's file, the user's, the project's, that of the command line.
    for layer in (Path("/etc/invoke"), Path.home() / ".invoke", root / "invoke"):
        for suffix in _SUFFIXES:
            yield layer.with_name(f"{layer.name}.{suffix}")
    if other:
        yield Path(other).expanduser()
    yield from sorted(file for file in (root / "packer" / "guest").glob("*/*") if file.is_file())


def recall(root: Path, now: str) -> Site | None:
    """Return the site that was kept, if its inputs were the same as ``now``; else None."""
    try:
        kept = json.loads(_file(root).read_text(encoding="utf-8"))
        return of_json(kept["site"]) if kept["inputs"] == now else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def keep(site: Site, now: str) -> None:
    """Keep ``site``, made from ``now``, whole; do nothing without a state folder or room for it."""
    file = _file(site.root)
    written = file.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        written.write_text(json.dumps({"inputs": now, "site": site.to_json()}), encoding="utf-8")
        written.replace(file)


def _file(root: Path) -> Path:
    return root / ".hostonly" / "site.json"
