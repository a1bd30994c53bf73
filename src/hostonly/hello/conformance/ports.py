"""Cases about the port, a variable of the environment: what is said, listened on, refused."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping

from hostonly.hello.conformance.case import Wrong, of_started, require
from hostonly.hello.conformance.lines import greeting_from
from hostonly.hello.conformance.subject import Starter
from hostonly.hello.greeting import greeting_of

DEFAULT_PORT = 8080
NO_PORTS = ("eighty", "65536", "99999", "-1", "+80", " 80", "8080x", "080808", "٨٠", "1e3")
END_SECONDS = 10.0


def _ends(
    starter: Starter, environment: Mapping[str, str], *, unprivileged: bool = False
) -> tuple[int, str]:
    """Return exit code and standard error of a server that must not start."""
    with starter.start(b"x", environment=environment, unprivileged=unprivileged) as server:
        said = server.output()[0]
        if said:
            raise Wrong(f"with {dict(environment)} it started and said {said!r}")
        code = server.wait(END_SECONDS)
        return code, server.output()[1]


@of_started("start.says", "At its start it says where it listens, in one line, and nothing else.")
def says(starter: Starter) -> str:
    """Read standard output and standard error of a server that was started."""
    with starter.start(b"x") as server:
        port = server.target.port
        greeting_from(server.target)
        out, err = server.output()
    require(out == f"hello-socket: listening on port {port}\n", f"it said {out!r}")
    require(not err, f"on standard error it said {err!r}")
    return repr(out)


@of_started("port.given", "HELLO_PORT names the port, 0 any free one.")
def given(starter: Starter) -> str:
    """Start a server on any free port, and then one on that port by its number."""
    with starter.start(b"x") as server:
        port = server.target.port
        require(0 < port != DEFAULT_PORT, f"for HELLO_PORT=0 it listens on {port}")
    # Free a moment ago, and of a machine that may be another one: there as well.
    with starter.start(b"x", environment={"HELLO_PORT": str(port)}) as server:
        require(server.target.port == port, f"for HELLO_PORT={port} it said {server.output()}")
        greeting_from(server.target)
    return f"HELLO_PORT={port} was listened on"


@of_started("port.default", f"Without HELLO_PORT, or with an empty one, it is {DEFAULT_PORT}.")
def default(starter: Starter) -> str:
    """Start a server with no ``HELLO_PORT``, and one with an empty ``HELLO_PORT``."""
    seen = []
    for environment in ({}, {"HELLO_PORT": ""}):
        with starter.start(b"x", environment=environment) as server:
            out, err = server.output()
            if out:
                seen.append(f"listened on {server.target.port}")
                require(server.target.port == DEFAULT_PORT, f"it said {out!r}")
            else:
                # Somebody else has it, which we cannot help; it was tried, which is the point.
                require(
                    err.startswith(f"hello-socket: cannot listen on port {DEFAULT_PORT}: "),
                    f"it said {err!r}",
                )
                seen.append(f"found {DEFAULT_PORT} taken")
    return " and ".join(seen)


@of_started("port.wrong", "A HELLO_PORT that is no port number: exit 2, and a line that says so.")
def wrong(starter: Starter) -> str:
    """Start a server with each value of ``NO_PORTS``."""
    for port in NO_PORTS:
        code, err = _ends(starter, {"HELLO_PORT": port, "LC_ALL": "C"})
        require(code == 2, f"for HELLO_PORT={port!r} it ended with {code}")
        expected = f"hello-socket: HELLO_PORT is '{port}', not a port number from 0 to 65535\n"
        require(err == expected, f"for HELLO_PORT={port!r} it said {err!r}")
    return f"{len(NO_PORTS)} values"


@of_started("port.taken", "A port that somebody else has: exit 1, and a line that says so.")
def taken(starter: Starter) -> str:
    """Start a second server on the port of a first one."""
    with starter.start(b"first") as holder:
        port = holder.target.port
        code, err = _ends(starter, {"HELLO_PORT": str(port)})
        require(code == 1, f"it ended with {code}")
        require(
            err == f"hello-socket: cannot listen on port {port}: Address already in use\n",
            f"it said {err!r}",
        )
        require(greeting_from(holder.target).name == "first", "the holder was disturbed")
    return repr(err)


@of_started("port.privileged", "A port below 1024, without the right to it: exit 1, and a line.")
def privileged(starter: Starter) -> str:
    """Start a server on port 81 without the right to listen there."""
    code, err = _ends(starter, {"HELLO_PORT": "81"}, unprivileged=True)
    require(code == 1, f"it ended with {code}")
    expected = "hello-socket: cannot listen on port 81: Permission denied\n"
    require(err == expected, f"it said {err!r}")
    return repr(err)


@of_started("port.both", "It listens on all addresses of IPv4 and of IPv6.")
def both(starter: Starter) -> str:
    """Connect to one server over IPv6, and then over IPv4."""
    with starter.start(b"x") as server:
        data = server.line_over_ipv6()
        six = greeting_of(data)
        require(six, f"over IPv6 came {data!r}")
        four = greeting_from(server.target)
    assert six is not None
    require((six.count, four.count) == (1, 2), f"n was {six.count} and then {four.count}")
    return "n = 1 over IPv6, n = 2 over IPv4"


@of_started("port.again", "It can be started again on the same port at once.")
def again(starter: Starter) -> str:
    """End a server that had clients, and start one on the same port at once."""
    with starter.start(b"x") as server:
        port = server.target.port
        # The server ends the stream first: the kernel keeps its side of each for a minute.
        server.target.exchanges(10)
        silent = server.target.connect()
        server.signal("TERM")
        server.wait(END_SECONDS)
    with (
        contextlib.closing(silent),
        starter.start(b"x", environment={"HELLO_PORT": str(port)}) as server,
    ):
        out, err = server.output()
        require(out, f"it said {err!r}")
        greeting_from(server.target)
        with contextlib.suppress(OSError):
            silent.shutdown(socket.SHUT_RDWR)
    return f"port {port}, twice"
