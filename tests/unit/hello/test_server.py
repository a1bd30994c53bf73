"""The Python server's parts; what it does as a whole the conformance suite tells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hostonly.hello.server import name_of

ROOT = Path(__file__).parents[3]

# What HelloSocket.nameOf of the Java server made of these bytes (JDK 17), in hexadecimal. Chosen
# from 1,157,644 inputs, among them every character there is, on which both gave the same.
JAVA = {
    b"": "world",
    b" a b ": " a b ",
    b"\x85": "\ufffd",
    "\u0085".encode(): "world",
    "\u180e".encode(): "\u180e",
    "\u200b".encode(): "\u200b",
    "\u2028\u2029\u202f\u205f\u3000\u1680".encode(): "world",
    b"a\x00b": "a b",
    bytes.fromhex("8fe17feda020"): "\ufffd\ufffd \ufffd ",
    bytes.fromhex("df90c1eda0"): "\u07d0\ufffd\ufffd",
    bytes.fromhex("9f0aeda0f041c0"): "\ufffd \ufffd\ufffdA\ufffd",
    bytes.fromhex("edbfc2e085edef"): "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd",
    bytes.fromhex("eda0ee"): "\ufffd\ufffd",
    bytes.fromhex("eda080ed"): "\ufffd\ufffd",
    bytes.fromhex("f09f8c"): "\ufffd",
    bytes.fromhex("f4908080"): "\ufffd\ufffd\ufffd\ufffd",
}


@pytest.mark.parametrize("given", JAVA, ids=lambda given: given.hex() or "empty")
def test_a_name_is_what_java_makes_of_it(given: bytes) -> None:
    assert name_of(given) == JAVA[given]


def test_no_name_is_the_world() -> None:
    assert name_of(None) == "world"


def test_it_needs_nothing_but_its_file(tmp_path: Path) -> None:
    alone = tmp_path / "hello_socket.py"
    alone.write_bytes((ROOT / "src/hostonly/hello/server.py").read_bytes())
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(alone)],
        env={"HELLO_PORT": "none"},
        capture_output=True,
        timeout=20,
    )
    assert done.returncode == 2
    assert done.stderr == b"hello-socket: HELLO_PORT is 'none', not a port number from 0 to 65535\n"
