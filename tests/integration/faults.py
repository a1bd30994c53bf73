"""Things that go wrong under hostonly, made by hand: what is done, and how it is undone.

Data for test_faults.py. ``do`` and ``undo`` are shell lines for root, in the sandbox or on the host.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """``where`` is sandbox or host; ``task`` is run afterwards and must end with ``exit``, having said
    ``says``. In the lines, {container}, {bridge}, {state} and {root} are filled in.

    Where it cannot be mended it says what happened, what was run and its last lines, and what to do
    ``next``; where claims were judged (``judged``) they say so of each. What other checkouts need meanwhile
    is made wrong ``alone``.
    """

    name: str
    where: str
    do: str
    task: tuple[str, ...]
    exit: int
    says: str
    undo: str = "true"
    environment: tuple[tuple[str, str], ...] = ()
    seconds: float = 240.0
    next: str = ""
    judged: bool = False
    alone: bool = False


# After these, `sandbox.up` must mend it by itself.
MENDED = [
    Fault(
        "dockerd is stopped",
        "sandbox",
        "systemctl stop docker.socket docker",
        ("sandbox.up",),
        0,
        "starting what does not answer",
    ),
    Fault(
        "dockerd is killed",
        "sandbox",
        "systemctl kill --signal KILL docker",
        ("demo.host",),
        0,
        "7 HOLDS",
    ),
    Fault(
        "the registry is stopped",
        "sandbox",
        "systemctl stop docker-registry",
        ("registry.catalog",),
        3,
        "does not answer",
        undo="systemctl start docker-registry",
        next="./inv registry.up",
    ),
    Fault(
        "sshd is stopped",
        "sandbox",
        "systemctl stop ssh.socket ssh",
        ("sandbox.up",),
        0,
        "starting what does not answer",
    ),
    Fault(
        "the sandbox is frozen",
        "host",
        "lxc-freeze --name {container}",
        ("sandbox.up",),
        0,
        "was frozen",
    ),
    Fault(
        "the host-only bridge is removed by hand",
        "host",
        "ip link delete {bridge}",
        ("sandbox.up",),
        0,
        "attached again",
    ),
    Fault(
        "the firewall table is removed by hand",
        "host",
        "nft delete table inet {table}; ip link set {bridge} down",
        ("sandbox.up",),
        0,
        "is up at",
    ),
    Fault(
        "the container is gone behind Vagrant's back",
        "host",
        "lxc-destroy --force --name {container}",
        ("sandbox.up",),
        0,
        "is gone; Vagrant's note of it was removed",
    ),
    Fault(
        "Vagrant's notes are deleted",
        "host",
        "rm -rf {root}/.vagrant; lxc-stop --kill --name {container}",
        ("sandbox.up",),
        0,
        "noted again",
    ),
    Fault(
        "the box is removed from Vagrant",
        "host",
        "rm -rf {boxes}/{box}; lxc-destroy --force --name {container}",
        ("sandbox.up",),
        0,
        # Another checkout of this machine that needs the same box may be the one that adds it.
        "is up at",
        alone=True,
    ),
]

# These cannot be mended from here: one paragraph, exit 3 (1 or 2 where that is meant), nothing worse.
SAID = [
    Fault(
        "docker cannot be started",
        "sandbox",
        "systemctl mask --now docker.socket docker",
        ("demo.host",),
        3,
        "masked",
        undo="systemctl unmask docker.socket docker; systemctl start docker",
        next="./inv sandbox.exec -- systemctl",
    ),
    Fault(
        "the registry's disk is full",
        "sandbox",
        "systemctl stop docker-registry && mount -t tmpfs -o size=1m,mode=755 none"
        " /var/lib/docker-registry && chown docker-registry: /var/lib/docker-registry"
        " && systemctl start docker-registry",
        ("image.push",),
        3,
        "docker push",
        undo="systemctl stop docker-registry; umount /var/lib/docker-registry;"
        " systemctl start docker-registry",
        next="./inv registry.usage",
    ),
    Fault(
        "Docker's disk is full",
        "sandbox",
        "systemctl stop docker.socket docker && mount -t tmpfs -o size=8m,mode=711 none /var/lib/docker"
        " && systemctl start docker",
        ("demo.host",),
        3,
        "the sandbox's engine has no room left",
        undo="systemctl stop docker.socket docker; umount /var/lib/docker; systemctl start docker",
        next="docker system prune",
    ),
    Fault(
        "iptables cannot be run in the sandbox",
        "sandbox",
        "chmod a-x $(readlink -f /usr/sbin/iptables-save)",
        ("demo.host",),
        3,
        "UNKNOWN",
        undo="chmod a+x $(readlink -f /usr/sbin/iptables-save)",
        judged=True,
    ),
    Fault(
        "the route to the sandbox leaves elsewhere",
        "host",
        "ip route add {address}/32 dev lo",
        ("registry.catalog",),
        3,
        "would leave by lo",
        undo="ip route delete {address}/32 dev lo",
        next="./inv sandbox.up",
    ),
    Fault(
        "the host key is another",
        "sandbox",
        "ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/other && cp /etc/ssh/ssh_host_ed25519_key"
        " /etc/ssh/kept && cp /etc/ssh/other /etc/ssh/ssh_host_ed25519_key && systemctl restart ssh;"
        # A connection that was made with the right key goes on, and rightly so: it must be another.
        # Each has two processes, of which one ends with the other.
        " for each in $(pgrep -f '^sshd: vagrant'); do kill $each || :; done;"
        " for i in $(seq 400); do pgrep -f '^sshd: vagrant' >/dev/null || exit 0; sleep .05; done; exit 1",
        ("sandbox.exec", "--", "true"),
        255,
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        undo="lxc",
    ),
    Fault(
        "files of the sandbox are a quarter of a century old",
        "sandbox",
        "find /etc/docker /var/lib/docker-registry -exec touch -d '2001-01-01' {{}} +",
        ("demo.host",),
        0,
        "7 HOLDS",
    ),
    Fault(
        "a proxy is in the environment",
        "host",
        "true",
        ("demo.host",),
        0,
        "7 HOLDS",
        environment=(
            ("http_proxy", "http://127.0.0.1:1"),
            ("HTTP_PROXY", "http://127.0.0.1:1"),
            ("https_proxy", "http://127.0.0.1:1"),
            ("ALL_PROXY", "http://127.0.0.1:1"),
        ),
    ),
    Fault(
        "what was built is no longer known",
        "host",
        "echo '{{\"inputs\": 7' >{state}/image/built-sandbox-java.json",
        ("image.push",),
        0,
        "pushed",
    ),
]
