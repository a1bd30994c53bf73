"""The trust of this machine's Docker engine in the sandbox's registry: given, and taken back.

An engine reads ``/etc/docker/certs.d/ADDRESS:PORT/ca.crt`` at every push and pull: no restart is
needed, and ``daemon.json`` is never touched. The file's first line is the mark that it is ours; a
file without that mark is somebody else's and is neither changed nor removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hostonly.errors import HostonlyError
from hostonly.host import atomic
from hostonly.host import journal as journals
from hostonly.host.command import run
from hostonly.registry.identity import Certificate
from hostonly.site import Site

ENGINE = Path("/etc/docker")
FILE = "ca.crt"
# Folders that were not there before; shared by all checkouts, since the engine's folder is.
JOURNAL = Path("/var/lib/hostonly/engine-folders.json")

INSECURE = """\
The tutorial's own way: tell the engine to accept the registry unseen. In {engine}/daemon.json

  {{"insecure-registries": ["{registry}"]}}

and `sudo systemctl reload docker` (or a restart). What it means: for {registry} the engine takes any
certificate, and plain HTTP where there is none. Whoever can answer at that address (the next network
this machine is in may have a {address} of its own) can read what is pushed and hand out another image
under its name. It stays until somebody takes it out again, also when the sandbox is gone.
Nothing was changed. ./inv registry.trust does it without: one file, this sandbox's certificate only,
removed by ./inv sandbox.destroy."""


@dataclass(frozen=True, slots=True)
class TrustPlan:
    """The plan to trust a registry (``ADDRESS:PORT``): ``file`` is written with ``text``."""

    registry: str
    file: Path
    text: str
    fingerprint: str
    until: str

    @property
    def present(self) -> bool:
        """True where the file is there with that text."""
        return _read(self.file) == self.text

    def describe(self) -> str:
        """Return what is about to be done, in whole sentences, for somebody to agree to."""
        return (
            f"This writes one file, as root: {self.file}\n"
            f"With it every Docker engine of this machine believes {self.registry} to be the sandbox's\n"
            f"registry when it shows a certificate of this authority, which can vouch for nothing else\n"
            f"and ends on {self.until}:\n"
            f"  SHA-256 {self.fingerprint}\n"
            f"daemon.json is not touched, no engine is restarted; ./inv sandbox.destroy removes it."
        )


def insecure(site: Site, engine: Path = ENGINE) -> str:
    """Return the tutorial's own way and what it means, for people to read."""
    address = site.sandbox.address
    registry = f"{address}:{site.registry_port}"
    return INSECURE.format(engine=engine, registry=registry, address=address)


def plan(site: Site, engine: Path = ENGINE) -> TrustPlan:
    """Plan what to write, after the registry has shown that it has the certificate.

    Raises:
        HostonlyError: something else answers there, or somebody else's file is in the way.
    """
    # Taking trust away, which every destroy does, needs none of what they load.
    from hostonly.registry import access, certificate

    made = Certificate(site.state / "registry" / "sandbox")
    if not made.authority.exists():
        raise HostonlyError(
            "this sandbox's registry has no certificate: it was made by an older checkout",
            remedy="./inv sandbox.destroy, then ./inv sandbox.up",
        )
    access.tls_client(site).answers()
    registry = f"{site.sandbox.address}:{site.registry_port}"
    file = engine / "certs.d" / registry / FILE
    there = _read(file)
    if there is not None and not _ours(there, site.root):
        raise HostonlyError(
            f"{file} is there already, and this checkout did not write it: it was left alone",
            remedy="Remove it if nobody needs it, or give network.sandbox another address.",
        )
    return TrustPlan(
        registry,
        file,
        f"{_mark(site.root)}\n{made.authority.read_text(encoding='utf-8')}",
        certificate.fingerprint(made.authority),
        f"{certificate.expires(made.authority):%Y-%m-%d}",
    )


def install(plan: TrustPlan, journal: Path = JOURNAL) -> bool:
    """Write the file of ``plan``, unless it is there; return whether it was written.

    Raises:
        ToolFailed: it could not be written; an engine then trusts what it did before.
    """
    if plan.present:
        return False
    folders = [plan.file.parent, *plan.file.parent.parents]
    missing = [str(folder) for folder in folders if not folder.exists()]
    known = _journalled(journal)
    # Written before anything is made: a kill between the two loses nothing.
    _journal(journal, [*known, *(folder for folder in missing if folder not in known)])
    run(["mkdir", "-p", "-m", "0755", *reversed(missing), str(plan.file.parent)], root=True)
    atomic.write_as_root(plan.file, plan.text)
    return True


def remove(root: Path, engine: Path = ENGINE) -> list[str]:
    """Remove what the checkout at ``root`` has installed, and return the files removed.

    The settings of now do not matter; a file with another mark or none stays.
    """
    removed = []
    for folder in sorted((engine / "certs.d").glob("*:*")):
        # With what a killed ``install`` had begun to write.
        found = [folder / FILE, *folder.glob(f"{FILE}.[0-9]*")]
        ours = [str(file) for file in found if _ours(_read(file), root)]
        if ours:
            run(["rm", "-f", *ours], root=True)
        removed += ours
    return removed


def tidy(journal: Path = JOURNAL) -> None:
    """Remove the folders that ``install`` has made, where nothing of others' is in them."""
    folders = _journalled(journal)
    for folder in sorted(folders, key=len, reverse=True):
        if Path(folder).is_dir() and not any(Path(folder).iterdir()):
            run(["rmdir", folder], root=True)
    _journal(journal, [folder for folder in folders if Path(folder).is_dir()])


def _mark(root: Path) -> str:
    return f"# hostonly {root}"


def _ours(text: str | None, root: Path) -> bool:
    return text is not None and text.partition("\n")[0] == _mark(root)


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (PermissionError, UnicodeDecodeError):
        # There, and not as we write it.
        return ""


def _journalled(journal: Path) -> list[str]:
    return journals.read(journal, lambda folders: [str(folder) for folder in folders]) or []


def _journal(journal: Path, folders: list[str]) -> None:
    if folders == _journalled(journal):
        return
    if folders:
        journals.write(folders, journal)
    else:
        journals.remove(journal)
