"""hello.…: the server that the demos talk to: serve it, call it, hold one to what it promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Context, Exit, task

from hostonly.tasks.session import JSON, session, show

if TYPE_CHECKING:
    from hostonly.site import Site
    from hostonly.stage.judge import Judge


@task(
    positional=["name"],
    help={"name": "whom to greet (default: world)", "port": "default: hello.port of the settings"},
)
def serve(ctx: Context, name: str = "", port: int = 0) -> None:
    """Run the Python server on this machine, until SIGTERM or Ctrl-C."""
    import os

    from hostonly.hello.server import main
    from hostonly.hello.target import port_chosen

    with session(ctx) as (site, _):
        chosen = port_chosen(port, site)
    # The server says 1 where the port is taken; to us that is a wrong argument.
    code = main([name] if name else [], {**os.environ, "HELLO_PORT": str(chosen)})
    raise Exit(code=2 if code else 0)


@task(
    positional=["host"],
    help={
        "host": "localhost, sandbox, sandbox2, or an address of loopback or the host-only network",
        "port": "default: hello.port of the settings",
        "count": "how many calls, at most 10000",
        "parallel": "how many at a time, at most 256",
        "name": "the name that must be greeted (default: the one that the first answer has)",
        "timeout": "seconds that each may take",
        "json": JSON,
    },
)
def call(
    ctx: Context,
    host: str,
    port: int = 0,
    count: int = 10,
    parallel: int = 1,
    name: str = "",
    timeout: float = 5.0,
    json: bool = False,
) -> None:
    """Call HelloSocket, and hold every line, the order and the count against what it promises."""
    from hostonly.hello.call import Calls, judge
    from hostonly.hello.target import address_to_call, port_chosen
    from hostonly.report.hello_call import as_json, as_text

    with session(ctx) as (site, _):
        calls = Calls(count, parallel, timeout)
        port = port_chosen(port, site)
        address = address_to_call(host, site)
        called = judge(calls.make(address, port), name or None)
    show(as_json(called, address, port) if json else as_text(called))
    if called.deviations:
        raise Exit(code=1)


@task(
    help={
        "target": "a server that is running, HOST:PORT; cases that must start one are skipped",
        "java": "the JAR of this checkout, on this machine",
        "python": "the Python server of this checkout, on this machine",
        "image": "java or python, ours, or an image of the sandbox's engine: in the sandbox",
        "command": "a command line of this machine that starts a server",
        "only": "names of cases, or what is before their dots, with commas between",
        "json": JSON,
    }
)
def conformance(
    ctx: Context,
    target: str = "",
    java: bool = False,
    python: bool = False,
    image: str = "",
    command: str = "",
    only: str = "",
    json: bool = False,
) -> None:
    """Hold a HelloSocket to everything that one must do, case by case."""
    from hostonly.checks.conformance import Subject, check
    from hostonly.tasks.check import perform

    subject = Subject(target, command, image, java, python)
    names = [name for name in only.split(",") if name]

    def tried(site: Site, claims: Judge) -> None:
        check(site, claims, subject, names)

    perform(ctx, "conformance", tried, json=json, namespace="hello")
