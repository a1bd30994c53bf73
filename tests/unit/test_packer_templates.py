"""The JSON template (Debian's Packer) and the HCL one (current Packer) are the same build."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hostonly.image.recipe import read_recipe

ROOT = Path(__file__).parents[2]
JSON = ROOT / "packer/hello-socket.json"
HCL = ROOT / "packer/hello-socket.pkr.hcl"
PLUGINS = ROOT / "packer/plugins.pkr.hcl"

TOKEN = re.compile(
    r'\s+|#[^\n]*|(?P<string>"(?:\\.|[^"\\])*")|(?P<word>[\w.-]+)|(?P<sign>[{}\[\]=,])'
)


def tokens(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        token = TOKEN.match(text, position)
        assert token, f"not understood: {text[position : position + 40]!r}"
        position = token.end()
        if token.lastgroup:
            yield token[0]


def read_hcl(text: str) -> list[tuple[Any, ...]]:
    """The part of HCL that our templates use: (key, value) for an attribute, (type, labels, body) for a block."""
    left = list(tokens(text))

    def value() -> Any:
        token = left.pop(0)
        if token == "[":
            items = []
            while left[0] != "]":
                items.append(value())
                if left[0] == ",":
                    left.pop(0)
            left.pop(0)
            return items
        if token == "{":
            return body()
        if token.startswith('"'):
            return json.loads(token)
        return {"true": True, "false": False}.get(token, token)

    def body() -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        while left and left[0] != "}":
            name = left.pop(0)
            if left[0] == "=":
                left.pop(0)
                found.append((name, value()))
                continue
            labels = []
            while left[0] != "{":
                labels.append(json.loads(left.pop(0)))
            left.pop(0)
            found.append((name, labels, body()))
        if left:
            left.pop(0)
        return found

    return body()


def in_json_words(value: Any) -> Any:
    """An HCL value as the JSON template writes it: `var.x` and `${var.x}` are {{user `x`}}."""
    if isinstance(value, list):
        return [in_json_words(item) for item in value]
    if isinstance(value, str):
        value = re.sub(r"^var\.(\w+)$", r"${var.\1}", value)
        return re.sub(r"\$\{var\.(\w+)\}", r"{{user `\1`}}", value)
    return value


def hcl_as_json() -> dict[str, Any]:
    """The HCL template in the shape of the JSON one."""
    template: dict[str, Any] = {
        "variables": {},
        "builders": [],
        "provisioners": [],
        "post-processors": [],
    }
    for kind, labels, body in read_hcl(HCL.read_text()):
        if kind == "variable":
            template["variables"][labels[0]] = dict(body).get("default")
        elif kind == "source":
            fields = {key: in_json_words(value) for key, value in body}
            template["builders"].append({"type": labels[0], "name": labels[1], **fields})
        elif kind == "build":
            for entry in body:
                if entry[0] == "sources":
                    named = [f"source.{b['type']}.{b['name']}" for b in template["builders"]]
                    assert entry[1] == named
                    continue
                step, (name,), inside = entry
                fields = {key: in_json_words(value) for key, value in inside}
                template[f"{step}s"].append({"type": name, **fields})
        else:
            raise AssertionError(f"unexpected block: {kind}")
    return template


def the_json() -> dict[str, Any]:
    template: dict[str, Any] = json.loads(JSON.read_text())
    return template


def test_both_templates_are_the_same_build() -> None:
    assert hcl_as_json() == the_json()


def test_a_difference_would_be_seen() -> None:
    changed = the_json()
    changed["builders"][0]["changes"].append("EXPOSE 22")
    assert hcl_as_json() != changed


def test_the_plugin_is_named_for_newer_packers() -> None:
    ((kind, _, body),) = read_hcl(PLUGINS.read_text())
    assert kind == "packer"
    ((block, _, plugins),) = body
    assert block == "required_plugins"
    assert dict(dict(plugins)["docker"])["source"] == "github.com/hashicorp/docker"


def test_only_the_hello_port_is_exposed_and_the_user_is_the_one_in_the_base() -> None:
    changes = the_json()["builders"][0]["changes"]
    assert [change for change in changes if change.startswith("EXPOSE")] == ["EXPOSE 8080"]
    (user,) = (change.removeprefix("USER ") for change in changes if change.startswith("USER"))
    assert f"hello:x:{user}:" in read_recipe(ROOT).files["/etc/passwd"]


def test_the_time_in_the_layer_is_that_of_the_recipe() -> None:
    commands = the_json()["provisioners"][1]["inline"]
    assert any(f"touch -d @{read_recipe(ROOT).time} " in command for command in commands)


def test_the_entry_point_starts_the_jar_that_was_put_there() -> None:
    template = the_json()
    (entry,) = (
        change.removeprefix("ENTRYPOINT ")
        for change in template["builders"][0]["changes"]
        if change.startswith("ENTRYPOINT")
    )
    words = json.loads(entry)
    assert words[0] == "java"
    assert words[-2:] == ["-jar", template["provisioners"][0]["destination"]]


@pytest.mark.skipif(not shutil.which("packer"), reason="no packer here")
@pytest.mark.parametrize("template", [JSON, HCL], ids=["json", "hcl"])
def test_the_installed_packer_finds_it_valid(template: Path, tmp_path: Path) -> None:
    # Packer looks whether the file is there: a fresh clone has built none.
    jar = tmp_path / "hello-socket.jar"
    jar.write_bytes(b"")
    validated = subprocess.run(
        ["packer", "validate", "-var", "base=some-image", "-var", f"jar={jar}", str(template)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    output = validated.stdout + validated.stderr
    if "plugin" in output.lower():
        pytest.skip("this packer wants its plugins installed first")
    assert validated.returncode == 0, output
