"""The registry's service in the sandbox: it is started, seen to answer, and cleared of garbage."""

from __future__ import annotations

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.events import Done, Emit, Unchanged
from hostonly.site import Site
from hostonly.vantages import Vantage
from hostonly.waiting import limit, until

UNIT = "docker-registry.service"
# HAProxy, which holds the one port and passes to the registry what comes by HTTP and by TLS.
PORT_UNIT = "registry-port.service"
# Frees what no manifest names, while the registry is stopped (packer/guest/configure).
COLLECT_UNIT = "registry-collect.service"

FOLDER = "/var/lib/docker-registry"
REPOSITORIES = f"{FOLDER}/docker/registry/v2/repositories"

# With less than this the registry can hardly store a manifest.
FULL_BYTES = 64 * 1024
QUIET_SECONDS = 10.0
COLLECT_SECONDS = 120.0


def up(site: Site, sandbox: Vantage, emit: Emit) -> None:
    """Start the registry unless it answers already; return when it answers.

    Raises:
        HostonlyError: it does not answer; with its unit's last lines.
        ToolFailed: it could not be started.
    """
    probe = [
        "curl",
        "-sf",
        "-m",
        f"{limit(5):.0f}",
        "-o",
        "/dev/null",
        f"localhost:{site.registry_port}/v2/",
    ]
    if sandbox.run(probe).ok:
        emit(Unchanged(f"the registry answers on port {site.registry_port}"))
        return
    started = sandbox.run(["sudo", "systemctl", "restart", UNIT, PORT_UNIT])
    if not started.ok:
        raise ToolFailed(
            "the registry could not be started", ran=started.command, output=started.output
        )
    retried = [*probe[:1], "--retry", "50", "--retry-delay", "0", "--retry-connrefused", *probe[1:]]
    answered = sandbox.run(["timeout", f"{limit(60):.0f}", *retried])
    if not answered.ok:
        raise HostonlyError(
            f"the registry does not answer on port {site.registry_port}",
            ran=answered.command,
            output=sandbox.run(_journal(UNIT, PORT_UNIT)).output,
            remedy="./inv sandbox.exec -- systemctl status docker-registry registry-port",
        )
    emit(Done(f"the registry answers on port {site.registry_port}"))


def collect(sandbox: Vantage, emit: Emit) -> None:
    """Free what no manifest names, and repositories that hold none: the leftovers of half a push.

    The registry is stopped meanwhile, for about half a second. Its port stays open, and requests
    are answered when it is back. An upload that is going on is waited for.

    Raises:
        HostonlyError: somebody keeps uploading; nothing was changed.
        ToolFailed: the collection failed.
    """
    wait_for_quiet(sandbox)
    done = sandbox.run(["sudo", "systemctl", "start", COLLECT_UNIT], timeout=COLLECT_SECONDS)
    if not done.ok:
        journal = sandbox.run(_journal(COLLECT_UNIT))
        raise ToolFailed(
            "the registry's garbage could not be collected",
            ran=done.command,
            output=done.output + journal.output,
            remedy="A sandbox made by an older checkout cannot do it: ./inv sandbox.destroy, "
            "then ./inv sandbox.up",
        )
    emit(Done("the registry keeps only what a manifest names"))


def wait_for_quiet(sandbox: Vantage) -> None:
    """Return when no upload has grown for a moment.

    Raises:
        HostonlyError: somebody keeps uploading.
    """
    # Two seconds are longer than a pause within an upload that is going on.
    busy = ["sudo", "find", REPOSITORIES, "-path", "*/_uploads/*/data", "-newermt", "-2 seconds"]
    uploads = until(
        lambda: sandbox.run(busy).stdout.splitlines(),
        lambda found: not found,
        QUIET_SECONDS,
        pause=0.5,
    )
    if uploads:
        who = uploads[0].removeprefix(f"{REPOSITORIES}/").partition("/_uploads/")[0]
        raise HostonlyError(
            f"somebody is pushing to {who} just now: nothing was collected",
            ran=" ".join(busy),
            remedy="Try again when the push has ended: ./inv registry.collect",
        )


def full_disk(sandbox: Vantage) -> str | None:
    """Return a sentence where the registry's disk is full; None where it is not or is not known."""
    asked = sandbox.run(["df", "--output=avail", "-B1", FOLDER])
    words = asked.stdout.split()
    if not asked.ok or not words[-1:] or not words[-1].isdecimal() or int(words[-1]) >= FULL_BYTES:
        return None
    return f"the sandbox's disk is full: {int(words[-1])} bytes are left for {FOLDER}"


def _journal(*units: str) -> list[str]:
    named = [word for unit in units for word in ("-u", unit)]
    return ["sudo", "journalctl", *named, "-n", "15", "--no-pager", "-o", "cat"]
