"""Packer's template, read as any Packer since 1.6 reads a `.pkr.json`: HCL written as JSON."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hostonly.image.flavour import FLAVOURS, TEMPLATE, template
from hostonly.image.recipe import read_recipe

ROOT = Path(__file__).parents[2]
each_flavour = pytest.mark.parametrize("flavour", FLAVOURS)


class Scope:
    """What ``${…}`` stands for. Anything but the few expressions that the template needs is refused."""

    def __init__(self, variables: dict[str, Any], local: dict[str, Any]) -> None:
        self._known = {"var": variables, "local": local}

    def of(self, value: Any) -> Any:
        if isinstance(value, dict):
            # A property called // is a comment.
            return {key: self.of(inner) for key, inner in value.items() if key != "//"}
        if isinstance(value, list):
            return [self.of(inner) for inner in value]
        if not isinstance(value, str):
            return value
        if whole := re.fullmatch(r"\$\{([^}]*)\}", value):
            return self._expression(whole[1])
        assert "%{" not in value, f"not understood: {value}"
        return re.sub(r"\$\{([^}]*)\}", lambda found: str(self._expression(found[1])), value)

    def _expression(self, text: str) -> Any:
        if call := re.fullmatch(r"jsonencode\((.*)\)", text):
            return json.dumps(self._expression(call[1]))
        if index := re.fullmatch(r"(.*)\[(.*)\]", text):
            return self._expression(index[1])[self._expression(index[2])]
        assert re.fullmatch(r"(var|local)(\.[a-z_]+)+", text), f"not understood: {text}"
        value: Any = self._known
        for word in text.split("."):
            value = value[word] if value is self._known else self.of(value[word])
        return value


def read(given: dict[str, str], text: str | None = None) -> dict[str, Any]:
    """What Packer makes of the template with the variables ``given``: its source and its steps."""
    document = json.loads((ROOT / TEMPLATE).read_text() if text is None else text)
    # A `packer` block would name the plugin; Packer 1.6 does not know required_plugins.
    assert document.keys() == {"//", "variable", "locals", "source", "build"}
    variables = document["variable"]
    assert given.keys() <= variables.keys()
    defaults = {name: body["default"] for name, body in variables.items() if "default" in body}
    scope = Scope(defaults | given, document["locals"])
    build = document["build"]
    assert build.keys() == {"sources", "provisioner", "post-processor"}
    ((kind, sources),) = document["source"].items()
    assert build["sources"] == [f"source.{kind}.{name}" for name in sources]
    (source,) = sources.values()
    return {"source": scope.of(source), **scope.of(build)}


def made_of(flavour: str, **given: str) -> dict[str, Any]:
    return read({"base": "some-image", "flavour": flavour, **given})


def changes(flavour: str) -> list[str]:
    found: list[str] = made_of(flavour)["source"]["changes"]
    return found


def change(flavour: str, word: str) -> str:
    (found,) = (each.removeprefix(f"{word} ") for each in changes(flavour) if each.startswith(word))
    return found


def test_the_base_must_be_given_and_nothing_else() -> None:
    assert read({"base": "some-image"}) == made_of("java")
    with pytest.raises(KeyError, match="base"):
        read({})
    with pytest.raises(KeyError, match="ruby"):
        made_of("ruby")


def test_what_this_reader_does_not_know_is_refused() -> None:
    text = (ROOT / TEMPLATE).read_text()
    for old, new in (("var.base", "env.HOME"), ("jsonencode(", "join("), ("${var.base}", "%{if}")):
        with pytest.raises(AssertionError):
            read({"base": "some-image"}, text.replace(old, new, 1))


@each_flavour
def test_what_the_command_line_gives_arrives(flavour: str) -> None:
    made = made_of(
        flavour, repository="app", container="mine", version="v", revision="r", created="c"
    )
    source = made["source"]
    assert (source["image"], "--name=mine" in source["run_command"]) == ("some-image", True)
    label = "LABEL org.opencontainers.image"
    expected = {"title": "hello-socket", "version": "v", "revision": "r", "created": "c"}
    assert [each for each in source["changes"] if each.startswith(label)] == [
        f'{label}.{key}="{value}"' for key, value in expected.items()
    ]
    named = {"repository": "app", "tags": [FLAVOURS[flavour].tag]}
    assert made["post-processor"] == {"docker-tag": named}


@each_flavour
def test_only_the_hello_port_is_exposed_and_the_user_is_the_one_in_the_base(flavour: str) -> None:
    assert change(flavour, "EXPOSE") == "8080"
    assert template(ROOT, FLAVOURS[flavour]).ports == ("8080/tcp",)
    user = change(flavour, "USER")
    assert f"hello:x:{user}:" in read_recipe(ROOT, flavour).files["/etc/passwd"]


@each_flavour
def test_the_artefact_is_put_where_the_entry_point_looks_for_it(flavour: str) -> None:
    first, second = made_of(flavour)["provisioner"]
    file, shell = first["file"], second["shell"]
    assert file["source"] == str(FLAVOURS[flavour].artefact)
    assert f"touch -d @{read_recipe(ROOT).time} {file['destination']} /opt" in shell["inline"]
    words = json.loads(change(flavour, "ENTRYPOINT"))
    assert words[0] == {"java": "java", "python": "python3"}[flavour]
    assert words[-1] == file["destination"]
    assert (words[-2] == "-jar") == (flavour == "java")
    said = template(ROOT, FLAVOURS[flavour])
    assert (said.destination, list(said.entry_point)) == (file["destination"], words)


@pytest.mark.skipif(not shutil.which("packer"), reason="no packer here")
@each_flavour
def test_the_installed_packer_finds_it_valid(flavour: str, tmp_path: Path) -> None:
    # Packer looks whether the file is there: a fresh clone has built none.
    artefact = tmp_path / FLAVOURS[flavour].artefact
    artefact.parent.mkdir(parents=True)
    artefact.touch()
    given = ["-var", "base=some-image", "-var", f"flavour={flavour}"]
    validated = subprocess.run(
        ["packer", "validate", *given, str(ROOT / TEMPLATE)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    output = validated.stdout + validated.stderr
    if "plugin" in output.lower():
        pytest.skip("this packer wants its plugins installed first")
    assert validated.returncode == 0, output
