"""The container vantages and the route guard, on prepared answers."""

from __future__ import annotations

import pytest

from hostonly.errors import Unreachable
from hostonly.testing import FakeVantage
from hostonly.vantages import Container, Namespace
from hostonly.vantages.route_guard import require_host_only_route


def test_a_container_runs_by_docker_exec() -> None:
    sandbox = FakeVantage({"docker exec web ip addr": (0, "1: lo", "")})
    result = Container(sandbox, "web").run(["ip", "addr"])
    assert (result.vantage, result.prompt) == ("container web", "sandbox")
    assert result.command == "docker exec web ip addr"


def test_a_command_that_fails_in_a_container_is_a_result() -> None:
    sandbox = FakeVantage({"docker exec web false": (1, "", "")})
    assert Container(sandbox, "web").run(["false"]).exit == 1


@pytest.mark.parametrize(
    "stderr",
    [
        "Error: No such container: web\n",
        "Error response from daemon: Container web is not running\n",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n",
    ],
)
def test_a_container_that_is_not_there(stderr: str) -> None:
    sandbox = FakeVantage({"docker exec web true": (1, "", stderr)})
    with pytest.raises(Unreachable, match="container web"):
        Container(sandbox, "web").run(["true"])


INSPECT = "docker container inspect --format '{{.State.Pid}}' web"


def test_a_namespace_is_entered_by_the_containers_init() -> None:
    sandbox = FakeVantage(
        {INSPECT: (0, "42\n", ""), "sudo nsenter --target 42 --net ip -json addr": (0, "[]", "")}
    )
    result = Namespace(sandbox, "web").run(["ip", "-json", "addr"])
    assert (result.vantage, result.stdout) == ("container web", "[]")


@pytest.mark.parametrize(
    "answer", [(0, "0\n", ""), (1, "", "Error: No such container: web"), (0, "", "")]
)
def test_a_namespace_of_nothing(answer: tuple[int, str, str]) -> None:
    with pytest.raises(Unreachable, match="not running"):
        Namespace(FakeVantage({INSPECT: answer}), "web").run(["ip", "addr"])


GET = "ip -json route get 172.16.0.2"


def test_the_guard_lets_the_host_only_bridge_pass() -> None:
    host = FakeVantage(
        {GET: (0, '[{"dst":"172.16.0.2","dev":"hostonly0","flags":[]}]', "")}, name="host"
    )
    assert require_host_only_route("172.16.0.2", "hostonly0", host=host).command == GET


@pytest.mark.parametrize("link", ["hostonly0", "eth0"])
def test_the_guard_asks_for_the_link_of_a_link_local_address(link: str) -> None:
    get = f"ip -json route get fe80::2 oif {link}"
    host = FakeVantage(
        {get: (0, f'[{{"dst":"fe80::2","from":"::","dev":"{link}"}}]', "")}, name="host"
    )
    if link == "hostonly0":
        assert require_host_only_route("fe80::2%hostonly0", "hostonly0", host=host).command == get
    else:
        with pytest.raises(Unreachable, match="would leave by eth0"):
            require_host_only_route("fe80::2%eth0", "hostonly0", host=host)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            (0, '[{"dst":"172.16.0.2","gateway":"10.0.0.1","dev":"eth0"}]', ""),
            "would leave by eth0",
        ),
        ((0, '[{"type":"unreachable","dst":"172.16.0.2","dev":"lo"}]', ""), "would leave by lo"),
        # By our own bridge, to somebody who would pass it on.
        (
            (0, '[{"dst":"172.16.0.2","gateway":"172.16.0.9","dev":"hostonly0"}]', ""),
            "hostonly0, gateway 172.16.0.9, and not directly",
        ),
        (
            (0, '[{"dst":"172.16.0.2","via":{"family":"inet6"},"dev":"hostonly0"}]', ""),
            "hostonly0, via",
        ),
        (
            (0, '[{"dst":"172.16.0.2","encap":"ip","dev":"hostonly0"}]', ""),
            "hostonly0, encap",
        ),
        (
            (0, '[{"type":"broadcast","dst":"172.16.0.2","dev":"hostonly0"}]', ""),
            r"hostonly0 \(broadcast\)",
        ),
        ((0, '["hostonly0"]', ""), "could not be read"),
        ((2, "", "RTNETLINK answers: Network is unreachable"), "has no route"),
        ((127, "", "ip: No such file or directory"), "could not be asked"),
        ((0, "", ""), "could not be read"),
        ((0, "[]", ""), "could not be read"),
        ((0, '[{"dst":"172.16.0.2"}]', ""), "could not be read"),
    ],
)
def test_the_guard_stops_everything_else(answer: tuple[int, str, str], says: str) -> None:
    with pytest.raises(Unreachable, match=says):
        require_host_only_route(
            "172.16.0.2", "hostonly0", host=FakeVantage({GET: answer}, name="host")
        )


@pytest.mark.parametrize(
    ("address", "asks", "remedy"),
    [
        ("172.16.0.2", "172.16.0.2", "./inv sandbox.up makes the bridge hostonly0"),
        ("fe80::2%hostonly0", "fe80::2 oif hostonly0", "net.ipv6.conf.hostonly0.disable_ipv6"),
    ],
)
def test_where_there_is_no_route_nobody_asks_whether_the_sandbox_is_up(
    address: str, asks: str, remedy: str
) -> None:
    none = (2, "", "RTNETLINK answers: Network is unreachable\n")
    host = FakeVantage({f"ip -json route get {asks}": none}, name="host")
    with pytest.raises(Unreachable, match=r"has no(?: IPv6)? route to") as error:
        require_host_only_route(address, "hostonly0", host=host)
    assert remedy in str(error.value) and "is the sandbox up" not in str(error.value)
