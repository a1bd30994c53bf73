"""`sudo ./inv …`, `su`, a plain root, `sudo vagrant …`: root in an ordinary user's checkout. What is made
there and in that user's home is the user's, and the user's next call finds everything usable."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.ordinary_user import NOT_THEIRS, User, theirs_alone

pytestmark = pytest.mark.needs("sudo", "useradd", "setpriv")


def settled() -> list[str]:
    """The tests' own settings, which sudo keeps from what it runs."""
    return [f"{name}={value}" for name, value in os.environ.items() if name.startswith("INVOKE_")]


def sudo(user: User, *command: str) -> subprocess.CompletedProcess[str]:
    """``command`` in the clone as root, by the user's sudo, which sets HOME to root's."""
    return user.run("sudo", "env", *settled(), *command)


def root(user: User, *command: str) -> subprocess.CompletedProcess[str]:
    """The same as a root that no sudo has made, in root's own environment."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(NOT_THEIRS)}
    done = subprocess.run(
        command, cwd=user.clone, env=env, capture_output=True, text=True, timeout=600, check=False
    )
    sys.stderr.write(f"{command} -> {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def next_step(done: subprocess.CompletedProcess[str]) -> str:
    """The command that an error gives as the next."""
    assert done.returncode == 3 and "bug" not in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    found = re.search(
        r"^(?:  next: )?((?:sudo chown|chmod|mv) .*?)   then again$", done.stderr, re.M
    )
    assert found is not None, done.stderr
    return found[1]


def test_the_first_call_in_a_fresh_clone(user: User) -> None:
    for made in (".venv", ".hostonly"):
        subprocess.run(["rm", "-rf", made], cwd=user.clone, check=True)
    assert "demo.host" in ok(sudo(user, "./inv", "--list"))
    assert (user.clone / ".venv" / ".complete").exists()
    assert theirs_alone(user) == []
    assert "demo.host" in user.did("--list")


def test_sudo_once_and_the_user_after_it(user: User) -> None:
    ok(sudo(user, "./inv", "sandbox.up"))
    user.did("demo.host")
    # HOME stays the user's with this one.
    ok(user.run("sudo", "--preserve-env", "./inv", "demo.host"))
    assert theirs_alone(user) == []
    ok(user.run("vagrant", "ssh", "-c", "true"))
    user.did("sandbox.destroy")
    user.did("check.leftovers")


@pytest.mark.long
def test_the_user_first_and_root_after(user: User) -> None:
    user.did("sandbox.up")
    ok(root(user, "./inv", "sandbox.up"))
    assert ok(root(user, "./inv", "sandbox.exec", "--", "hostname")).strip() == "sandbox"
    ok(root(user, "./inv", "sandbox.halt"))
    ok(sudo(user, "./inv", "sandbox.destroy"))
    user.did("check.leftovers")
    assert theirs_alone(user) == []


@pytest.mark.long
@pytest.mark.parametrize("rule", [None, "ALL=(ALL:ALL) ALL"], ids=["not at all", "by password"])
def test_root_needs_no_sudo_of_the_owners(user: User, rule: str | None) -> None:
    """Where nobody could type a password."""
    user.may(rule)
    ok(root(user, "./inv", "sandbox.up"))
    ok(root(user, "./inv", "check.isolation"))
    # What root has called ends with root's call: the owner has not become root by it.
    assert user.inv("sandbox.halt").returncode == 3
    ok(root(user, "./inv", "sandbox.destroy"))
    ok(root(user, "./inv", "check.leftovers"))
    assert theirs_alone(user) == []


@pytest.mark.long
def test_vagrant_typed_as_root(user: User) -> None:
    subprocess.run(["rm", "-rf", ".vagrant"], cwd=user.clone, check=True)
    ok(sudo(user, "vagrant", "up"))
    assert "sandbox" in ok(sudo(user, "vagrant", "ssh", "--no-tty", "-c", "hostname"))
    assert theirs_alone(user) == []
    user.did("demo.host")
    ok(user.run("vagrant", "destroy", "--force"))
    user.did("check.leftovers")


def test_roots_call_writes_through_no_link_of_the_users(user: User, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    lock = user.clone / ".hostonly" / "sandbox.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.unlink(missing_ok=True)
    lock.symlink_to(planted)
    refused = root(user, "./inv", "sandbox.up")
    assert refused.returncode == 3 and str(lock) in refused.stderr
    assert not planted.exists()
    lock.unlink()


@pytest.mark.long
@pytest.mark.parametrize(
    ("closing", "task"),
    [
        ("chown root: .hostonly/*.lock", "demo.host"),
        ("chown -R root: .hostonly .vagrant", "sandbox.up"),
        ("chown -R root: .hostonly .vagrant; chmod -R go= .hostonly", "sandbox.destroy"),
        ("chown -R root: .hostonly; chmod 700 .hostonly", "image.build"),
        ("chown -R root: .venv; rm -r .venv/.complete", "--list"),
        ("chown -R root: .venv; chmod 700 .venv", "--list"),
        ("chown -R root: ~/.vagrant.d; chmod 700 ~/.vagrant.d", "sandbox.up"),
        ("chmod 500 .hostonly", "sandbox.destroy"),
        ("chmod 555 .; rm -r .hostonly", "sandbox.destroy"),
        ("rm -r .hostonly; runuser -u $USER touch .hostonly", "sandbox.destroy"),
        ("rm -r .hostonly; runuser -u $USER -- ln -s /nowhere/at-all .hostonly", "sandbox.up"),
        ("rm .hostonly/demo.lock; runuser -u $USER mkdir .hostonly/demo.lock", "sandbox.destroy"),
    ],
)
def test_what_may_not_be_used_is_named_with_its_mend(user: User, closing: str, task: str) -> None:
    user.did("sandbox.destroy")
    (user.home / ".vagrant.d").mkdir(exist_ok=True)
    (user.clone / ".vagrant").mkdir(exist_ok=True)
    subprocess.run(["chown", "-R", f"{user.name}:", str(user.home)], check=True)
    env = {**os.environ, "HOME": str(user.home), "USER": user.name}
    try:
        subprocess.run(closing, shell=True, cwd=user.clone, env=env, check=True)  # noqa: S602
        # Typed as it is given.
        mended = user.run("sh", "-c", next_step(user.inv(task)))
        assert mended.returncode == 0, mended.stderr
        user.did("sandbox.destroy")
    finally:
        subprocess.run(["chown", "-R", f"{user.name}:", str(user.home)], check=True)
        subprocess.run(["chmod", "-R", "u+rwX", str(user.home)], check=True)


@pytest.mark.long
def test_vagrant_typed_where_root_has_left_something(user: User) -> None:
    user.did("sandbox.up")
    subprocess.run(["chown", "-R", "root:", ".hostonly", ".vagrant"], cwd=user.clone, check=True)
    refused = user.run("vagrant", "ssh", "-c", "true")
    found = re.search(r"sudo chown .*", refused.stderr + refused.stdout)
    assert refused.returncode != 0 and found is not None
    ok(user.run("sh", "-c", found[0]))
    ok(user.run("vagrant", "ssh", "-c", "true"))


@pytest.mark.long
def test_somebody_elses_checkout(user: User) -> None:
    """As the user in one of root's."""
    subprocess.run(["chown", "-R", "root:", str(user.clone)], check=True)
    try:
        refused = user.inv("sandbox.up")
        assert refused.returncode == 3 and f"the checkout {user.clone} is root's" in refused.stderr
        assert "sudo ./inv" in refused.stderr and "bug" not in refused.stderr
    finally:
        subprocess.run(["chown", "-R", f"{user.name}:", str(user.clone)], check=True)


@pytest.mark.long
@pytest.mark.needs("unshare")
@pytest.mark.parametrize("task", ["sandbox.up", "demo.host", "image.build"])
def test_a_read_only_checkout(user: User, task: str) -> None:
    user.did("--version")
    line = 'mount --bind . . && mount -o remount,bind,ro "$PWD" && cd "$PWD" && exec "$@"'
    argv = user.argv("./inv", task)
    refused = root(user, "unshare", "--mount", "sh", "-c", line, "sh", *argv)
    assert refused.returncode == 3 and "bug" not in refused.stderr
    assert "read-only file system" in refused.stderr and "findmnt" in refused.stderr
