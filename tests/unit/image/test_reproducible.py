"""The configuration of an image: what it needs, and nothing of who built it when."""

from __future__ import annotations

import hashlib
import json
import tarfile
from typing import Any

from hostonly.image.reproducible import _archive, configuration

LAYERS = ("sha256:" + "a" * 64, "sha256:" + "b" * 64)
INSPECTED: dict[str, Any] = {
    "Id": "sha256:1",
    "Created": "2026-01-01T00:00:00.123456789Z",
    "Container": "4f29b849c936",
    "DockerVersion": "20.10.24+dfsg1",
    "Architecture": "amd64",
    "Os": "linux",
    "Config": {
        "Hostname": "hello-socket",
        "Image": "hostonly-base:1",
        "User": "10001:10001",
        "ExposedPorts": {"8080/tcp": {}},
        "Env": None,
        "Entrypoint": ["java"],
        "Cmd": [],
        "Labels": {"b": "2", "a": "1"},
    },
    "RootFS": {"Type": "layers", "Layers": list(LAYERS)},
}
CREATED = "2024-01-01T00:00:00Z"
STEPS = [("base", 1), ("packer", 1)]
PORTS = ("8080/tcp",)


def test_what_it_needs_is_kept() -> None:
    document = json.loads(configuration(INSPECTED, CREATED, STEPS, PORTS))
    assert document["config"] == {
        "User": "10001:10001",
        "ExposedPorts": {"8080/tcp": {}},
        "Entrypoint": ["java"],
        "Labels": {"a": "1", "b": "2"},
    }
    assert document["rootfs"]["diff_ids"] == list(LAYERS)
    assert [step["created_by"] for step in document["history"]] == ["base", "packer"]


def test_ports_and_volumes_of_the_base_are_not() -> None:
    given = {
        **INSPECTED["Config"],
        "ExposedPorts": {"80/tcp": {}, "8080/tcp": {}},
        "Volumes": {"/data": {}},
    }
    inherited = configuration({**INSPECTED, "Config": given}, CREATED, STEPS, PORTS)
    assert inherited == configuration(INSPECTED, CREATED, STEPS, PORTS)


def test_who_built_it_when_makes_no_difference() -> None:
    later = {
        **INSPECTED,
        "Id": "sha256:2",
        "Created": "2027-01-01T00:00:00Z",
        "Container": "another",
        "DockerVersion": "29.0",
        "Config": dict(reversed({**INSPECTED["Config"], "Hostname": "other"}.items())),
    }
    assert configuration(later, CREATED, STEPS, PORTS) == configuration(
        INSPECTED, CREATED, STEPS, PORTS
    )


def test_what_is_in_it_makes_a_difference() -> None:
    one = configuration(INSPECTED, CREATED, STEPS, PORTS)
    other = {**INSPECTED, "Config": {**INSPECTED["Config"], "User": ""}}
    assert configuration(other, CREATED, STEPS, PORTS) != one
    assert configuration(INSPECTED, "2024-01-02T00:00:00Z", STEPS, PORTS) != one


def test_the_archive_names_the_layers_and_holds_what_was_given() -> None:
    config = configuration(INSPECTED, CREATED, STEPS, PORTS)
    with _archive("hello:latest", config, LAYERS, {}) as file, tarfile.open(fileobj=file) as tar:
        digest = hashlib.sha256(config).hexdigest()
        assert tar.getnames() == [f"{digest}.json", "manifest.json"]
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        assert json.load(manifest) == [
            {
                "Config": f"{digest}.json",
                "RepoTags": ["hello:latest"],
                "Layers": [f"{'a' * 64}.tar", f"{'b' * 64}.tar"],
            }
        ]
