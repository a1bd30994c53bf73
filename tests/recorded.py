"""A demo's run, recorded from real vantages and played again without any.

`tests/integration/test_demos.py --record` writes the recordings. Played again, the demo's own file
runs: a command that it did not give when it was recorded is refused. So a demo cannot be changed
without being run again for real, and its page is held to what its file does. How the stage finds out
what a demo has made is not part of the story: that is kept as what was found.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest

from hostonly.errors import Unreachable
from hostonly.facts import resolver
from hostonly.results.judged import SandboxAbout
from hostonly.site import Site
from hostonly.stage.leftovers import Leftover, find
from hostonly.stage.testbed import BuiltImage, Testbed
from hostonly.testing import Answer, FakeVantage
from hostonly.vantages import Result, Secret, Vantage, shown
from hostonly.vantages.vantage import MASK

RECORDINGS = Path(__file__).parent / "unit" / "demos" / "recorded"


class Recorder:
    """A vantage, and everything that was run there in `runs`, which several may share."""

    def __init__(self, vantage: Vantage, runs: list[dict[str, Any]]) -> None:
        self.vantage, self.runs = vantage, runs

    @property
    def name(self) -> str:
        return self.vantage.name

    @property
    def prompt(self) -> str:
        return self.vantage.prompt

    def run(
        self, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 30.0
    ) -> Result:
        run: dict[str, Any] = {"at": self.name, "command": shown(argv)}
        try:
            result = self.vantage.run(argv, stdin=stdin, timeout=timeout)
        except Unreachable as error:
            self.runs.append({**run, "unreachable": str(error)})
            raise
        self.runs.append({**run, "exit": result.exit, "out": result.stdout, "err": result.stderr})
        return result


class Player(FakeVantage):
    """A vantage that gives the recorded results, in their order for each command."""

    def __init__(self, name: str, prompt: str, runs: Iterable[dict[str, Any]]) -> None:
        recorded: dict[str, list[Answer]] = defaultdict(list)
        for run in runs:
            recorded[run["command"]].append(_result(name, prompt, run))
        super().__init__(recorded, name=name, prompt=prompt)

    def answer(self, argv: list[str]) -> Answer:
        try:
            return super().answer(argv)
        except AssertionError as error:
            error.add_note("has the demo changed? pytest tests/integration/test_demos.py --record")
            raise

    @property
    def unplayed(self) -> list[str]:
        """The commands that were recorded and not asked for now. How often is left open: what waits
        for something looks as often as it takes."""
        return [command for command in self.answers if command not in self.ran]


def _result(name: str, prompt: str, run: dict[str, Any]) -> Answer:
    if "unreachable" in run:
        return Unreachable(run["unreachable"])
    out, err = run["out"], run["err"]
    # What was confidential is not in the recording; anything will do in its place.
    secrets = (Secret("stand-in"),) * (out + err).count(MASK)
    return Result(name, prompt, run["command"], run["exit"], out, err, 0.0, secrets)


def recording(
    testbed: Testbed, runs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> Testbed:
    """`testbed`, with everything that is run noted in `runs`."""

    def found(vantage: Vantage) -> tuple[Leftover, ...]:
        assert isinstance(vantage, Recorder)
        leftovers = find(vantage.vantage)
        runs.append({"at": vantage.name, "found": [astuple(each) for each in leftovers]})
        return leftovers

    monkeypatch.setattr("hostonly.stage.clearing.find", found)
    second: list[Vantage] = []

    def second_sandbox() -> Vantage:
        if not second:
            second.append(Recorder(testbed.second_sandbox(), runs))
        return second[0]

    return replace(
        testbed,
        host=Recorder(testbed.host, runs),
        sandbox=Recorder(testbed.sandbox, runs),
        second_sandbox=second_sandbox,
    )


def save(name: str, testbed: Testbed, runs: list[dict[str, Any]], like: Site) -> None:
    """Keep `runs` of demo `name` as if they had been made on the site `like`."""
    bridges = (testbed.site.bridge.name, testbed.site.nat.name)
    runs = [_about_the_demo(run, bridges) for run in runs]
    # Outputs are repeated a lot: each is kept once.
    outputs: dict[str, int] = {}
    lines = [
        {
            key: outputs.setdefault(value, len(outputs)) if key in ("out", "err") else value
            for key, value in run.items()
        }
        for run in runs
    ]
    document = {
        "engine": testbed.about.engine,
        "reference": testbed.image.reference,
        "id": testbed.image.id,
        "runs": lines,
        "outputs": list(outputs),
    }
    text = json.dumps(document, indent=0, ensure_ascii=False)
    # The sandbox's name servers are the host's.
    name_servers = resolver.parse(testbed.sandbox.run(["cat", "/etc/resolv.conf"]).stdout)
    for server in name_servers.nameservers:
        text = text.replace(server, "192.0.2.53")
    RECORDINGS.mkdir(exist_ok=True)
    (RECORDINGS / f"{name}.json").write_text(like_default(text, testbed.site, like) + "\n")


def _about_the_demo(run: dict[str, Any], bridges: tuple[str, str]) -> dict[str, Any]:
    """`run`, on the host without what is nobody's business: neighbours and ways of other links."""
    command = run.get("command", "")
    if run["at"] != "host" or not command.startswith("ip -json ") or run.get("exit") != 0:
        return run
    items = json.loads(run["out"])
    if "route get" in command:
        elsewhere = {"gateway": "192.0.2.1", "prefsrc": "192.0.2.7"}
        for item in items:
            if item["dev"] not in bridges:
                item.update({key: new for key, new in elsewhere.items() if key in item})
    else:
        items = [item for item in items if item.get("dev", item.get("ifname")) in bridges]
    return {**run, "out": json.dumps(items) + "\n"}


