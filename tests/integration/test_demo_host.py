"""demo.host on a real sandbox: as it should be, and with things made wrong by hand."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest

from hostonly.waiting import until
from tests.checkout import ROOT
from tests.integration.command_line import (
    answer,
    claims,
    dnat_by_hand,
    inside,
    interrupted,
    left_by,
    up,
    wrong,
)


@pytest.fixture(autouse=True, scope="module")
def sandbox_up() -> None:
    """The sandbox is up."""
    up("sandbox")


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No test leaves a container of the demo's behind."""
    yield
    assert left_by("sandbox", "host") == ""


def test_every_claim_holds_with_evidence() -> None:
    code, document = answer("demo.host")
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert len(document["claims"]) >= 6
    for claim in document["claims"]:
        assert claim["verdict"] == "HOLDS", claim
        assert claim["evidence"] and all(e["command"] for e in claim["evidence"])
    assert document["sandbox"]["engine"]
    assert any(step["command"].startswith("docker run -d") for step in document["steps"])


def test_the_page_shows_the_commands_that_run_and_the_claims_that_are_judged() -> None:
    _, document = answer("demo.host")
    # The page has the default address; a checkout may have been given another.
    page = (ROOT / "docs" / "demo-host.md").read_text()
    page = page.replace("172.16.0.2", document["sandbox"]["address"])
    shown = re.findall(r"^    (?:sandbox|host)\$ (.*)$", page, re.MULTILINE)
    assert shown == list(dict.fromkeys(step["command"] for step in document["steps"]))
    rows = re.findall(r"^\| `([a-z.]+)` \| (.*?) \| ", page, re.MULTILINE)
    assert rows == [(claim["id"], claim["sentence"]) for claim in document["claims"]]


def test_a_dnat_rule_made_by_hand_is_named() -> None:
    rule = ["-p", "tcp", "--dport", "8000:8100", "-j", "DNAT", "--to-destination", "192.0.2.1:80"]
    with dnat_by_hand("iptables", *rule):
        code, document = answer("demo.host")
    found = claims(document)
    assert (code, document["verdict"]) == (1, "FAILS")
    assert found["nat.silent"]["verdict"] == "FAILS"
    assert "--dport 8000:8100" in found["nat.silent"]["because"]
    assert found["hello.host"]["verdict"] == "HOLDS"


def test_without_iptables_nothing_is_claimed_about_rules() -> None:
    program = inside("sandbox", "readlink", "-f", "/usr/sbin/iptables").strip()
    with wrong("sandbox", ["sudo", "chmod", "a-x", program], ["sudo", "chmod", "a+x", program]):
        code, document = answer("demo.host")
    found = claims(document)
    assert (code, document["verdict"]) == (3, "UNKNOWN")
    assert found.pop("nat.silent")["verdict"] == "UNKNOWN"
    assert {claim["verdict"] for claim in found.values()} == {"HOLDS"}


def test_a_port_that_is_held_is_said_and_left_alone() -> None:
    held = ("ss", "-Hltn", "sport", "=", ":8080")
    start = ["sh", "-c", "setsid nc -lk 8080 >/dev/null 2>&1 </dev/null & echo $!"]
    pid = inside("sandbox", *start).strip()
    try:
        assert until(lambda: inside("sandbox", *held), bool, 30.0)
        code, document = answer("demo.host")
        assert (code, document["verdict"]) == (3, "UNKNOWN")
        because = document["claims"][0]["because"]
        assert "8080" in because and "nc (pid " in because
        assert not any("docker run" in step["command"] for step in document["steps"])
        # It still listens.
        assert inside("sandbox", *held)
    finally:
        inside("sandbox", "kill", pid)


def test_another_image_under_the_tag_is_not_what_runs() -> None:
    name = inside(
        "sandbox",
        "docker",
        "image",
        "ls",
        "--format",
        "{{.Repository}}:{{.Tag}}",
        "localhost:5000/*",
    )
    reference = name.split()[0]
    inside("sandbox", "docker", "create", "--name", "another", reference)
    inside("sandbox", "docker", "commit", "--message", "another", "another", reference)
    inside("sandbox", "docker", "rm", "another")
    code, document = answer("demo.host")
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert claims(document)["image.built"]["verdict"] == "HOLDS"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(number: signal.Signals) -> None:
    # As soon as the container was started, in the middle of the demo.
    interrupted("demo.host", "sandbox$ docker ps", number)


def test_keep_leaves_it_and_the_next_run_removes_it() -> None:
    code, _ = answer("demo.host", "--keep")
    assert code == 0
    assert left_by("sandbox", "host")
    code, document = answer("demo.host")
    assert (code, document["verdict"]) == (0, "HOLDS")
    assert document["steps"][0]["command"] == "docker rm --force --volumes hello"
