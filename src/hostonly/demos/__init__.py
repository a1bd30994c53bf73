"""The demos: each is one module here with a function ``run(stage)``, and one line below.

Nothing heavy is imported before a demo is loaded, since ``./inv --list`` shows them all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hostonly.stage.demo import Demo


def load(name: str) -> Demo:
    """Return the demo called ``name``.

    Raises:
        UsageError: there is none.
    """
    from hostonly.errors import UsageError
    from hostonly.stage.demo import Demo

    if name not in DEMOS:
        raise UsageError(f"there is no demo {name!r}; there are {', '.join(DEMOS)}")
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    second, needs = getattr(module, "SECOND_SANDBOX", False), getattr(module, "NEEDS", ())
    return Demo(name, DEMOS[name], module.run, second, needs)


# In the tutorial's order. A demo's module is its name with _ for -.
DEMOS = {
    "bridge": "a container behind docker0, nothing published: who reaches it, and who does not",
    "publish": "a published port: the host comes in by DNAT, loopback by docker-proxy",
    "ports": "what bites with published ports: two addresses, a port taken, the engine restarted",
    "host": "a container that shares the sandbox's network: no bridge, no DNAT, no docker-proxy",
    "none": "a container with loopback and nothing else: only itself reaches it",
    "container": "a container in another one's network: one address, one set of ports",
    "user-bridges": "networks of one's own: names within one, nothing across, --internal shut in",
    "macvlan": "a container on the host-only network itself, with its own MAC and address",
    "overlay": "two sandboxes as a swarm: one network over both, carried by VXLAN",
    "ipv6": "a bridge network with IPv6: the sandbox by its address, the host by a published port",
    "ipvlan": "a container on the host-only network with the sandbox's own MAC",
}
