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
        "            client.setblocking(False)",
        "            client.recv(1)\n            client.setblocking(False)",
        "line.form",
    ),
    "one-line-too-many": Mutant('b"%b%d)\\n" %', 'b"%b%d)\\nBye!\\n" %', "line.form"),
    "stream-not-ended": Mutant(
        "                    visitor.client.shutdown(socket.SHUT_WR)\n", "", "line.ends"
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
        "            client.setblocking(False)",
        "            if len(self._open) > 300:\n"
        "                client.close()\n"
        "                continue\n"
        "            client.setblocking(False)",
        "count.burst",
    ),
    "dead-ones-not-counted": Mutant(
        "        except OSError:  # the client is gone; its number stays used\n",
        # Whenever it is noticed: on a busy machine that is after the line was written.
        "        except OSError:\n            self._count -= 1\n",
        "count.reset",
    ),
    "closes-at-once": Mutant(
        "                    self._selector.modify(visitor.client, EVENT_READ, visitor)",
        "                    self._leave(visitor)",
        "client.speaks-first",
    ),
    "one-after-the-other": Mutant(
        "                    self._selector.modify(visitor.client, EVENT_READ, visitor)",
        "                    visitor.client.setblocking(True)\n"
        "                    while visitor.client.recv(999): pass\n"
        "                    self._leave(visitor)",
        "client.silent",
    ),
    "waits-for-readers": Mutant(
        "client.setblocking(False)", "client.setblocking(True)", "client.never-reads"
    ),
    "half-a-line-to-the-slow": Mutant(
        "visitor.left[visitor.client.send(visitor.left) :]",
        "visitor.left[visitor.client.send(visitor.left) :][:0]",
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
    "controls-stay": Mutant('" ", text)', r'r"\g<0>", text)', "name.controls"),
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
        "        backlog=BACKLOG,\n",
        "        backlog=BACKLOG,\n        reuse_port=True,\n",
        "port.taken",
    ),
    "keeps-its-reason": Mutant("os.strerror(error.errno or 0)", "error.errno", "port.privileged"),
    "ipv4-only": Mutant("six = socket.has_dualstack_ipv6()", "six = False", "port.both"),
    "no-second-start": Mutant(
        "    six = socket",
        "    del sys.modules['_socket'].SO_REUSEADDR  # by which `create_server` knows of it\n"
        "    six = socket",
        "port.again",
    ),
    "takes-a-closed-side-for-a-closed-client": Mutant(
        "            client.setblocking(False)",
        "            client.settimeout(0.02)\n"
        "            with contextlib.suppress(TimeoutError):\n"
        "                if not client.recv(1, socket.MSG_PEEK):\n"
        "                    client.close()\n"
        "                    continue\n"
        "            client.setblocking(False)",
        "client.half-closed",
    ),
    "chooses-its-port": Mutant("port = int(asked) if", "port = 0 if", "port.given"),
    "drops-the-oldest-at-the-end": Mutant(
        "            except BlockingIOError:\n                return False\n", "", "stop.reading"
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
    "leaves-the-queue": Mutant("while self._accept() and", "while False and", "stop.waiting"),
    "half-a-line-at-the-end": Mutant(
        'b"%b%d)\\n" % (self._prefix, self._count)',
        '(b"%b%d)\\n" % (self._prefix, self._count))[: 4 if self._stopping else None]',
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
