"""demo.host on a real sandbox: as it should be, and with things made wrong by hand."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
INV = [sys.executable, "-m", "hostonly"]


def demo(*flags: str) -> tuple[int, dict[str, Any]]:
    """Run demo.host --json: its exit code and its one document."""
    done = subprocess.run(
        [*INV, "demo.host", "--json", *flags],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=600,
        check=False,
        text=True,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, document


def sandbox(*argv: str, check: bool = True) -> str:
    """Run a command in the sandbox; what it printed."""
    done = subprocess.run(
        [*INV, "sandbox.exec", "--", *argv],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
        text=True,
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


def claims(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The document's claims by their id."""
    return {claim["id"]: claim for claim in document["claims"]}


@contextmanager
def wrong(do: list[str], undo: list[str]) -> Iterator[None]:
    """Something made wrong in the sandbox, and put right again whatever happens."""
    sandbox(*do)
    try:
        yield
    finally:
        sandbox(*undo)


@pytest.fixture(autouse=True, scope="module")
def up() -> None:
    """The sandbox is up: `sandbox.exec` does not bring it up itself."""
    subprocess.run([*INV, "sandbox.up"], cwd=ROOT, timeout=600, check=True)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a container of the demo's behind."""
    yield
    assert sandbox("docker", "ps", "-aq", "--filter", "label=hostonly.demo=host") == ""


def test_every_claim_holds_with_evidence() -> None:
    code, document = demo()
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert len(document["claims"]) >= 6
    for claim in document["claims"]:
        assert claim["verdict"] == "HOLDS", claim
        assert claim["evidence"] and all(e["command"] for e in claim["evidence"])
    assert document["sandbox"]["engine"]
    assert any(step["command"].startswith("docker run -d") for step in document["steps"])


def test_the_page_shows_the_commands_that_run_and_the_claims_that_are_judged() -> None:
    _, document = demo()
    # The page has the default address; a checkout may have been given another.
    page = (ROOT / "docs" / "demo-host.md").read_text()
    page = page.replace("172.16.0.2", document["sandbox"]["address"])
    shown = re.findall(r"^    (?:sandbox|host)\$ (.*)$", page, re.MULTILINE)
    assert shown == list(dict.fromkeys(step["command"] for step in document["steps"]))
    rows = re.findall(r"^\| `([a-z.]+)` \| (.*?) \| ", page, re.MULTILINE)
    assert rows == [(claim["id"], claim["sentence"]) for claim in document["claims"]]


def test_a_dnat_rule_made_by_hand_is_named() -> None:
    # In a chain that nothing jumps to, so that only the rule itself can be noticed.
    rule = ["-p", "tcp", "--dport", "8000:8100", "-j", "DNAT", "--to-destination", "192.0.2.1:80"]
    nat = ["sudo", "iptables", "-t", "nat"]
    with (
        wrong([*nat, "-N", "BY-HAND"], [*nat, "-X", "BY-HAND"]),
        wrong([*nat, "-A", "BY-HAND", *rule], [*nat, "-F", "BY-HAND"]),
    ):
        code, document = demo()
    found = claims(document)
    assert (code, document["verdict"]) == (1, "FAILS")
    assert found["nat.silent"]["verdict"] == "FAILS"
    assert "--dport 8000:8100" in found["nat.silent"]["because"]
    assert found["hello.host"]["verdict"] == "HOLDS"


def test_without_iptables_nothing_is_claimed_about_rules() -> None:
    program = sandbox("readlink", "-f", "/usr/sbin/iptables").strip()
    with wrong(["sudo", "chmod", "a-x", program], ["sudo", "chmod", "a+x", program]):
        code, document = demo()
    found = claims(document)
    assert (code, document["verdict"]) == (3, "UNKNOWN")
    assert found.pop("nat.silent")["verdict"] == "UNKNOWN"
    assert {claim["verdict"] for claim in found.values()} == {"HOLDS"}


def test_a_port_that_is_held_is_said_and_left_alone() -> None:
    start = ["sh", "-c", "setsid nc -lk 8080 >/dev/null 2>&1 </dev/null & echo $!"]
    pid = sandbox(*start).strip()
    try:
        deadline = time.monotonic() + 5
        while "8080" not in sandbox("ss", "-Hltn") and time.monotonic() < deadline:
            time.sleep(0.1)
        code, document = demo()
        assert (code, document["verdict"]) == (3, "UNKNOWN")
        because = document["claims"][0]["because"]
        assert "8080" in because and "nc (pid " in because
        assert not any("docker run" in step["command"] for step in document["steps"])
        # It still listens.
        assert "8080" in sandbox("ss", "-Hltn")
    finally:
        sandbox("kill", pid)


def test_another_image_under_the_tag_is_not_what_runs() -> None:
    name = sandbox(
        "docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "localhost:5000/*"
    )
    reference = name.split()[0]
    sandbox("docker", "create", "--name", "another", reference)
    sandbox("docker", "commit", "--message", "another", "another", reference)
    sandbox("docker", "rm", "another")
    code, document = demo()
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert claims(document)["image.built"]["verdict"] == "HOLDS"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [*INV, "demo.host"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    # As soon as the container was started, in the middle of the demo.
    for line in process.stdout:
        if line.startswith("sandbox$ docker ps"):
            process.send_signal(number)
            break
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_keep_leaves_it_and_the_next_run_removes_it() -> None:
    code, _ = demo("--keep")
    assert code == 0
    assert sandbox("docker", "ps", "--format", "{{.Names}}", "--filter", "label=hostonly.demo=host")
    code, document = demo()
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert document["steps"][0]["command"] == "docker rm --force --volumes hello"
