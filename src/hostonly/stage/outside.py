"""A destination outside of the sandbox: a network namespace behind a link of the sandbox.

What lies beyond a real sandbox differs from place to place, and may be nothing. This place is the
same everywhere: the sandbox forwards packets to it as to any other network, and its kernel answers
them, with a refusal where nobody listens.
"""

from __future__ import annotations

from hostonly.stage.stage import Stage

# Neither has a label: the names are the mark by which they are known and removed.
NAMESPACE = LINK = "hostonly-out"
# Documentation's own network (RFC 5737): no real one has these addresses.
SANDBOX_END, ADDRESS, PREFIX = "192.0.2.1", "192.0.2.2", 30
REMOVE_LINK = ("sudo", "ip", "link", "delete", LINK)
REMOVE_NAMESPACE = ("sudo", "ip", "netns", "delete", NAMESPACE)


def make_outside(stage: Stage) -> str:
    """Make the namespace, to be removed when the demo ends, and return its address.

    Raises:
        Stopped: a step failed.
    """
    sandbox = stage.sandbox
    # Left by an earlier run that was killed, or that was told to keep it.
    if sandbox.run(["ip", "link", "show", LINK]).ok:
        stage.step(sandbox, *REMOVE_LINK)
    if sandbox.run(["test", "-e", f"/run/netns/{NAMESPACE}"]).ok:
        stage.step(sandbox, *REMOVE_NAMESPACE)
    stage.on_exit(sandbox, *REMOVE_NAMESPACE)
    stage.on_exit(sandbox, *REMOVE_LINK)
    ip, inside = ("sudo", "ip"), ("sudo", "ip", "-n", NAMESPACE)
    stage.step(sandbox, *ip, "netns", "add", NAMESPACE)
    pair = ("type", "veth", "peer", "name", "eth0", "netns", NAMESPACE)
    stage.step(sandbox, *ip, "link", "add", LINK, *pair)
    for where, address, link in ((ip, SANDBOX_END, LINK), (inside, ADDRESS, "eth0")):
        stage.step(sandbox, *where, "addr", "add", f"{address}/{PREFIX}", "dev", link)
        stage.step(sandbox, *where, "link", "set", link, "up")
    return ADDRESS
