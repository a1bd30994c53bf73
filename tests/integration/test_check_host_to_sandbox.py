"""check.host-to-sandbox on a real sandbox: as it should be, and with things made wrong by hand."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hostonly.facts.batch import COMMAND_SECONDS
from hostonly.process import as_root
from hostonly.site import Site
from tests.integration.command_line import COPY, INV, answer, inv

LABEL = "hostonly.demo=test-check"


def run(argv: list[str], *, check: bool = True) -> str:
    """Run a command; what it printed on standard output."""
    done = subprocess.run(argv, cwd=COPY, capture_output=True, timeout=300, check=False, text=True)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout


def check() -> tuple[int, dict[str, Any], dict[str, str]]:
    """The check's exit code, its document, and the verdicts by the claims' ids."""
    # Long enough for every look's own limit; what hangs is seen by it.
    code, document = answer("check.host-to-sandbox", timeout=120.0)
    return code, document, {c["id"]: c["verdict"] for c in document["claims"]}


def sandbox(*argv: str) -> list[str]:
    return [*INV, "sandbox.exec", "--", *argv]


def wait_for_listener(port: int) -> None:
    """Return when somebody in the sandbox listens on ``port``."""
    line = f"for i in $(seq 600); do ss -Hltn sport = :{port} | grep -q . && exit; sleep .1; done; exit 1"
    run(sandbox("sh", "-c", line))


@contextmanager
def wrong(do: list[str], undo: list[str]) -> Iterator[None]:
    """Something made wrong, and put right again whatever happens."""
    run(do)
    try:
        yield
    finally:
        run(undo)


@pytest.fixture(autouse=True, scope="module")
def up() -> None:
    run([*INV, "image.pull"])


def test_several_tasks_print_a_document_a_line() -> None:
    done = inv("check.host-to-sandbox", "--json", "sandbox.status", "--json")
    assert done.returncode == 0, done.stderr
    kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
    assert kinds == ["check", "status"]


def test_all_is_well() -> None:
    code, document, verdicts = check()
    assert code == 0, document
    assert (document["kind"], document["name"], document["verdict"]) == (
        "check",
        "host-to-sandbox",
        "HOLDS",
    )
    assert verdicts.pop("hello.host") == "SKIPPED"
    assert set(verdicts.values()) == {"HOLDS"}
    assert all(c["evidence"] for c in document["claims"] if c["verdict"] == "HOLDS")


@contextmanager
def container(site: Site, *options: str) -> Iterator[None]:
    """HelloSocket in a container called test-check."""
    image = f"localhost:{site.registry_port}/{site.image.name}"
    run_it = ["docker", "run", "-d", "--rm", "--name", "test-check", "--label", LABEL]
    remove = sandbox("docker", "rm", "--force", "test-check")
    with wrong(sandbox(*run_it, *options, image, "test"), remove):
        yield


@pytest.mark.parametrize(
    ("options", "at", "verdict"),
    [
        ("-p {port}:8080", "", "HOLDS"),
        ("-p 127.0.0.1:{port}:8080", "", "SKIPPED"),
        ("-p 172.17.0.1:{port}:8080", "", "SKIPPED"),
        # The port is in the rule, as the one that packets to another are rewritten to.
        ("-p 9001:{port} --env HELLO_PORT={port}", "9001", "SKIPPED"),
        ("--network host --env HELLO_PORT={port}", "", "HOLDS"),
    ],
)
def test_hello_where_it_runs(options: str, at: str, verdict: str, site: Site) -> None:
    port = site.hello_port
    with container(site, *options.format(port=port).split()):
        wait_for_listener(int(at or port))
        _, document, verdicts = check()
    assert verdicts.pop("hello.host") == verdict
    assert set(verdicts.values()) == {"HOLDS"}, document


def test_a_docker_proxy_that_was_ended_is_named(site: Site) -> None:
    port = site.hello_port
    held = f"ss -Hltnp sport = :{port} | grep -o 'pid=[0-9]*' | cut -d= -f2"
    end = f"kill $({held}); while ss -Hltn sport = :{port} | grep -q .; do sleep .1; done"
    with container(site, "-p", f"{port}:8080"):
        wait_for_listener(port)
        run(sandbox("sudo", "sh", "-c", end))
        code, document, verdicts = check()
    assert code == 1
    # DNAT brings the host to HelloSocket all the same.
    assert verdicts["hello.host"] == "HOLDS"
    failed = {c["id"]: c["because"] for c in document["claims"] if c["verdict"] == "FAILS"}
    assert list(failed) == ["published.held"]
    assert f"no docker-proxy holds {port} for test-check" in failed["published.held"]


def test_the_engine_away() -> None:
    stop = sandbox("sudo", "systemctl", "stop", "docker.socket", "docker.service")
    start = sandbox("sudo", "systemctl", "start", "docker.socket", "docker.service")
    with wrong(stop, start):
        code, _, verdicts = check()
    assert code == 1
    assert {claim for claim, verdict in verdicts.items() if verdict == "FAILS"} == {
        "engine.answers"
    }


def test_a_failed_unit_is_named() -> None:
    fail = sandbox(
        *("sudo", "sh", "-c"),
        "systemd-run --quiet --unit=hostonly-fails false;"
        " until systemctl --quiet is-failed hostonly-fails; do sleep .1; done",
    )
    with wrong(fail, sandbox("sudo", "systemctl", "reset-failed")):
        code, document, verdicts = check()
    assert (code, verdicts["units.failed"]) == (1, "FAILS")
    (because,) = [c["because"] for c in document["claims"] if c["id"] == "units.failed"]
    assert "hostonly-fails.service" in because and "journalctl -b -u hostonly-fails" in because
    assert check()[2]["units.failed"] == "HOLDS"


def test_a_stranger_listens() -> None:
    # systemd-run: it outlives the ssh session.
    listen = sandbox("sudo", "systemd-run", "--unit=test-check", "nc", "-lk", "2375")
    with wrong(listen, sandbox("sudo", "systemctl", "stop", "test-check")):
        wait_for_listener(2375)
        code, document, verdicts = check()
    assert code == 1
    assert verdicts["ports.closed"] == verdicts["listeners.expected"] == "FAILS"
    because = {claim["id"]: claim["because"] for claim in document["claims"]}
    assert "2375" in because["ports.closed"]
    assert "nc on" in because["listeners.expected"]


def test_a_frozen_sandbox(site: Site) -> None:
    name = f"{site.name}-sandbox"
    with wrong(as_root(["lxc-freeze", "-n", name]), as_root(["lxc-unfreeze", "-n", name])):
        code, document, verdicts = check()
    assert code == 1
    assert verdicts.pop("sandbox.running") == "FAILS"
    assert verdicts.pop("route.host-only") == "HOLDS"
    assert set(verdicts.values()) == {"UNKNOWN"}
    # Nobody waited for an answer until a limit of his own.
    assert document["seconds"] < COMMAND_SECONDS


def test_the_bridge_down(site: Site) -> None:
    link = ["ip", "link", "set", site.bridge.name]
    with wrong(as_root([*link, "down"]), as_root([*link, "up"])):
        code, document, verdicts = check()
    assert code == 1
    assert verdicts.pop("sandbox.running") == "HOLDS"
    assert verdicts.pop("route.host-only") == "FAILS"
    # Nothing was sent where it would have left by another interface.
    assert set(verdicts.values()) == {"UNKNOWN"}
    sent = [e["command"] for c in document["claims"] for e in c["evidence"]]
    assert not any(command.startswith(("nc", "curl")) for command in sent)
