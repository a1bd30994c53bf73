"""What a user has set up of ssh for other hosts (a configuration, an agent, Vagrant's own settings) does
not reach a connection to the sandbox, by whichever front."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.ordinary_user import User

pytestmark = pytest.mark.needs("sudo", "useradd", "ssh-agent")

# One habit a line, for every host.
HABITS = (
    "ProxyCommand false",
    "ProxyJump nobody@192.0.2.1",
    "Hostname 192.0.2.1",
    "Port 2222",
    "User nobody",
    "BindAddress 192.0.2.1",
    "ControlMaster auto\nControlPath /nonexistent/%C",
    "StrictHostKeyChecking yes\nUserKnownHostsFile /nonexistent\nGlobalKnownHostsFile /nonexistent",
    "HostKeyAlgorithms ssh-rsa",
    "PreferredAuthentications password",
    "PubkeyAuthentication no",
    "IdentityAgent /nonexistent",
    "RemoteCommand false",
    "RequestTTY force",
    "SessionType none",
    "LocalForward 127.0.0.1:22 127.0.0.1:22\nExitOnForwardFailure yes",
    "CanonicalizeHostname always\nCanonicalDomains nowhere.example\nCanonicalizeFallbackLocal no",
    "PermitLocalCommand yes\nLocalCommand touch {mark}",
    "ForwardAgent yes",
    "SendEnv *",
    "NoSuchOption yes",
)
MATCH = 'Match exec "touch {mark}"\n  ProxyCommand false\n'
# Of Vagrant's own, for every machine of the user's.
VAGRANTFILE = """
Vagrant.configure("2") do |config|
  config.ssh.forward_agent = true
  config.ssh.forward_x11 = true
  config.ssh.forward_env = ["HOME"]
  config.ssh.proxy_command = "false"
  config.ssh.ssh_command = "false"
  config.ssh.username = "nobody"
  config.ssh.remote_user = "nobody"
  config.ssh.password = "wrong"
  config.ssh.port = 2222
  config.ssh.guest_port = 2222
  config.ssh.keys_only = false
  config.ssh.shell = "false"
  config.ssh.extra_args = ["-o", "ProxyCommand=false"]
end
"""


def section(habit: str) -> str:
    return "Host *\n" + "".join(f"  {line}\n" for line in habit.splitlines())


def prove(done: subprocess.CompletedProcess[str], mark: Path) -> None:
    """It came to the sandbox, without the user's agent; and nothing else was run."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["sandbox", "vagrant", "no", "agent"], done.stdout
    assert not mark.exists()


ASKED = 'hostname; whoami; echo "${SSH_AUTH_SOCK:-no agent}"'
BY_VAGRANT = ("vagrant", "ssh", "--no-tty", "-c", ASKED)
FRONTS = {
    "vagrant ssh -c": BY_VAGRANT,
    "vagrant ssh --": ("vagrant", "ssh", "--", "-T", ASKED),
    "vagrant ssh -- -A": ("vagrant", "ssh", "--", "-A", "-T", ASKED),
    "sandbox.exec": ("./inv", "sandbox.exec", "--", "sh", "-c", ASKED),
    "sandbox.exec, the whole way": (
        *("./inv", "sandbox.exec", "--machine", "sandbox"),
        *("--", "sh", "-c", ASKED),
    ),
}


@pytest.fixture
def up(user: User) -> User:
    user.did("sandbox.up")
    return user


@pytest.fixture
def config(user: User) -> Iterator[Path]:
    """The user's ~/.ssh/config: ssh takes the home folder from the user database."""
    folder = user.home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "config"
    file.touch()
    subprocess.run(["chown", "-R", f"{user.name}:", str(folder)], check=True)
    yield file
    file.unlink()


@pytest.fixture
def mark(user: User) -> Path:
    """What a command of the user's configuration makes, where it is run."""
    return user.home / "was-run"


