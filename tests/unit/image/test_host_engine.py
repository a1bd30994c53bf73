"""Where the host's own engine is: as the user's `docker` would find it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from docker.context.config import get_context_id

from hostonly.errors import HostonlyError, Unreachable
from hostonly.image.host_engine import SOCKET, find_way, host_engine


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def context(config: Path, name: str, host: str, *, tls: bool = False) -> None:
    meta = config / "contexts" / "meta" / get_context_id(name)
    meta.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": False}
    about = {"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}
    (meta / "meta.json").write_text(json.dumps(about))
    if tls:
        folder = config / "contexts" / "tls" / get_context_id(name) / "docker"
        folder.mkdir(parents=True)
        for file in ("ca.pem", "cert.pem", "key.pem"):
            (folder / file).write_text("")


def test_the_default_is_dockers_socket(config: Path) -> None:
    assert find_way({}).url == SOCKET
    assert find_way({"DOCKER_CONTEXT": "default"}).url == SOCKET


def test_docker_host_comes_first(config: Path) -> None:
    context(config, "other", "unix:///run/other.sock")
    way = find_way({"DOCKER_HOST": "unix:///run/mine.sock", "DOCKER_CONTEXT": "other"})
    assert (way.url, way.because, way.tls()) == ("unix:///run/mine.sock", "DOCKER_HOST", None)
    assert way.environment == {"DOCKER_HOST": "unix:///run/mine.sock", "DOCKER_CONTEXT": ""}


def test_docker_host_with_tls(config: Path) -> None:
    way = find_way(
        {"DOCKER_HOST": "tcp://b:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}
    )
    assert way.certificates == Path("/certs")
    assert way.environment["DOCKER_TLS_VERIFY"] == "1"
    assert way.environment["DOCKER_CERT_PATH"] == "/certs"


def test_a_context_by_its_name_or_as_the_current_one(config: Path) -> None:
    context(config, "far", "tcp://far:2376", tls=True)
    way = find_way({"DOCKER_CONTEXT": "far"})
    assert (way.url, way.because) == ("tcp://far:2376", "the context far")
    assert way.certificates is not None and (way.certificates / "ca.pem").is_file()
    (config / "config.json").write_text('{"currentContext": "far"}')
    assert find_way({}) == way


def test_a_context_that_is_not_there(config: Path) -> None:
    with pytest.raises(HostonlyError, match="no Docker context gone"):
        find_way({"DOCKER_CONTEXT": "gone"})


def test_an_engine_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(Unreachable, match="by DOCKER_HOST") as caught, host_engine(None):
        pass
    assert "--on sandbox" in (caught.value.remedy or "")
