"""Whether IPVS may be set up from a user namespace, by the kernel's own answer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from hostonly.facts import Unreadable
from hostonly.facts.ipvs import ASK, parse


@pytest.mark.parametrize(
    ("said", "may"), [("allowed\n", True), ("Operation not permitted\n", False)]
)
def test_who_may(said: str, may: bool) -> None:
    assert parse(said) is may


@pytest.mark.parametrize("said", ["", "Invalid argument\n", "allowed\nOperation not permitted\n"])
def test_what_tells_nothing(said: str) -> None:
    with pytest.raises(Unreadable):
        parse(said)


# As genl(8) prints a family, with the number of the kernel's own, which every kernel has (GENL_ID_CTRL).
FAMILY = "\\nName: IPVS\\n\\tID: {}  Version: 0x1  header size: 0  max attribs: 6 \\n"


@pytest.mark.needs("perl")
@pytest.mark.parametrize(
    ("family", "said"),
    [("0x10", "Operation not supported\n"), ("0xfff", "No such file or directory\n")],
)
def test_the_kernel_is_asked_and_its_answer_told(tmp_path: Path, family: str, said: str) -> None:
    """A command that the family does not have, and a family that is not there."""
    genl = tmp_path / "genl"
    genl.write_text(f"#!/bin/sh\nprintf '{FAMILY.format(family)}'\n")
    genl.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LC_ALL": "C"}
    done = subprocess.run(["sh", "-c", ASK], env=path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (said, "")


@pytest.mark.needs("perl")
def test_where_there_is_no_ipvs_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "genl").write_text("#!/bin/sh\necho Error talking to the kernel >&2\nexit 255\n")
    (tmp_path / "genl").chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", ASK], env=path, capture_output=True, text=True, check=False)
    with pytest.raises(Unreadable):
        parse(done.stdout)
