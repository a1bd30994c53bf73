"""What the Docker SDK raises becomes an error that says what was asked, what came of it and what to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import requests
from docker.errors import APIError, DockerException
from urllib3.exceptions import ProtocolError

from hostonly import waiting
from hostonly.errors import HostonlyError, ToolFailed, Unreachable
from hostonly.image.engine import Engine, understood


def refused(status: int, explanation: str) -> APIError:
    response = requests.Response()
    response.status_code = status
    url = "http+docker://localhost/v1.41/images/create?fromSrc=-"
    response.request = requests.Request("POST", url).prepare()
    return APIError("500 Server Error", response=response, explanation=explanation)


@pytest.mark.parametrize("place", ["sandbox", "host"])
def test_a_full_disk_is_no_bug(place: str) -> None:
    said = "write /var/lib/docker/overlay2/44a9/link: no space left on device"
    with pytest.raises(ToolFailed) as caught, understood(place):
        raise refused(500, said)
    error = caught.value
    assert error.what == f"the {place}'s engine has no room left"
    assert error.ran == "POST /v1.41/images/create?fromSrc=- (Docker's API)"
    assert error.output == said
    assert "docker system prune" in str(error.remedy)
    assert ("./inv sandbox.exec" in str(error.remedy)) == (place == "sandbox")


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (refused(409, "removal of container is already in progress"), ToolFailed),
        (DockerException("no such thing"), ToolFailed),
        (requests.ConnectionError("Connection aborted"), Unreachable),
        (requests.ReadTimeout("Read timed out."), Unreachable),
    ],
)
def test_whatever_it_is_there_is_a_next_step(raised: Exception, kind: type[HostonlyError]) -> None:
    with pytest.raises(kind) as caught, understood("sandbox"):
        raise raised
    assert caught.value.output in str(raised) or isinstance(raised, APIError)
    assert "journalctl" in str(caught.value.remedy)


def test_one_that_dies_in_the_middle_of_its_answer_broke_off() -> None:
    with pytest.raises(Unreachable) as caught, understood("host", "docker push a"):
        raise ProtocolError("Connection broken: IncompleteRead")
    assert caught.value.what == "the host's engine broke off"
    assert caught.value.ran == "docker push a"


def test_our_own_errors_stay_as_they_are() -> None:
    with pytest.raises(HostonlyError, match="ours") as caught, understood("sandbox"):
        raise HostonlyError("ours")
    assert caught.value.remedy is None


@pytest.mark.parametrize(("fails", "asked"), [(1, 2), (9, 4)])
def test_a_layer_that_was_collected_is_unpacked_again(
    monkeypatch: pytest.MonkeyPatch, fails: int, asked: int
) -> None:
    """The words are those of Docker 26.1 with the containerd store."""
    slept: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr(waiting, "time", clock)
    calls: list[str] = []

    def create(reference: str, **options: Any) -> str:
        calls.append(reference)
        if len(calls) <= fails:
            raise refused(404, "parent snapshot sha256:fb0b5f870e49 does not exist: not found")
        return "made"

    client: Any = SimpleNamespace(containers=SimpleNamespace(create=create))
    engine = Engine("sandbox", {}, lambda: None, client)
    if fails < asked:
        assert str(engine.create("image")) == "made"
    else:
        with pytest.raises(APIError, match="parent snapshot"):
            engine.create("image")
    assert calls == ["image"] * asked


def test_what_is_refused_otherwise_is_not_asked_again() -> None:
    def create(reference: str) -> str:
        calls.append(reference)
        raise refused(404, "No such image")

    calls: list[str] = []
    client: Any = SimpleNamespace(containers=SimpleNamespace(create=create))
    with pytest.raises(APIError):
        Engine("sandbox", {}, lambda: None, client).create("image")
    assert calls == ["image"]
