"""What the Docker SDK raises becomes an error that says what was asked, what came of it and what to do."""

from __future__ import annotations

import pytest
import requests
from docker.errors import APIError, DockerException
from urllib3.exceptions import ProtocolError

from hostonly.errors import HostonlyError, ToolFailed, Unreachable
from hostonly.image.engine import understood


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
