"""Servers that are wrong in one respect each: the Python server with one piece of text replaced.

A mutant is kept as what differs, so that it cannot fall behind the server: a piece that is not in
the server exactly once any more fails the tests. `python -m` needs a file, which `write` makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SERVER = Path(__file__).parents[3] / "src/hostonly/hello/server.py"


@dataclass(frozen=True)
class Mutant:
    """``old`` is replaced by ``new``; the suite must name ``fails`` among the failed cases."""

    old: str
    new: str
    fails: str


MUTANTS = {
    "no-end-of-line": Mutant('b"%b%d)\\n" %', 'b"%b%d)" %', "line.form"),
    "waits-to-be-asked": Mutant(
        "            written = client.send(line, MSG_DONTWAIT | MSG_MORE)",
        "            client.recv(1)\n            written = client.send(line, MSG_MORE)",
        "line.form",
    ),
    "one-line-too-many": Mutant('b"%b%d)\\n" %', 'b"%b%d)\\nBye!\\n" %', "line.form"),
    "stream-not-ended": Mutant(
        "                client.shutdown(SHUT_WR)\n                self._fresh",
        "                client.send(b'', 0)\n                self._fresh",
        "line.ends",
    ),
    "counts-by-two": Mutant("self._count += 1", "self._count += 2", "count.rises"),
    "counts-from-zero": Mutant("self._count = 0", "self._count = -1", "count.from-one"),
    "one-number-twice": Mutant(
        "self._count += 1",
        "self._count += self._count % 97 != 0 or self._count == 0",
        "count.parallel",
    ),
    "leaves-a-number-out": Mutant(
        "self._count += 1", "self._count += 1 + (self._count % 97 == 96)", "count.parallel"
    ),
    "few-at-a-time": Mutant(
        "descriptor, _ = self._listener._accept()  # type: ignore[attr-defined]",
        "descriptor, _ = self._listener._accept()\n"
        "            if len(self._open) > 300:\n"
        "                self._count += 1\n"
        "                return bool(os.close(descriptor))",
        "count.burst",
    ),
    "dead-ones-not-counted": Mutant(
        "        except OSError:  # the client is gone; its number stays used\n"
        "            self._leave(descriptor)\n            return True",
        "        except OSError:\n"
        "            self._leave(descriptor)\n            self._count -= 1\n            return True",
        "count.reset",
    ),
    "closes-at-once": Mutant(
        "                self._fresh.append(descriptor)",
        "                self._leave(descriptor)",
        "client.speaks-first",
    ),
    "one-after-the-other": Mutant(
        "                client.shutdown(SHUT_WR)\n                self._fresh",
        "                client.shutdown(SHUT_WR)\n                while client.recv(999): pass\n"
        "                self._fresh",
        "client.silent",
    ),
    "waits-for-readers": Mutant(
        "client.send(line, MSG_DONTWAIT | MSG_MORE)", "client.send(line)", "client.never-reads"
    ),
    "half-a-line-to-the-slow": Mutant(
        "            left = left[client.send(left, MSG_DONTWAIT) :]",
        "            left = left[:0]",
        "client.reads-slowly",
    ),
    "does-not-linger": Mutant("DRAIN = 2.0", "DRAIN = 0.3", "client.stays"),
    "never-lets-go": Mutant("DRAIN = 2.0", "DRAIN = 99.0", "client.stays-too-long"),
    "blank-is-a-name": Mutant("if not line.strip()", "if not line", "name.blank"),
    "only-ascii-is-blank": Mutant("if not line.strip()", 'if not line.strip(" ")', "name.blank"),
    "nobody-instead-of-the-world": Mutant('"world" if', '"nobody" if', "name.absent"),
    "tidies-the-name": Mutant("else line\n", 'else " ".join(line.split())\n', "name.kept"),
    "latin-1": Mutant(".encode() + b", '.encode("latin-1", "replace") + b', "name.utf8"),
    "by-the-locale": Mutant(
        "os.fsencode(arguments[0])",
        'os.fsencode(arguments[0]).decode(__import__("locale").nl_langinfo(14), "replace").encode()',
        "name.utf8",
    ),
    "drops-what-is-not-utf8": Mutant(
        'decode("utf-8", "hello-socket")', 'decode("utf-8", "ignore")', "name.not-utf8"
    ),
    "python-s-own-surrogates": Mutant(
        'decode("utf-8", "hello-socket")', 'decode("utf-8", "replace")', "name.not-utf8"
    ),
    "controls-stay": Mutant('" " if _is_control(character) else', "", "name.controls"),
    "last-argument": Mutant(
        "os.fsencode(arguments[0])", "os.fsencode(arguments[-1])", "name.first"
    ),
    "short-names": Mutant("name_of(name).encode()", "name_of(name)[:50000].encode()", "name.long"),
    "says-more": Mutant('f"listening on port', 'f"now listening on port', "start.says"),
    "other-default": Mutant("DEFAULT_PORT = 8080", "DEFAULT_PORT = 8081", "port.default"),
    "any-port-will-do": Mutant("if not 0 <= port <= 65535:", "if False:", "port.wrong"),
    "any-digits-will-do": Mutant(
        're.fullmatch("[0-9]{1,5}", asked)', "asked.isdigit()", "port.wrong"
    ),
    "taken-is-fine": Mutant("        return 1\n", "        return 0\n", "port.taken"),
    "shares-its-port": Mutant(
        "listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)",
        "listener.setsockopt(SOL_SOCKET, 15, 1)",
        "port.taken",
    ),
    "keeps-its-reason": Mutant("{error.strerror}", "{error.errno}", "port.privileged"),
    "ipv4-only": Mutant(
        "Socket(AF_INET6, SOCK_STREAM)\n", "Socket(AF_INET, SOCK_STREAM)\n", "port.both"
    ),
    "no-second-start": Mutant(
        "        listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)\n", "", "port.again"
    ),
    "takes-a-closed-side-for-a-closed-client": Mutant(
        "        try:\n            # More to come",
        "        __import__('time').sleep(0.02)\n"
        "        if __import__('select').select([client.fileno()], [], [], 0)[0] and not client.recv(1, 2):\n"
        "            self._leave(descriptor)\n            return True\n"
        "        try:\n            # More to come",
        "client.half-closed",
    ),
    "chooses-its-port": Mutant("port = int(asked) if", "port = 0 if", "port.given"),
    "drops-the-oldest-at-the-end": Mutant(
        "        except BlockingIOError:\n            return False\n", "", "stop.reading"
    ),
    "falters-at-the-end": Mutant(
        "        self._stopping = True\n",
        "        self._stopping = self._prefix == b'Hel'\n"
        "        self._prefix = b'Hel'\n"
        "        signal.signal(signal.SIGALRM, self.stop)\n"
        "        signal.setitimer(signal.ITIMER_REAL, 0.1)\n",
        "stop.traffic",
    ),
    "deaf-to-sigterm": Mutant("(signal.SIGTERM, signal.SIGINT", "(signal.SIGINT", "stop.sigterm"),
    "waits-for-those-who-stay": Mutant("DRAIN_AT_STOP = 0.2", "DRAIN_AT_STOP = 3.0", "stop.silent"),
    "leaves-the-queue": Mutant(
        "while self._epoll.poll(0) and self._accept() and", "while False and", "stop.waiting"
    ),
    "half-a-line-at-the-end": Mutant(
        'line = b"%b%d)\\n" % (self._prefix, self._count)',
        'line = (b"%b%d)\\n" % (self._prefix, self._count))[: 4 if self._stopping else None]',
        "stop.waiting",
    ),
}


def write(name: str, folder: Path) -> Path:
    """The mutant called ``name`` as a program in ``folder``."""
    mutant = MUTANTS[name]
    text = SERVER.read_text()
    assert text.count(mutant.old) == 1, f"{name}: {text.count(mutant.old)} times {mutant.old!r}"
    program = folder / f"{name}.py"
    program.write_text(text.replace(mutant.old, mutant.new))
    return program