def like_default(text: str, site: Site, default: Site) -> str:
    """`text` with the addresses and names of `site` replaced by those of `default`."""
    for mine, theirs in zip(site.bridges, default.bridges, strict=True):
        old, new = str(mine.network.network_address), str(theirs.network.network_address)
        text = text.replace(old.rpartition(".")[0] + ".", new.rpartition(".")[0] + ".")
    for mine, theirs in zip(site.bridges[::-1], default.bridges[::-1], strict=True):
        text = text.replace(mine.name, theirs.name)
    return text.replace(site.name, default.name)


def playing(
    name: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> tuple[Testbed, Callable[[], list[str]]]:
    """A testbed that plays the recording of demo `name`, and what of it is left unplayed."""
    document = json.loads((RECORDINGS / f"{name}.json").read_text())
    outputs = document["outputs"]
    places: dict[str, list[dict[str, Any]]] = defaultdict(list)
    leftovers: dict[str, deque[Any]] = defaultdict(deque)
    for run in document["runs"]:
        if "found" in run:
            leftovers[run["at"]].append(run["found"])
            continue
        for key in ("out", "err"):
            if key in run:
                run[key] = outputs[run[key]]
        places[run["at"]].append(run)

    def found(vantage: Vantage) -> tuple[Leftover, ...]:
        return tuple(Leftover(*each) for each in leftovers[vantage.name].popleft())

    monkeypatch.setattr("hostonly.stage.clearing.find", found)
    prompts = {"host": "host", "sandbox": "sandbox"}
    players = {
        place: Player(place, prompts.get(place, "sandbox2"), places.get(place, ()))
        for place in (*prompts, *(place for place in places if place not in prompts))
    }
    seconds = [player for place, player in players.items() if place not in prompts]
    about = SandboxAbout(
        site.name,
        site.sandbox.provider,
        site.sandbox.address,
        document["engine"],
    )
    testbed = Testbed(
        site,
        players["host"],
        players["sandbox"],
        about,
        BuiltImage(document["reference"], document["id"]),
        lambda: seconds[0],
    )
    return testbed, lambda: [c for player in players.values() for c in player.unplayed]
