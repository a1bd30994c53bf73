"""Why a download failed, by what the real tools said: each file in `downloads/` is one's whole output.

Captured from the project's own calls of them: with proxies on loopback that refuse, keep silent, or
answer 407 or 502, one whose name nobody knows, and servers whose certificates are not trusted, expired or
made out to another name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hostonly.errors import ToolFailed
from hostonly.host import downloads, proxies
from hostonly.host.command import run

CAPTURES = Path(__file__).with_name("downloads")
DEAD = "http://me:hunter2@127.0.0.1:9"
OF_APT = proxies._of_apt
SHOWN = "http://********@127.0.0.1:9"


def said(capture: str) -> str:
    return (CAPTURES / f"{capture}.txt").read_text(encoding="utf-8")


def command(capture: str) -> list[str]:
    (tool,) = (tool for tool in downloads.TOOLS if capture.startswith(tool))
    return ["python", "-m", "pip"] if tool == "pip" else [tool]


def trouble(
    capture: str, environ: Mapping[str, str] | None = None, *before: str
) -> downloads.Trouble | None:
    return downloads.trouble([*before, *command(capture)], said(capture), environ or {})


@pytest.fixture(autouse=True)
def nothing_in_apts_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own would be another's answer."""
    monkeypatch.setattr(proxies, "_of_apt", lambda environ: iter(()))


PROXIES = [
    ("apt-get-proxy-refused", {"https_proxy": DEAD}, f"(Connection refused): https_proxy={SHOWN}"),
    (
        "apt-get-proxy-unknown",
        {"http_proxy": "proxy.invalid:3128"},
        "http_proxy=proxy.invalid:3128",
    ),
    ("apt-get-proxy-silent", {"http_proxy": "http://127.0.0.1:18000"}, "does not answer"),
    ("apt-get-proxy-502", {"https_proxy": "http://127.0.0.1:18502/"}, "answers 502 Bad Gateway"),
    ("mmdebstrap-proxy-refused", {"http_proxy": DEAD}, f"http_proxy={SHOWN}"),
    ("mmdebstrap-proxy-502", {"http_proxy": "http://127.0.0.1:18502"}, "answers 502 Bad Gateway"),
    ("mmdebstrap-proxy-unknown", {"http_proxy": "http://proxy.invalid:3128"}, "http_proxy=http://"),
    (
        "mvn-proxy-refused",
        {},
        "(Connection refused): 127.0.0.1:9 (a <proxy> in Maven's settings.xml)",
    ),
    ("mvn-proxy-502", {}, "answers 502 Bad Gateway: 127.0.0.1:18502"),
    ("mvn-proxy-unknown", {}, "proxy.invalid:3128"),
    (
        "mvn-options-refused",
        {"MAVEN_OPTS": "-Dhttps.proxyHost=127.0.0.1 -Xmx1g -Dhttps.proxyPort=9"},
        "127.0.0.1:9 (https.proxyHost in MAVEN_OPTS)",
    ),
    *(
        (f"pip-{version}-proxy-{how}", {name: value}, f"{name}={value}")
        for version in ("23", "26")
        for how, name, value in (
            ("refused", "https_proxy", "http://127.0.0.1:9"),
            ("refused", "PIP_PROXY", "127.0.0.1:9"),
            ("unknown", "ALL_PROXY", "http://proxy.invalid:3128"),
        )
    ),
    ("pip-23-proxy-silent", {"HTTPS_PROXY": "http://127.0.0.1:18000"}, "does not answer"),
    ("pip-26-proxy-502", {"https_proxy": "http://127.0.0.1:18502"}, "answers 502 Bad Gateway"),
    ("pip-quiet-proxy", {"https_proxy": DEAD}, f"by the proxy: https_proxy={SHOWN}"),
]


@pytest.mark.parametrize(("capture", "environ", "expected"), PROXIES)
def test_a_proxy_is_named(capture: str, environ: dict[str, str], expected: str) -> None:
    found = trouble(capture, environ)
    assert found and expected in found.what
    assert "hunter2" not in found.what + found.remedy
    variables = [name for name in environ if name != "MAVEN_OPTS"]
    assert all(f"-u {name} " in found.remedy for name in variables)


@pytest.mark.parametrize(
    ("capture", "environ"),
    [
        ("apt-get-proxy-login", {"https_proxy": "http://127.0.0.1:18407"}),
        ("apt-get-proxy-login-http", {"http_proxy": "http://me:hunter2@127.0.0.1:18407"}),
        ("mmdebstrap-proxy-login", {"http_proxy": "http://127.0.0.1:18407"}),
        ("pip-23-proxy-login", {"HTTPS_PROXY": "http://127.0.0.1:18407"}),
        ("pip-26-proxy-login", {"HTTPS_PROXY": "http://127.0.0.1:18407"}),
    ],
)
def test_a_proxy_that_wants_a_login(capture: str, environ: dict[str, str]) -> None:
    found = trouble(capture, environ)
    assert found and "wants a login" in found.what and next(iter(environ)) in found.what
    assert "hunter2" not in found.what and "NAME:PASSWORD@" in found.remedy


