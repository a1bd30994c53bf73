"""What curl saw, read from captured runs."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from hostonly.facts import NotObserved, Observed
from hostonly.facts.http import http, read_answer
from hostonly.vantages import Result

Captured = Callable[[str], str]


def result(exit: int, stdout: str, stderr: str = "") -> Result:
    return Result(
        "sandbox", "sandbox", "curl -q -sS -i http://localhost", exit, stdout, stderr, 0.0
    )


def test_the_registry(captured: Captured) -> None:
    fact = read_answer(result(0, captured("http/registry.stdout")))
    assert isinstance(fact, Observed)
    assert (fact.value.status, fact.value.body) == (200, "{}")
    assert fact.value.header("docker-distribution-api-version") == "registry/2.0"
    assert fact.value.header("location") is None


def test_the_engine(captured: Captured) -> None:
    fact = read_answer(result(0, captured("http/engine.stdout")))
    assert isinstance(fact, Observed)
    assert json.loads(fact.value.body)["ApiVersion"] == "1.41"


def test_nobody_there_is_an_observation(captured: Captured) -> None:
    fact = read_answer(result(7, "", captured("http/refused.stderr")))
    assert isinstance(fact, Observed)
    assert fact.value.status is None
    assert "Failed to connect to localhost port 5999" in str(fact.value)


@pytest.mark.parametrize(
    ("exit", "stdout", "stderr"),
    [
        (127, "", "curl: No such file or directory\n"),
        (2, "", "curl: option --nope: is unknown\n"),
        (3, "", "curl: (3) URL using bad/illegal format\n"),
        (0, "", ""),
        (0, "hello\n\nbody", ""),
        (124, "", ""),
    ],
)
def test_what_says_nothing_is_not_observed(exit: int, stdout: str, stderr: str) -> None:
    assert isinstance(read_answer(result(exit, stdout, stderr)), NotObserved)


def test_the_request_goes_to_nobody_else() -> None:
    argv = http("http://docker/version", socket="/run/docker.sock", accept="a/b").argv
    assert argv[:2] == ("curl", "-q")
    assert argv[argv.index("--noproxy") + 1] == "*"
    assert argv[argv.index("--unix-socket") + 1] == "/run/docker.sock"
    assert argv[argv.index("-H") + 1] == "Accept: a/b"
