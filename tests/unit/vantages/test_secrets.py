"""Secrets are run and not shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hostonly.vantages import Host, Result, Secret, shown
from hostonly.vantages.vantage import MASK, typed

TOKEN = "SWMTKN-1-" + "5" * 50 + "-" + "a" * 25
JOIN = ["docker", "swarm", "join", "--token", Secret(TOKEN), "172.16.0.2:2377"]


def result(stdout: str, stderr: str = "") -> Result:
    return Result("sandbox", "sandbox", "docker swarm init", 0, stdout, stderr, 0.0)


def test_a_secret_is_typed_and_not_shown() -> None:
    assert shown(JOIN) == f"docker swarm join --token {MASK} 172.16.0.2:2377"
    assert typed(JOIN) == f"docker swarm join --token {TOKEN} 172.16.0.2:2377"


def test_a_token_is_not_shown_although_nobody_said_that_it_is_a_secret() -> None:
    assert TOKEN not in shown(["sh", "-c", f"docker swarm join --token {TOKEN} there"])


@pytest.mark.parametrize("word", ["two words", "a'b", "", "$HOME", "*"])
def test_other_words_are_quoted_as_ever(word: str) -> None:
    assert shown(["echo", word]) == typed(["echo", word])


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_output_is_masked_before_anybody_has_it(cut: int) -> None:
    token = TOKEN[: len(TOKEN) - cut]
    seen = result(f"    docker swarm join --token {token} 172.16.0.2:2377\n", f"or {token}\n")
    assert seen.stdout == f"    docker swarm join --token {MASK} 172.16.0.2:2377\n"
    assert seen.stderr == f"or {MASK}\n"
    assert seen.secrets == (token, token)
    assert all(isinstance(secret, Secret) for secret in seen.secrets)
    assert "SWMTKN" not in repr(seen) + seen.output


def test_a_copy_keeps_the_secrets_and_shows_none() -> None:
    copy = replace(result(f"{TOKEN}\n"), vantage="container web")
    assert copy.secrets == (TOKEN,)
    assert TOKEN not in repr(copy)


def test_output_without_a_secret_is_left_alone() -> None:
    assert result("SWM TKN\n").secrets == ()


def test_the_host_runs_it_whole() -> None:
    ran = Host().run(["sh", "-c", 'printf %s "${#0}"', Secret(TOKEN)])
    assert ran.stdout == str(len(TOKEN))
    assert TOKEN not in ran.command
