"""Adding a provider is a package of its own and a word elsewhere, in a copy of the program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout import changes, copied, inv
from tests.unit.vagrantfile import FILE, MODULE

TOY = '''"""Machines that are never made."""

from pathlib import Path

from hostonly.providers.provider import Traces


class PROVIDER:
    """A toy."""

    kind = "a toy"
    packages = ("toybox",)
    traces = Traces((), (), "toy[.](.+)", "toy.*", list, "root:7:7", Path("/nonexistent"))
    exists = known_to_vagrant = False

    def __init__(self, site, machine):
        self.machine = machine

    def for_vagrant(self):
        """What toy's vagrant.rb says."""
        return {"word": f"a toy at {self.machine.address}"}
'''
RUBY = """# Toy's part of the Vagrantfile.
module HostonlyToy
  def self.gone?(_id)
    true
  end

  def self.configure(machine, told)
    machine << told.fetch("provides").fetch("word")
  end
end
"""
ASKED = f"""{MODULE}
require "json"
said = []
Hostonly.site.fetch("machines").each do |told|
  next if told.fetch("provider") != "toy"
  Hostonly.provider(told.fetch("provider")).configure(said, told)
end
puts said
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copied(tmp_path)


def add(copy: Path) -> None:
    providers = copy / "src" / "hostonly" / "providers"
    (providers / "toy").mkdir()
    (providers / "toy" / "__init__.py").write_text(TOY)
    (providers / "toy" / "vagrant.rb").write_text(RUBY)
    listed = providers / "__init__.py"
    before = 'PROVIDERS = ("lxc",)\n'
    assert before in listed.read_text()
    listed.write_text(listed.read_text().replace(before, 'PROVIDERS = ("lxc", "toy")\n'))
    # What its box is made of, and named by.
    (copy / "packer" / "guest" / "toy").mkdir()
    (copy / "packer" / "guest" / "toy" / "metadata.json").write_text('{"provider": "toy"}\n')


def test_one_package_and_one_word(copy: Path) -> None:
    refused = inv(copy, "host.settings", code=2, INVOKE_SANDBOX_PROVIDER="toy")
    assert "sandbox.provider: 'toy'" in refused and refused.rstrip().endswith("not allowed: lxc")
    add(copy)
    word = "providers/__init__.py"
    assert changes(copy) == (
        ["providers/toy/__init__.py", "providers/toy/vagrant.rb"],
        [f'{word}: - PROVIDERS = ("lxc",)\n', f'{word}: + PROVIDERS = ("lxc", "toy")\n'],
    )
    site = json.loads(inv(copy, "host.settings", INVOKE_SANDBOX_PROVIDER="toy"))
    assert [machine["provider"] for machine in site["machines"]] == ["toy", "toy"]
    assert site["machines"][1]["provides"] == {"word": "a toy at 172.16.0.3"}
    assert site["machines"][0]["vagrant_id"].endswith("/machines/sandbox/toy/id")
    states = json.loads(inv(copy, "sandbox.status", "--json", INVOKE_SANDBOX_PROVIDER="toy"))
    assert "toy" in json.dumps(states) and "not_created" in json.dumps(states)
    refused = inv(copy, "host.settings", code=2, INVOKE_SANDBOX_PROVIDER="tyo")
    assert refused.rstrip().endswith("not allowed: lxc or toy")


def mixed(copy: Path) -> None:
    """Let one machine of three be a toy."""
    text = (copy / "invoke.yaml").read_text()
    db = 'machines: {db: {address: "172.16.0.4", provider: "toy"}}'
    (copy / "invoke.yaml").write_text(text.replace("machines: {}", db))


def test_one_machine_may_have_it_beside_others(copy: Path) -> None:
    add(copy)
    mixed(copy)
    site = json.loads(inv(copy, "host.settings"))
    boxes = {machine["provider"]: machine["box"] for machine in site["machines"]}
    assert set(boxes) == {"lxc", "toy"} and boxes["lxc"] != boxes["toy"]
    # Whoever asks for a machine's provider gets it, and the packages of both are needed.
    asked = (
        "from hostonly.settings import read, settle\n"
        "from hostonly.site import ROOT\n"
        "from hostonly.providers import all_traces, provider_of\n"
        "from hostonly.sandbox.prepare import needed\n"
        "site = settle(read(ROOT / 'invoke.yaml'))\n"
        "print(*(provider_of(site, each).kind for each in site.machines), sep=', ')\n"
        "print(len(all_traces()), *(name in needed(site) for name in ('lxc', 'toybox')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked],
        env={"PYTHONPATH": str(copy / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "an LXC container, an LXC container, a toy\n2 True True\n", done.stderr


@pytest.mark.needs("ruby")
def test_its_own_part_of_the_vagrantfile_is_the_one_that_counts(copy: Path) -> None:
    add(copy)
    mixed(copy)
    (copy / "inv").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hostonly "$@"\n')
    (copy / "inv").chmod(0o755)
    done = subprocess.run(
        ["ruby", "-e", ASKED, str(FILE)],
        cwd=copy,
        env={
            "HERE": str(copy / "Vagrantfile"),
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(copy / "src"),
            "PATH": "/usr/bin:/bin",
            "HOME": str(copy),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "a toy at 172.16.0.4\n", done.stderr
