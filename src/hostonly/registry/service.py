"""The registry's service in the sandbox: started, and seen to answer."""

from __future__ import annotations

from hostonly.errors import HostonlyError, ToolFailed
from hostonly.events import Done, Emit, Unchanged
from hostonly.settings import Settings
from hostonly.vantages import Vantage

UNIT = "docker-registry.service"
# HAProxy, which holds the one port and passes to the registry what comes by HTTP and by TLS.
PORT_UNIT = "registry-port.service"


def catalog_command(settings: Settings) -> list[str]:
    """The tutorial's own way to ask for the catalog, from inside the sandbox."""
    return ["curl", "-sf", "-m", "10", f"localhost:{settings.registry.port}/v2/_catalog"]


def up(settings: Settings, sandbox: Vantage, emit: Emit) -> None:
    """Start the registry unless it answers already; returns when it answers.

    Raises:
        HostonlyError: it does not answer, with its unit's last lines.
    """
    probe = ["curl", "-sf", "-m", "5", "-o", "/dev/null", f"localhost:{settings.registry.port}/v2/"]
    if sandbox.run(probe).ok:
        emit(Unchanged(f"the registry answers on port {settings.registry.port}"))
        return
    started = sandbox.run(["sudo", "systemctl", "restart", UNIT, PORT_UNIT])
    if not started.ok:
        raise ToolFailed(
            "the registry could not be started", ran=started.command, output=started.output
        )
    retried = [*probe[:1], "--retry", "50", "--retry-delay", "0", "--retry-connrefused", *probe[1:]]
    answered = sandbox.run(["timeout", "20", *retried])
    if not answered.ok:
        journal = sandbox.run(
            [
                "sudo",
                "journalctl",
                "-u",
                UNIT,
                "-u",
                PORT_UNIT,
                "-n",
                "15",
                "--no-pager",
                "-o",
                "cat",
            ]
        )
        raise HostonlyError(
            f"the registry does not answer on port {settings.registry.port}",
            ran=answered.command,
            output=journal.output,
            remedy="./inv sandbox.exec -- systemctl status docker-registry registry-port",
        )
    emit(Done(f"the registry answers on port {settings.registry.port}"))