@contextlib.contextmanager
def agent(user: User, kind: str, tmp_path: Path) -> Iterator[str]:
    """The socket of an agent that is gone, that never answers, or that has more keys than sshd
    lets anybody try."""
    place = user.home / "agent"
    if kind == "gone":
        yield str(place)
    elif kind == "silent":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(place))
            place.chmod(0o777)
            listening.listen()
            yield str(place)
        place.unlink()
    else:
        process = subprocess.Popen(user.argv("ssh-agent", "-D", "-a", str(place)))
        try:
            for number in range(8):
                key = user.home / f"key{number}"
                made = user.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
                assert made.returncode == 0
                assert user.run("ssh-add", str(key), SSH_AUTH_SOCK=str(place)).returncode == 0
                key.unlink()
            yield str(place)
        finally:
            process.terminate()
            process.wait(timeout=10)


@pytest.mark.long
def test_each_habit(up: User, config: Path, mark: Path) -> None:
    for habit in HABITS:
        config.write_text(section(habit.format(mark=mark)))
        prove(up.run(*BY_VAGRANT), mark)


@pytest.mark.parametrize("front", FRONTS)
def test_all_of_them_by_each_front(up: User, config: Path, mark: Path, front: str) -> None:
    everything = MATCH + "".join(section(habit) for habit in HABITS)
    config.write_text(everything.format(mark=mark))
    prove(up.run(*FRONTS[front]), mark)


@pytest.mark.long
def test_a_life_with_all_of_them(user: User, config: Path, mark: Path, tmp_path: Path) -> None:
    """Vagrant waits for ssh by a library of Ruby's, which reads a configuration and asks an agent too."""
    vagrants = user.home / ".vagrant.d" / "Vagrantfile"
    user.did("sandbox.destroy")
    user.did("sandbox.box")
    everything = MATCH + "".join(section(habit) for habit in HABITS)
    config.write_text(everything.format(mark=mark))
    vagrants.write_text(VAGRANTFILE)
    try:
        with agent(user, "silent", tmp_path) as listening:
            theirs = {
                "SSH_AUTH_SOCK": listening,
                "SSH_ASKPASS": "/bin/false",
                "GIT_SSH": "/bin/false",
            }
            for command in (["vagrant", "up"], ["./inv", "demo.host"], ["vagrant", "provision"]):
                done = user.run(*command, **theirs, SSH_ASKPASS_REQUIRE="force")
                assert done.returncode == 0, done.stdout + done.stderr
            for front in FRONTS.values():
                prove(user.run(*front, **theirs, SSH_ASKPASS_REQUIRE="force"), mark)
            done = user.run("vagrant", "destroy", "--force", **theirs)
            assert done.returncode == 0, done.stderr
    finally:
        vagrants.unlink()


@pytest.mark.long
@pytest.mark.parametrize("kind", ["gone", "silent", "with many keys"])
def test_an_agent(up: User, mark: Path, tmp_path: Path, kind: str) -> None:
    with agent(up, kind, tmp_path) as listening:
        for front in FRONTS.values():
            prove(up.run(*front, SSH_AUTH_SOCK=listening), mark)


@pytest.mark.needs("unshare")
@pytest.mark.parametrize("as_root", [True, False], ids=["as root", "as the user"])
def test_the_machines_own_configuration(
    up: User, mark: Path, tmp_path: Path, as_root: bool
) -> None:
    """/etc/ssh/ssh_config, as this one process sees it."""
    everything = MATCH + "".join(section(habit) for habit in HABITS)
    file = tmp_path / "ssh_config"
    file.write_text(everything.format(mark=mark))
    line = 'mount --bind "$0" /etc/ssh/ssh_config && exec "$@"'
    for front in FRONTS.values():
        argv = [*front] if as_root else up.argv(*front)
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", line, str(file), *argv],
            cwd=up.clone,
            env={
                name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        sys.stderr.write(done.stderr)
        prove(done, mark)
