"""The functions for somebody's own program; ``hostonly`` itself exports them (docs/library.md)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hostonly.demos import load
from hostonly.events import Emit, ignore
from hostonly.results.judged import DemoResult
from hostonly.sandbox import life
from hostonly.sandbox.machine import Machine
from hostonly.settings import read, settle
from hostonly.site import ROOT, SANDBOX, Site
from hostonly.stage.demo import perform_all
from hostonly.vantages import Sandbox
from hostonly.waiting import set_patience


def open_site(root: Path = ROOT) -> Site:
    """Return the site of the checkout at ``root``, by its ``invoke.yaml``.

    Neither ``INVOKE_…`` variables nor the user's own ``~/.invoke.yaml`` count: a program states its
    own differences, by ``dataclasses.replace``, or in that file.

    Raises:
        SettingsError: the file is wrong; one line says where.
    """
    root = root.resolve()
    return settle(read(root / "invoke.yaml", root))


@contextmanager
def running(site: Site, name: str = SANDBOX, emit: Emit = ignore) -> Iterator[Sandbox]:
    """Bring the machine called ``name`` up where it is not, and give it as a vantage.

    It stays up afterwards; ``destroy`` removes it. ``emit`` gets the progress.

    Raises:
        HostonlyError: it could not be brought up; with what to do.
    """
    set_patience(site.patience)
    machine = Machine(site, emit, name)
    life.up([machine])
    with machine.vantage() as sandbox:
        yield sandbox


def destroy(site: Site, emit: Emit = ignore) -> None:
    """Remove the machines of ``site``, with all they hold and all that this machine had for them.

    Raises:
        HostonlyError: one could not be removed; with what to do.
    """
    life.destroy([Machine(site, emit, name) for name in site.names])


def run_demo(site: Site, name: str, emit: Emit = ignore) -> DemoResult:
    """Run the demo called ``name`` (``./inv demo.list``), with the sandbox and the image it needs.

    A demo that could not begin or was interrupted has the reason in its result's ``trouble``; a
    demo that could not go on has it in an UNKNOWN claim.

    Raises:
        UsageError: there is no such demo.
    """
    set_patience(site.patience)
    demo = load(name)
    return perform_all([demo], site, emit, f"demo.{name}").demos[0]
