"""Wrong settings and arguments through the real program: one line, exit 2, nothing run or written."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostonly.cli import HostonlyProgram
from hostonly.site import ROOT

LONG = "x" * 10_000
UNICODE = "sändbox\u202e"
TERMINAL = "\x1b[2J\x1b]0;owned\x07"
DIGEST = "sha256:" + "0" * 64

# What is typed after `./inv`, and a word of what is said.
ARGUMENTS: list[tuple[list[str], str]] = [
    # Tasks and flags.
    (["sandbox.upp"], "sandbox.up"),
    (["upp"], "no task"),
    ([""], "no task"),
    (["sandbox"], "no task"),
    (["sandbox.up;reboot"], "no task"),
    (["../../bin/sh"], "no task"),
    ([LONG], "no task"),
    ([UNICODE], "no task"),
    ([TERMINAL], "no task"),
    (["sandbox.up", "sandbox.upp"], "no task"),
    (["sandbox.up", "--mashine", "sandbox"], "--machine"),
    (["sandbox.up", "--machine"], "machine"),
    (["sandbox.up", "--force"], "no flag"),
    (["sandbox.up", "-q"], "no flag"),
    (["sandbox.status", "--json=yes"], ""),
    (["--nonsense"], ""),
    (["-f"], ""),
    # Which machine.
    *(
        ([task, "--machine", machine], "sandbox or sandbox2")
        for task in ("sandbox.up", "sandbox.halt", "sandbox.destroy", "sandbox.ssh", "host.prepare")
        for machine in ("sandbox3", "a b", "$(id)", LONG, UNICODE, TERMINAL)
    ),
    *(([task, "--machine", ""], "sandbox or sandbox2") for task in ("sandbox.up", "sandbox.destroy")),
    (["sandbox.up", "--machine", "../x"], "sandbox or sandbox2"),
    *(
        (["sandbox.up", "--machines", names], "--machines")
        for names in ("", ",", "sandbox,", "sandbox,web", "sandbox sandbox2", "sandbox;id", LONG)
    ),
    *((["sandbox.up", "--count", count], "1 to 2") for count in ("0", "-1", "3", "10000")),
    (["sandbox.up", "--count", "two"], "whole number"),
    (["sandbox.up", "--machine", "sandbox", "--count", "2"], "only one of them"),
    (["sandbox.up", "--machines", "sandbox,sandbox2", "--count", "2"], "only one of them"),
    (["sandbox.up", "--machine", "sandbox", "--machines", "sandbox2"], "only one of them"),
    (["sandbox.exec"], "nothing to run"),
    (["sandbox.exec", "--"], "nothing to run"),
    (["sandbox.exec", "ls"], ""),
    (["sandbox.exec", "--machine", "web", "--", "ls"], "sandbox or sandbox2"),
    (["check.isolation", "--machine", "web"], "sandbox or sandbox2"),
    (["check.isolation", "--machine", ""], "sandbox or sandbox2"),
    # The bench.
    *((["bench", "--rows", rows], "no row ''") for rows in ("", ",", "list,", "list,,up")),
    *((["bench", "--rows", rows], "no row") for rows in ("lsit", "LIST", LONG, UNICODE, TERMINAL)),
    *((["bench", "--rounds", rounds], "--rounds") for rounds in ("0", "-1", "51")),
    # The registry.
    *(
        (["registry.tags", "--repository", name], "repository name")
        for name in ("Hello", "a b", "../a", "a;b", "a:latest", "a//b", LONG, UNICODE, TERMINAL)
    ),
    *(
        (["registry.inspect", "--reference", name], "")
        for name in ("Hello", "a@sha256:0", "a:", "a b", f"x@{DIGEST}0", "-", LONG, TERMINAL)
    ),
    *((["registry.delete", "--reference", name], "") for name in ("Hello", ":x", "a@b", LONG)),
    (["registry.inspect"], "reference"),
    (["registry.catalog", "--vantage", "moon"], "host or sandbox"),
    (["registry.catalog", "--vantage", ""], "host or sandbox"),
    (["registry.catalog", "--vantage", TERMINAL], "host or sandbox"),
    # The image.
    *((["image.build", "--flavour", name], "") for name in ("perl", "", LONG, TERMINAL)),
    (["image.build", "--on", "moon"], ""),
    (["image.push", "--flavour", "perl"], ""),
    (["image.push", "--from", "moon"], ""),
    (["image.pull", "--flavour", "perl"], ""),
    (["image.pull", "--to", "moon"], "sandbox or host"),
    # HelloSocket.
    *(
        (["hello.call", "--host", name], "")
        for name in ("8.8.8.8", "example.org", "", "a b", "::", "172.16.0.300", LONG, TERMINAL)
    ),
    *((["hello.call", "--host", "localhost", "--port", n], "") for n in ("-1", "70000", "a", "")),
    *((["hello.call", "--host", "localhost", "--count", n], "") for n in ("0", "-1", "10001", "x")),
    (["hello.call", "--host", "localhost", "--parallel", "257"], "256"),
    (["hello.call", "--host", "localhost", "--timeout", "0"], ""),
    (["hello.call", "--host", "localhost", "--timeout", "nan"], ""),
    (["hello.call", "--host", "localhost", "--timeout", "soon"], ""),
    *((["hello.serve", "--port", n], "") for n in ("-1", "70000", "http")),
    *((["hello.conformance", "--target", name], "") for name in ("x", "8.8.8.8:80", "localhost:0")),
    (["hello.conformance"], ""),
    (["hello.conformance", "--java", "--python"], ""),
    (["hello.conformance", "--python", "--only", "no-such-case"], ""),
    # The demos.
    (["demo.hots"], "demo.host"),
    (["demo.host", "--kepe"], "--keep"),
    (["demo.host", "--json", "x"], ""),
]  # fmt: skip


# A variable, and a word of what is said; the line begins with the setting's name.
VARIABLES: list[tuple[str, str, str]] = [
    ("INVOKE_SANDBOX_NAME", "My Box", "hostname"),
    ("INVOKE_SANDBOX_NAME", "-box", "hostname"),
    ("INVOKE_SANDBOX_NAME", "box;reboot", "hostname"),
    ("INVOKE_SANDBOX_NAME", "../box", "hostname"),
    ("INVOKE_SANDBOX_NAME", UNICODE, "hostname"),
    ("INVOKE_SANDBOX_NAME", TERMINAL, "hostname"),
    ("INVOKE_SANDBOX_NAME", LONG, "hostname"),
    ("INVOKE_SANDBOX_NAME", "", "hostname"),
    ("INVOKE_SANDBOX_PROVIDER", "docker", "lxc"),
    ("INVOKE_SANDBOX_MEMORY", "lots", "256"),
    ("INVOKE_SANDBOX_MEMORY", "1e9", "256"),
    ("INVOKE_SANDBOX_CPUS", "0", "256"),
    ("INVOKE_NETWORK_BRIDGE", "docker0", "docker0"),
    ("INVOKE_NETWORK_BRIDGE", "a name that is too long", "15"),
    ("INVOKE_NETWORK_BRIDGE", "br 0", "15"),
    ("INVOKE_NETWORK_BRIDGE", 'br"0', "15"),
    ("INVOKE_NETWORK_BRIDGE", "hostonlynat0", "other than network.bridge"),
    ("INVOKE_NETWORK_HOST", "172.16.0.0/24", "first or last"),
    ("INVOKE_NETWORK_HOST", "172.16.0.255/24", "first or last"),
    ("INVOKE_NETWORK_HOST", "172.17.5.1/24", "Docker"),
    ("INVOKE_NETWORK_HOST", "10.203.16.9/24", "10.203.16"),
    ("INVOKE_NETWORK_HOST", "10.0.0.1/8", "/16 to /29"),
    ("INVOKE_NETWORK_HOST", "fe80::1/64", "IPv4"),
    ("INVOKE_NETWORK_HOST", "1.1.1.1/24", "private"),
    ("INVOKE_NETWORK_NAT", "172.16.0.129/25", "apart from network.host"),
    ("INVOKE_NETWORK_NAT", "10.203.16.253/24", "at most 10.203.16.252"),
    ("INVOKE_NETWORK_SANDBOX", "172.16.0.1", "other than network.host"),
    ("INVOKE_NETWORK_SANDBOX", "192.168.1.2", "172.16.0.1 to 172.16.0.254"),
    ("INVOKE_NETWORK_SANDBOX", "172.16.0.2 -o x", "IPv4"),
    ("INVOKE_NETWORK_SANDBOX2", "172.16.0.2", "other than network.sandbox"),
    ("INVOKE_REGISTRY_PORT", "22", "ssh"),
    ("INVOKE_REGISTRY_PORT", "8080", "other than"),
    ("INVOKE_REGISTRY_PORT", "http", "65535"),
    ("INVOKE_HELLO_PORT", "99999", "65535"),
    ("INVOKE_IMAGE_NAME", "Hello", "repository"),
    ("INVOKE_IMAGE_NAME", "a@b", "repository"),
    ("INVOKE_REGISTRY_PROT", "5000", "INVOKE_REGISTRY_PORT"),
    ("INVOKE_SANDBOX_ENGINE", "26.1", "20.10"),
    ("INVOKE_MACHINES_DB_ADDRESS", "172.16.0.4", "unknown key"),
]

# What a settings file holds, and a word of what is said.
FILES: list[tuple[str, str]] = [
    ("sandbox: [", "cannot be read"),
    ("\x00", "cannot be read"),
    ("5", "must hold keys"),
    ("[1, 2]", "must hold keys"),
    ("sandbox: 5", "section"),
    ("sandbox: {name: [a]}", "sandbox.name"),
    ("sandbox: {nam: a}", "sandbox.name"),
    ("sandbx: {name: a}", "did you mean sandbox"),
    ("registry: {port: '5000'}", "registry.port"),
    ("registry: {port: 5000.5}", "registry.port"),
    ("registry: {port: yes}", "registry.port"),
    ("registry: {port: {a: 1}}", "registry.port"),
    ("network: {host: 2886729729}", "network.host"),
    (f"image: {{name: '{LONG}'}}", "image.name"),
    ("image: {name: !!python/object/apply:os.system ['id']}", "cannot be read"),
    ("machines: 5", "machines"),
    ("machines: {db: {}}", "machines.db.address"),
    ("machines: {db: {address: 172.16.0.2}}", "other than network.sandbox"),
    (f"machines: {{{LONG[:17]}: {{address: 172.16.0.4}}}}", "a-z and 0-9"),
]


@pytest.fixture(autouse=True)
def nothing_happens(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without the caller's settings; no program may be started, and no file of ours may come."""
    for name in [name for name in os.environ if name.startswith(("INVOKE_", "HOSTONLY_"))]:
        monkeypatch.delenv(name)

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(f"a program was started: {arguments[:1]}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    before = state()
    yield
    assert state() == before


def state() -> list[str]:
    """The files of the checkout that a task could make, `.venv` and caches apart."""
    folders = [ROOT, ROOT / ".hostonly", ROOT / ".hostonly" / "bugs"]
    found = [each for folder in folders if folder.exists() for each in sorted(folder.iterdir())]
    # Tests beside this one compile what they import; the site is kept by whoever settles it (site_cache).
    return [str(each) for each in found if "cache" not in each.name and each.stem != "site"]


def refused(capfd: pytest.CaptureFixture[str], *typed: str) -> str:
    """The one line that the program says when this is typed."""
    code = HostonlyProgram().exit_code(["inv", *typed])
    out, err = capfd.readouterr()
    assert code == 2, err
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("inv: ")
    assert line.isprintable()
    assert len(line) < 600
    return line


@pytest.mark.parametrize(("typed", "says"), ARGUMENTS, ids=lambda each: repr(each)[:70])
def test_arguments(typed: list[str], says: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert says in refused(capfd, *typed)


@pytest.mark.parametrize(("name", "value", "says"), VARIABLES, ids=lambda each: repr(each)[:40])
@pytest.mark.parametrize("task", ["sandbox.up", "check.isolation"])
def test_variables(
    name: str,
    value: str,
    says: str,
    task: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert says in refused(capfd, task)


@pytest.mark.parametrize(("text", "says"), FILES, ids=lambda each: repr(each)[:50])
def test_files(text: str, says: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    assert says in refused(capfd, "-f", str(file), "sandbox.up")


def test_a_folder_for_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.yaml").mkdir()
    assert "is a directory" in refused(capfd, "-f", str(tmp_path / "mine.yaml"), "sandbox.up")


def test_a_file_that_is_not_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refused(capfd, "-f", str(tmp_path / "mine.yaml"), "sandbox.up")


def test_a_file_of_another_kind(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("")
    assert "must end in .yaml" in refused(capfd, "-f", str(tmp_path / "mine.txt"), "sandbox.up")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("sandbox: {cpus: 1}")
    file.chmod(0)
    assert "cannot be read" in refused(capfd, "-f", str(file), "sandbox.up")


def test_a_port_in_use(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code = HostonlyProgram().exit_code(["inv", "hello.serve", "--port", port])
    # The server says it, in the words that all HelloSockets have.
    (line,) = capfd.readouterr().err.splitlines()
    assert code == 2
    assert line == f"hello-socket: cannot listen on port {port}: Address already in use"


def test_there_are_many_enough() -> None:
    assert len(ARGUMENTS) + len(VARIABLES) + len(FILES) >= 60
