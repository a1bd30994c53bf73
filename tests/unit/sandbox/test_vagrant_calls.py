"""What Vagrant is told by variables: our machine and provider, whatever the user's own say."""

from __future__ import annotations

import subprocess

import pytest

from hostonly.errors import ToolFailed
from hostonly.events import Event, Progress, ignore
from hostonly.sandbox import vagrant_calls
from hostonly.sandbox.vagrant_calls import VagrantCalls, command
from hostonly.site import Site
from hostonly.waiting import more_patience


def test_only_the_users_boxes_are_where_they_say(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAGRANT_HOME", "/theirs")
    monkeypatch.setenv("VAGRANT_CWD", "/their/project")
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", "virtualbox")
    argv = command(site.to_json(), ["status"])
    assert argv[-2:] == ["vagrant", "status"]
    said = subprocess.run([*argv[:-2], "env"], capture_output=True, text=True, check=True).stdout
    found = {line for line in said.splitlines() if line.startswith("VAGRANT_")}
    assert found == {
        "VAGRANT_HOME=/theirs",
        "VAGRANT_CHECKPOINT_DISABLE=1",
        "VAGRANT_NO_COLOR=1",
        "VAGRANT_DEFAULT_PROVIDER=lxc",
    }


# The last lines of it, in the words of Vagrant 2.3.
BOOT = """\
If the box appears to be booting properly, you may want to increase
the timeout ("config.vm.boot_timeout") value.
"""


@pytest.mark.parametrize(
    ("error", "late"),
    [
        (ToolFailed("vagrant failed with exit status 1", output=BOOT), True),
        (ToolFailed("vagrant took longer than 420 s", remedy=more_patience()), True),
        (ToolFailed("vagrant failed with exit status 1", output="The box is damaged."), False),
    ],
)
def test_a_limit_that_struck_is_named(
    site: Site, monkeypatch: pytest.MonkeyPatch, error: ToolFailed, late: bool
) -> None:
    def fail(argv: list[str], **how: object) -> str:
        raise error

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(vagrant_calls, "run", fail)
    calls = VagrantCalls(site, "sandbox", ignore)
    with pytest.raises(ToolFailed, match="vagrant up of sandbox did not work") as caught:
        calls.act("up", lambda api: api.up())
    assert str(caught.value.remedy).startswith("./inv sandbox.up tries again")
    assert (more_patience() in str(caught.value.remedy)) == late


def test_another_vagrant_is_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = "another process is already executing an action on the machine"
    answers, events = [ToolFailed("no", output=busy), None], list[Event]()

    def answer(argv: list[str], **how: object) -> str:
        if error := answers.pop(0):
            raise error
        return ""

    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(vagrant_calls, "run", answer)
    VagrantCalls(site, "sandbox", events.append).run(["halt"])
    assert answers == []
    assert events == [Progress("another Vagrant is at work on this machine")]
