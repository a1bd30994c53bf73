"""An engine that left its swarm and gossips on is restarted, and nobody's containers with it."""

from __future__ import annotations

from typing import Any

import pytest

from hostonly.errors import HostonlyError
from hostonly.events import Event, Started, Warned
from hostonly.stage import gossip
from tests.unit.stage.played import Played

# ss -H -l -t -n -p on a sandbox whose engine had left a swarm half a minute before.
LISTENING = (
    'LISTEN 0      4096                *:7946             *:*    users:(("dockerd",pid=52,fd=24))\n'
)
RESTART = "sudo systemctl restart docker"


def end(sandbox: Played, events: list[Event]) -> None:
    def step(vantage: Any, *argv: str) -> None:
        vantage.run(argv)

    gossip.end(sandbox, step, events.append, seconds=0.0)


def test_where_nobody_gossips_nothing_is_done(sandbox: Played, events: list[Event]) -> None:
    end(sandbox, events)
    assert RESTART not in sandbox.ran
    assert events == []


def test_an_engine_that_gossips_on_is_restarted(sandbox: Played, events: list[Event]) -> None:
    sandbox.listening = LISTENING
    end(sandbox, events)
    assert sandbox.ran[-1] == RESTART
    assert [type(event) for event in events] == [Started, Warned]


def test_not_while_other_containers_run(sandbox: Played, events: list[Event]) -> None:
    sandbox.listening, sandbox.containers = LISTENING, {"theirs": {}}
    with pytest.raises(HostonlyError, match="a restart would end theirs") as caught:
        end(sandbox, events)
    assert caught.value.remedy is not None and RESTART in caught.value.remedy
    assert RESTART not in sandbox.ran


@pytest.mark.parametrize("state", ["active", "pending", "locked"])
def test_not_while_it_is_in_a_swarm(sandbox: Played, events: list[Event], state: str) -> None:
    sandbox.listening, sandbox.swarm = LISTENING, state
    end(sandbox, events)
    assert RESTART not in sandbox.ran


def test_somebody_else_on_the_port_is_not_the_engine(sandbox: Played, events: list[Event]) -> None:
    sandbox.listening = LISTENING.replace("dockerd", "nc")
    end(sandbox, events)
    assert RESTART not in sandbox.ran


def test_what_was_not_observed_is_no_silence(sandbox: Played, events: list[Event]) -> None:
    sandbox.listening = "ss speaks another language\n"
    with pytest.raises(HostonlyError, match="was not observed"):
        end(sandbox, events)
    assert RESTART not in sandbox.ran
