"""Cases about the name, an argument of the server: each case starts servers for it."""

from __future__ import annotations

from hostonly.hello.conformance.case import of_started, require
from hostonly.hello.conformance.lines import all_right
from hostonly.hello.conformance.subject import Starter

REPLACED = "\ufffd"

BLANK = (b"", b"   ", " \t\n\u00a0\u2003\u2028\u3000\u0085\x1f".encode())
KEPT = (b" a  b ", b"'\"$HOME`{}%d\\n!", b"-x", b"Hello a! (7)")
CONTROLS = (("a\nb\r\u0085c\x7fd\x1b[0me", "a b  c d [0me"), ("\x01x", " x"))
UTF8 = "Zoë 世界 🌍 é e\u0301 \u202eabc"
NOT_UTF8 = (
    (b"caf\xe9", f"caf{REPLACED}"),
    (b"\xe2\x82", REPLACED),
    (b"a\xc0\xafb\xf5", f"a{REPLACED * 2}b{REPLACED}"),
    (b"\xed\xa0\x80z", f"{REPLACED}z"),
    (b"\xf0\x9f\x8c", REPLACED),
)


def _greets(starter: Starter, arguments: tuple[bytes, ...], name: str) -> None:
    with starter.start(*arguments) as server:
        (exchange,) = server.target.exchanges(1)
    expected = f"Hello {name}! (1)\n".encode()
    require(
        exchange.data == expected,
        f"for {list(arguments)!r} came {exchange.data[:120]!r}, and not {expected[:120]!r}",
    )


@of_started("count.from-one", "The first connection after a start has n = 1.")
def from_one(starter: Starter) -> str:
    """Connect three times to a server that was just started."""
    with starter.start(b"first") as server:
        first, last = all_right(server.target.exchanges(3), "first")
    require(first == 1, f"the first three connections had n = {first} to {last}")
    return "the first three connections had n = 1 to 3"


@of_started("name.absent", "Without an argument the world is greeted.")
def absent(starter: Starter) -> str:
    """Start a server without arguments."""
    _greets(starter, (), "world")
    return "'world'"


@of_started("name.blank", "A name of nothing but Unicode's spaces and controls is the world.")
def blank(starter: Starter) -> str:
    """Start a server with each name of ``BLANK``."""
    for given in BLANK:
        _greets(starter, (given,), "world")
    return f"{len(BLANK)} blank names, 'world' each time"


@of_started("name.kept", "Every other name is sent as it was given, its own spaces too.")
def kept(starter: Starter) -> str:
    """Start a server with each name of ``KEPT``."""
    for given in KEPT:
        _greets(starter, (given,), given.decode())
    return f"{len(KEPT)} names"


@of_started("name.utf8", "The name is read and sent as UTF-8, whatever the locale.")
def utf8(starter: Starter) -> str:
    """Start a server with the name ``UTF8``, under several locales."""
    for environment in ({}, {"LC_ALL": "C", "LANG": "C"}, {"LC_ALL": "POSIX"}):
        given = {"HELLO_PORT": "0", **environment}
        with starter.start(UTF8.encode(), environment=given) as server:
            (exchange,) = server.target.exchanges(1)
        expected = f"Hello {UTF8}! (1)\n".encode()
        require(exchange.data == expected, f"with {given} came {exchange.data!r}")
    return repr(UTF8)


@of_started("name.not-utf8", "Bytes that are not UTF-8 become U+FFFD, as Unicode advises.")
def not_utf8(starter: Starter) -> str:
    """Start a server with each name of ``NOT_UTF8``."""
    for given, name in NOT_UTF8:
        _greets(starter, (given,), name)
    return f"{len(NOT_UTF8)} names"


@of_started("name.controls", "A control character in the name becomes a space: one line it stays.")
def controls(starter: Starter) -> str:
    """Start a server with each name of ``CONTROLS``."""
    for given, name in CONTROLS:
        _greets(starter, (given.encode(),), name)
    return f"{len(CONTROLS)} names"


@of_started("name.first", "Of several arguments the first one is the name.")
def first_of_several(starter: Starter) -> str:
    """Start servers with several arguments, of which the first is a name or blank."""
    _greets(starter, (b"one", b"two", b"three"), "one")
    _greets(starter, (b"", b"two"), "world")
    return "'one' of one, two, three"


@of_started("name.long", "A name as long as an argument may be comes whole.")
def long(starter: Starter) -> str:
    """Start a server with a name of 120,000 bytes."""
    name = "é" * 60_000
    _greets(starter, (name.encode(),), name)
    return "120,000 bytes"
