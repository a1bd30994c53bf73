"""Machines of no provider at all: what is asked of one is noted, and its state is what a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hostonly.events import Emit
from hostonly.site import Bridge, MachineSpec, Site


class Noted:
    """Each thing that is done, in its order; ``states`` by the machines' names."""

    def __init__(self, **states: str) -> None:
        self.did: list[str] = []
        self.states = states

    def step(self, what: str, answer: Any = None) -> Callable[..., Any]:
        """A function that is noted when it is called."""

        def act(*_: object, **__: object) -> Any:
            self.did.append(what)
            return answer

        return act

    def provider_of(self, site: Site, machine: MachineSpec) -> Provided:
        """In place of hostonly.providers'."""
        return Provided(self, machine.name)


class Provided:
    """A machine as its provider has it; what happens to it is noted."""

    packages = ("provider",)
    kind = "a machine"
    ready = True
    half_destroyed = False

    def __init__(self, noted: Noted, name: str) -> None:
        self.noted, self.name = noted, name

    def _did(self, what: str) -> None:
        self.noted.did.append(f"{what} {self.name}")

    @property
    def exists(self) -> bool:
        return self.state() != "not_created"

    @property
    def known_to_vagrant(self) -> bool:
        return self.exists

    def state(self) -> str:
        return self.noted.states.get(self.name, "not_created")

    def boot(self) -> str:
        return "7" if self.state() == "running" else ""

    def reconcile(self, emit: Emit) -> None:
        self._did("reconcile")

    def finish_destruction(self, emit: Emit) -> bool:
        self._did("finish")
        return False

    def await_end(self, emit: Emit) -> None:
        self._did("await end")

    def shut_down(self) -> None:
        self._did("shut down")

    def reattach(self, bridges: Sequence[Bridge], emit: Emit) -> None:
        self._did(f"reattach to {' '.join(bridge.name for bridge in bridges)}")

    def start_services(self, units: Sequence[str]) -> None:
        self._did("start services")

    def for_vagrant(self) -> dict[str, str]:
        return {"told": self.name}

    def make_box(self, emit: Emit, *, rebuild: bool = False) -> None:
        self._did("make box")

    def prepare(self, emit: Emit) -> None:
        self._did("provide")

    def remove(self) -> None:
        self._did("remove")
        self.noted.states[self.name] = "not_created"

    def let_go(self) -> list[str]:
        self._did("let go")
        return []

    def put_back(self) -> list[str]:
        self._did("put back")
        return []
