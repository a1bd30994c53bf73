"""Of each flavour, the JSON template (Debian's Packer) and the HCL one (current Packer) are the same build."""

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
PYTHON_JSON = ROOT / "packer/hello-socket-python.json"
PYTHON_HCL = ROOT / "packer/python/hello-socket-python.pkr.hcl"
TWINS = {"java": (JSON, HCL), "python": (PYTHON_JSON, PYTHON_HCL)}
each_flavour = pytest.mark.parametrize("flavour", TWINS)

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


def hcl_as_json(flavour: str = "java") -> dict[str, Any]:
    """The HCL template in the shape of the JSON one."""
    template: dict[str, Any] = {
        "variables": {},
        "builders": [],
        "provisioners": [],
        "post-processors": [],
    }
    for kind, labels, body in read_hcl(TWINS[flavour][1].read_text()):
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


def the_json(flavour: str = "java") -> dict[str, Any]:
    template: dict[str, Any] = json.loads(TWINS[flavour][0].read_text())
    return template


@each_flavour
def test_both_templates_are_the_same_build(flavour: str) -> None:
    assert hcl_as_json(flavour) == the_json(flavour)


def test_a_difference_would_be_seen() -> None:
    changed = the_json()
    changed["builders"][0]["changes"].append("EXPOSE 22")
    assert hcl_as_json() != changed


@each_flavour
def test_the_plugin_is_named_for_newer_packers(flavour: str) -> None:
    # Current Packer reads a whole folder: beside each template.
    plugins_file = TWINS[flavour][1].parent / "plugins.pkr.hcl"
    ((kind, _, body),) = read_hcl(plugins_file.read_text())
    assert kind == "packer"
    ((block, _, plugins),) = body
    assert block == "required_plugins"
    assert dict(dict(plugins)["docker"])["source"] == "github.com/hashicorp/docker"


@each_flavour
def test_only_the_hello_port_is_exposed_and_the_user_is_the_one_in_the_base(flavour: str) -> None:
    changes = the_json(flavour)["builders"][0]["changes"]
    assert [change for change in changes if change.startswith("EXPOSE")] == ["EXPOSE 8080"]
    (user,) = (change.removeprefix("USER ") for change in changes if change.startswith("USER"))
    assert f"hello:x:{user}:" in read_recipe(ROOT, flavour).files["/etc/passwd"]


@each_flavour
def test_the_time_in_the_layer_is_that_of_the_recipe(flavour: str) -> None:
    commands = the_json(flavour)["provisioners"][1]["inline"]
    assert any(f"touch -d @{read_recipe(ROOT).time} " in command for command in commands)


@each_flavour
def test_the_entry_point_starts_what_was_put_there(flavour: str) -> None:
    template = the_json(flavour)
    (entry,) = (
        change.removeprefix("ENTRYPOINT ")
        for change in template["builders"][0]["changes"]
        if change.startswith("ENTRYPOINT")
    )
    words = json.loads(entry)
    assert words[0] == {"java": "java", "python": "python3"}[flavour]
    assert words[-1] == template["provisioners"][0]["destination"]
    assert (words[-2] == "-jar") == (flavour == "java")


@pytest.mark.skipif(not shutil.which("packer"), reason="no packer here")
@pytest.mark.parametrize(
    "template", [JSON, HCL, PYTHON_JSON, PYTHON_HCL], ids=lambda path: path.name
)
def test_the_installed_packer_finds_it_valid(template: Path, tmp_path: Path) -> None:
    # Packer looks whether the file is there: a fresh clone has built none.
    artefact = tmp_path / "artefact"
    artefact.write_bytes(b"")
    variable = "server" if "python" in template.name else "jar"
    validated = subprocess.run(
        [
            "packer",
            "validate",
            "-var",
            "base=some-image",
            "-var",
            f"{variable}={artefact}",
            str(template),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    output = validated.stdout + validated.stderr
    if "plugin" in output.lower():
        pytest.skip("this packer wants its plugins installed first")
    assert validated.returncode == 0, output
