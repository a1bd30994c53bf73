"""The registry on a real sandbox: one port both ways, proof, inspection, deleting, counting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostonly.registry.access import client
from hostonly.site import Site
from hostonly.waiting import until
from tests.integration.command_line import did, inv
from tests.integration.registry_box import (
    BLOBS,
    REPOSITORIES,
    address,
    catalog,
    curl,
    document,
    inside,
    push_small,
)


@pytest.fixture(autouse=True, scope="module")
def pushed() -> None:
    did("image.push")


@pytest.fixture
def authority(checkout: Path) -> str:
    return str(checkout / ".hostonly" / "registry" / "sandbox" / "ca.crt")


@pytest.fixture
def small(site: Site) -> Iterator[list[str]]:
    """Three repositories of one tiny image each, gone after the test."""
    names = ["small-a", "small-b", "team/small-c"]
    for name in names:
        push_small(site, name)
    yield names
    for name in set(names) & set(catalog()):
        registry = client(site)
        for tag in registry.tags(name):
            manifest = registry.manifest(name, tag)
            if manifest is not None:
                registry.delete(name, manifest.digest)
    did("registry.collect")
    assert catalog() == [site.image.name]


def test_one_port_answers_the_same_by_http_and_by_tls(site: Site, authority: str) -> None:
    for path in ("/v2/", "/v2/_catalog", f"/v2/{site.image.name}/tags/list"):
        plain = curl(f"http://{address(site)}{path}")
        tls = curl("--cacert", authority, f"https://{address(site)}{path}")
        assert plain.returncode == 0 and tls.returncode == 0, tls.stderr
        assert plain.stdout == tls.stdout and plain.stdout.startswith("{")
    assert site.image.name in curl(f"{address(site)}/v2/_catalog").stdout
    for name in ("localhost", "127.0.0.1", "[::1]"):
        trusted = f"/etc/docker/certs.d/{address(site)}/ca.crt"
        line = f"curl -sS --cacert {trusted} https://{name}:{site.registry_port}/v2/_catalog"
        assert site.image.name in inside(line)


def test_it_is_on_loopback_and_the_host_only_network_and_nowhere_else(site: Site) -> None:
    port = site.registry_port
    nat, bridge = (
        inside(f"ip -4 -o address show dev {link} | sed 's|.* inet ||; s|/.*||'").strip()
        for link in ("eth0", "docker0")
    )
    assert nat and bridge
    for other in (nat, bridge):
        assert inside(f"curl -s -m 5 {other}:{port}/v2/ || echo $?").strip() == "7", "not refused"
    for own in ("localhost", "127.0.0.1", "[::1]", site.sandbox.address):
        assert inside(f"curl -sS -m 5 -o /dev/null -w '%{{http_code}}' {own}:{port}/v2/") == "200"


def test_an_address_may_come_late_and_another_one_later(site: Site) -> None:
    net, at = site.bridge.network, site.sandbox.address
    own = f"{at}/{net.prefixlen} broadcast {net.broadcast_address} dev eth1"
    other = net.broadcast_address - 1
    inside(
        f"ip address del {at}/{net.prefixlen} dev eth1; systemctl restart registry-port;"
        f" ip address add {own}; hostonly-network"
    )
    retried = ("--retry", "20", "--retry-delay", "1", "--retry-connrefused", "-m", "20")
    assert site.image.name in curl(*retried, f"{address(site)}/v2/_catalog").stdout
    inside(f"ip address add {other}/{net.prefixlen} dev eth1; systemctl restart registry-port")
    try:
        assert site.image.name in curl(*retried, f"{other}:{site.registry_port}/v2/_catalog").stdout
    finally:
        inside(f"ip address del {other}/{net.prefixlen} dev eth1; systemctl restart registry-port")
        did("registry.up")


def test_a_stranger_does_not_trust_it(site: Site) -> None:
    # 60: the peer's certificate cannot be authenticated with known CA certificates.
    assert curl(f"https://{address(site)}/v2/").returncode == 60


def test_where_an_upload_goes_is_said_without_a_scheme(site: Site, authority: str) -> None:
    for words in (
        (f"http://{address(site)}",),
        ("--cacert", authority, f"https://{address(site)}"),
    ):
        *flags, url = words
        begun = curl(*flags, "-i", "-X", "POST", f"{url}/v2/{site.image.name}/blobs/uploads/")
        assert " 202 " in begun.stdout.splitlines()[0]
        location = next(x for x in begun.stdout.splitlines() if x.lower().startswith("location: "))
        assert location.split()[1].startswith("/v2/")
        ended = curl(*flags, "-i", "-X", "DELETE", url + location.split()[1])
        assert " 204 " in ended.stdout.splitlines()[0]


def test_private_keys_are_roots_alone_and_the_authoritys_is_nowhere(checkout: Path) -> None:
    stat = inside("stat -c '%a %U' /etc/hostonly/registry.pem").split()
    assert stat == ["600", "root"]
    assert inside("grep -rlE 'PRIVATE KEY' /etc/hostonly /etc/docker || :").split() == [
        "/etc/hostonly/registry.pem"
    ]
    folder = checkout / ".hostonly" / "registry" / "sandbox"
    assert (folder / "server.pem").stat().st_mode & 0o777 == 0o600
    # Two keys were made; the one that is kept is the registry's, not the authority's.
    assert (folder / "server.pem").read_text().count("BEGIN PRIVATE KEY") == 1
    users = inside("ps -o user:20= -C haproxy,docker-registry | sort -u").split()
    assert users == ["docker-registry", "haproxy"]


def test_a_recipe_without_a_certificate_speaks_plain_http(site: Site) -> None:
    env = "/etc/hostonly/sandbox.env"
    inside(
        f"cp {env} /run/sandbox.env; sed -i /CERTIFICATE/d {env}; systemctl restart registry-port"
    )
    try:
        retried = ("--retry", "20", "--retry-delay", "1", "--retry-connrefused")
        assert site.image.name in curl(*retried, f"{address(site)}/v2/_catalog").stdout
        assert curl("-k", f"https://{address(site)}/v2/").returncode != 0
    finally:
        inside(f"cp /run/sandbox.env {env}; systemctl restart registry-port")
        did("registry.up")


def test_every_page_is_followed(site: Site, small: list[str]) -> None:
    first = curl("-i", f"http://{address(site)}/v2/_catalog?n=1")
    assert 'rel="next"' in first.stdout, "the registry does not page: nothing is proved"
    expected = sorted([site.image.name, *small])
    assert sorted(client(site, page_size=1).repositories()) == expected
    assert sorted(client(site).repositories()) == expected
    assert sorted(catalog()) == expected
    # Without n it gives a hundred at a time: names of no image, for as long as it takes to list them.
    many = [f"many/{number:03}" for number in range(150)]
    inside(f"cd {REPOSITORIES}; for n in $(seq -w 0 149); do mkdir -p many/$n/_layers; done")
    try:
        assert 'rel="next"' in curl("-i", f"http://{address(site)}/v2/_catalog").stdout
        for vantage in ("host", "sandbox"):
            found = document("registry.catalog", "--vantage", vantage)["repositories"]
            assert sorted(found) == sorted([*expected, *many])
    finally:
        inside(f"rm -rf {REPOSITORIES}/many")
    for tag in ("one", "two", "three"):
        push_small(site, f"small-a:{tag}")
    tags = client(site, page_size=1).tags("small-a")
    assert sorted(tags) == ["latest", "one", "three", "two"]


def test_inspect_shows_what_was_pushed_and_reads_every_byte(site: Site) -> None:
    found = document("registry.inspect", site.image.name, "--verify")
    (image,) = found["images"]
    said = inside(
        f"docker image inspect -f '{{{{.Id}}}} {{{{json .RootFS.Layers}}}}' {site.image.name}"
    )
    image_id, _, layers = said.strip().partition(" ")
    assert image_id in (image["config"]["digest"], found["digest"])
    assert image["diff_ids"] == json.loads(layers)
    assert found["verified"] and found["problems"] == []
    name = f"localhost:{site.registry_port}/{site.image.name}"
    text = did("registry.inspect", name).stdout
    assert found["digest"] in text
    missing = inv("registry.inspect", "no-such-image")
    assert missing.returncode == 3 and "has no no-such-image:latest" in missing.stderr


@pytest.mark.parametrize("damage", ["gone", "cut", "changed"])
def test_a_wrong_layer_is_named_and_pushed_again(site: Site, damage: str) -> None:
    layer = document("registry.inspect", site.image.name)["images"][0]["layers"][-1]
    digest = layer["digest"].removeprefix("sha256:")
    file = f"{BLOBS}/{digest[:2]}/{digest}/data"
    inside(f"cp -p {file} /run/kept")
    line = {
        "gone": "rm {0}",
        "cut": "truncate -s -1 {0}",
        "changed": "printf X | dd of={0} bs=1 seek=99 conv=notrunc",
    }
    # Restarted: the registry keeps in memory what it knows of its blobs.
    inside(f"{line[damage].format(file)}; systemctl restart docker-registry")
    try:
        found = inv("registry.inspect", site.image.name, "--verify")
        assert found.returncode == 1
        assert "WRONG" in found.stdout and digest in found.stdout
        if damage == "gone":
            again = inv("image.push")
            assert again.returncode == 0, again.stderr
            assert "is not what was built here" in again.stderr and digest in again.stderr
            assert document("registry.inspect", site.image.name, "--verify")["verified"]
    finally:
        inside(f"cp -p /run/kept {file}; systemctl restart docker-registry")
        did("registry.up")


def test_delete_frees_what_nobody_else_needs(site: Site, small: list[str]) -> None:
    push_small(site, "small-a:other", content="other")
    before = document("registry.usage")
    assert {each["repository"] for each in before["repositories"]} == {site.image.name, *small}
    assert before["blobs"] >= before["tagged"] > 0 and before["free"] > 0
    deleted = document("registry.delete", "small-a:other")
    assert deleted["tags"] == ["other"] and deleted["freed"] > 0
    after = document("registry.usage")
    assert after["blobs"] == before["blobs"] - deleted["freed"]
    assert document("registry.tags", "--repository", "small-a")["tags"] == ["latest"]
    did("registry.inspect", "small-a", "--verify")
    did("registry.delete", "small-a")
    assert "small-a" not in catalog()
    did("registry.inspect", site.image.name, "--verify")


def test_a_tag_is_not_deleted_with_others_unseen(site: Site, small: list[str]) -> None:
    inside(
        f"r=localhost:{site.registry_port}/small-b; docker pull -q $r; docker tag $r $r:twin;"
        " docker push -q $r:twin; docker image rm $r $r:twin"
    )
    refused = inv("registry.delete", "small-b:twin")
    assert refused.returncode == 2 and "is also latest" in refused.stderr
    digest = document("registry.inspect", "small-b:twin")["digest"]
    assert sorted(document("registry.delete", f"small-b@{digest}")["tags"]) == ["latest", "twin"]
    assert "small-b" not in catalog()


def push_half(site: Site) -> None:
    """One layer of an image called half, and no manifest."""
    url = f"http://{address(site)}/v2/half/blobs/uploads/"
    digest = inside("printf layer | sha256sum").split()[0]
    location = next(
        line.split()[1]
        for line in curl("-i", "-X", "POST", url).stdout.splitlines()
        if line.lower().startswith("location: ")
    )
    put = curl(
        *("-i", "-X", "PUT", "-H", "Content-Type: application/octet-stream"),
        *("--data-binary", "layer", f"http://{address(site)}{location}&digest=sha256:{digest}"),
    )
    assert " 201 " in put.stdout, put.stdout
    # The registry itself lists a repository as soon as one layer has come.
    assert "half" in catalog()


def test_half_a_push_is_seen_and_collected(site: Site) -> None:
    push_half(site)
    did("registry.collect")
    assert "half" not in catalog()
    assert inside(f"ls {REPOSITORIES}").split() == [site.image.name]
    did("registry.inspect", site.image.name, "--verify")


def test_half_a_push_by_hand_goes_by_itself(site: Site) -> None:
    unit, looked = "registry-half-pushed", "sudo -u docker-registry /usr/local/sbin/"
    own = f"/run/systemd/system/{unit}"
    push_half(site)
    # Somebody may still be at it.
    assert inside(f"{looked}{unit} 60 || echo no").split() == ["no"]
    seconds = "ExecCondition=\\nExecCondition=/usr/local/sbin/registry-half-pushed 2"
    often = "OnActiveSec=\\nOnActiveSec=1\\nOnUnitInactiveSec=1\\nAccuracySec=100ms"
    inside(
        f"mkdir -p {own}.service.d {own}.timer.d;"
        f" printf '[Service]\\n{seconds}\\n' >{own}.service.d/test.conf;"
        f" printf '[Timer]\\n{often}\\n' >{own}.timer.d/test.conf;"
        f" systemctl daemon-reload; systemctl restart {unit}.timer"
    )
    try:
        assert until(lambda: "half" not in catalog(), bool, 30.0), inside(
            f"systemctl status {unit}.* || :"
        )
        did("registry.up")
        assert inside(f"ls {REPOSITORIES}").split() == [site.image.name]
        did("registry.inspect", site.image.name, "--verify")
        # With nothing to do the registry is left alone.
        since = "systemctl show -p InvocationID docker-registry"
        before = inside(since)
        # Looked for twice meanwhile: by the second time the first is over.
        looks = f"systemctl show -P LastTriggerUSecMonotonic {unit}.timer"
        inside(
            'timeout 60 sh -c \'for n in 1 2 3; do before=$($0); until [ "$($0)" != "$before" ];'
            f" do sleep .1; done; done' '{looks}'"
        )
        assert inside(since) == before
    finally:
        inside(
            f"rm -r {own}.service.d/test.conf {own}.timer.d/test.conf;"
            f" systemctl daemon-reload; systemctl restart {unit}.timer"
        )