def test_maven_says_no_more_of_a_login_than_that_it_is_wanted() -> None:
    found = trouble("mvn-proxy-login")
    assert found and "proxy authentication failed" in found.what
    assert "settings.xml" in found.remedy


@pytest.mark.parametrize(
    "capture", ["mvn-mirror-refused", "pip-26-index-refused", "apt-get-proxy-refused"]
)
def test_without_a_proxy_none_is_named(capture: str) -> None:
    assert trouble(capture) is None
    assert trouble(capture, {"http_proxy": "", "https_proxy": "http://["}) is None


def test_one_that_was_not_asked_is_not_named() -> None:
    assert trouble("apt-get-proxy-refused", {"https_proxy": "http://127.0.0.1:99"}) is None
    assert trouble("apt-get-proxy-refused", {"https_proxy": "http://127.0.0.11:9"}) is None


def test_one_that_the_tool_does_not_look_at_may_be_why() -> None:
    found = trouble("mvn-mirror-refused", {"https_proxy": "http://proxy.example:3128"})
    assert found and "Maven does not look at it: https_proxy=http://proxy.example" in found.what
    found = trouble("apt-get-proxy-refused", {"HTTPS_PROXY": "http://proxy.example:3128"})
    assert found and "apt-get does not look at it: HTTPS_PROXY" in found.what
    assert "small letters" in found.remedy
    found = trouble(
        "apt-get-proxy-refused", {"http_proxy": "http://a.example"}, "sudo", "-n", "env"
    )
    assert found and "sudo hands it on to nobody: http_proxy" in found.what
    assert "env_keep" in found.remedy


def test_apts_own_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(proxies, "_of_apt", OF_APT)
    apt = tmp_path / "apt-config"
    apt.write_text(
        f"#!/bin/sh\necho 'Acquire::https::Proxy={DEAD}'\necho Acquire::http::Proxy=DIRECT\n"
    )
    apt.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    found = trouble("apt-get-proxy-refused", environ)
    assert found and f"{SHOWN} (Acquire::https::Proxy in apt's configuration)" in found.what
    # mmdebstrap has a configuration of its own.
    found = downloads.trouble(["mmdebstrap"], "E: Could not resolve 'deb.debian.org'", environ)
    assert found and "mmdebstrap does not look at it" in found.what and "hunter2" not in found.what


@pytest.mark.parametrize("tool", ["apt-get", "mvn", "pip-23", "pip-26"])
def test_a_certificate_that_is_not_trusted(tool: str) -> None:
    # A proxy that opens what goes through it is no reason to name another cause.
    found = trouble(f"{tool}-certificate-unknown", {"https_proxy": DEAD})
    assert found and "the certificate of localhost:184" in found.what
    assert "is not trusted" in found.what
    assert "sudo update-ca-certificates" in found.remedy
    own = {"mvn": "ca-certificates-java", "pip-23": "PIP_CERT", "pip-26": "PIP_CERT"}.get(tool, "")
    assert own in found.remedy


@pytest.mark.parametrize("tool", ["apt-get", "mvn", "pip-23"])
def test_a_certificate_of_another_time_or_name(tool: str) -> None:
    found = trouble(f"{tool}-certificate-expired")
    assert found and "not valid at this machine's time" in found.what
    found = trouble(f"{tool}-certificate-name")
    assert found and "made out to another name" in found.what


def test_java_without_any_certificates() -> None:
    found = trouble("mvn-certificate-none")
    assert found and "ca-certificates-java" in found.remedy


def test_other_programs_and_other_reasons_are_left_alone() -> None:
    environ = {"http_proxy": DEAD}
    assert (
        downloads.trouble(["docker", "pull", "x"], said("apt-get-proxy-refused"), environ) is None
    )
    full = "E: Write error - write (28: No space left on device)\ntar: Exiting with failure status"
    assert downloads.trouble(["sudo", "-n", "mmdebstrap"], full, environ) is None
    assert downloads.trouble(["mvn", "test"], "[ERROR] COMPILATION ERROR : \n", environ) is None


@pytest.mark.parametrize("capture", sorted(file.stem for file in CAPTURES.glob("*.txt")))
def test_the_lines_that_tell(capture: str) -> None:
    lines = downloads.telling(said(capture)).splitlines()
    assert 1 <= len(lines) <= 8
    assert not any("\x1b" in line or "Re-run Maven" in line or "tar: " in line for line in lines)
    assert len(set(lines)) == len(lines)


def test_a_run_that_fails_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the program to the error, as `run` makes it for Maven and mmdebstrap."""
    tool = tmp_path / "mmdebstrap"
    tool.write_text(f"#!/bin/sh\ncat '{CAPTURES}/mmdebstrap-proxy-refused.txt' >&2\nexit 25\n")
    tool.chmod(0o755)
    monkeypatch.setenv("http_proxy", DEAD)
    with pytest.raises(ToolFailed) as failure:
        run([str(tool), "--variant=minbase"])
    shown = str(failure.value)
    assert f"http_proxy={SHOWN}" in failure.value.what
    assert "exit status" not in shown and "hunter2" not in shown
    assert failure.value.output.splitlines()[0].startswith("E: Failed to fetch")
