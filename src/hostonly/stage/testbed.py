"""The testbed of a demo: the vantages, and the image to run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache

from hostonly.errors import HostonlyError
from hostonly.events import Emit, Event
from hostonly.facts import NotObserved, observe
from hostonly.facts.engine import engine
from hostonly.ownership import lock
from hostonly.results.judged import SandboxAbout
from hostonly.site import Site
from hostonly.vantages import Host, Vantage


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """The image that was built here.

    ``reference`` is where it was pushed to (``localhost:5000/hello-socket``), ``id`` is the
    engine's name for it (``sha256:…``). The reference may name another image later; the id cannot.
    """

    reference: str
    id: str


@dataclass(frozen=True, slots=True)
class Testbed:
    """A sandbox that is up, with its registry and the image in it.

    ``second_sandbox`` returns the other one, with the same image; its first call brings it up.
    """

    # pytest takes classes called Test… for tests.
    __test__ = False

    site: Site
    host: Vantage
    sandbox: Vantage
    about: SandboxAbout
    image: BuiltImage
    second_sandbox: Callable[[], Vantage]


@contextmanager
def ready(site: Site, emit: Emit, task: str, *, second: bool = False) -> Iterator[Testbed]:
    """Bring the sandbox up and the image into its registry, where either is missing.

    Demos of one checkout wait for each other, because each removes what an earlier one left, and a
    sandbox has each port once. A halt or a destroy of a sandbox waits too. ``task``
    (``demo.bridge``) is the name that those who wait are shown. ``second``: the second sandbox will
    be needed, so it comes up while the image is made. The connections are closed at the end.

    Raises:
        hostonly.errors.HostonlyError: one of them could not be done.
    """
    # The Docker SDK and Vagrant are slow to import: a module that only names Testbed need not wait.
    from hostonly.image import pipeline, publish
    from hostonly.sandbox import life
    from hostonly.sandbox.machine import Machine

    emit = _in_turn(emit)
    with lock.demos(site, task, emit), ExitStack() as connections:
        machine = Machine(site, emit)
        other = Machine(site, emit, "sandbox2")
        pipeline.up(machine)
        # Left in the end only when its one job is done: an interrupt leaves no half-made machine.
        worker = connections.enter_context(ThreadPoolExecutor(1))
        coming = worker.submit(life.up, [other]) if second else None
        built = pipeline.pulled(machine)

        @cache
        def second_sandbox() -> Vantage:
            if coming is not None:
                coming.result()
            else:
                life.up([other])
            pipeline.carried(machine, other, built)
            return connections.enter_context(other.vantage())

        sandbox = connections.enter_context(machine.vantage())
        seen = observe(sandbox, engine())
        if isinstance(seen, NotObserved):
            raise HostonlyError(f"the sandbox's engine was not observed: {seen.because}")
        about = SandboxAbout(site.name, site.sandbox.provider, machine.address, seen.value.version)
        image = BuiltImage(publish.reference(machine), built.image_id)
        yield Testbed(site, Host(), sandbox, about, image, second_sandbox)


def _in_turn(emit: Emit) -> Emit:
    """Return ``emit`` for several threads: renderers take one event at a time."""
    turn = threading.RLock()

    def emit_in_turn(event: Event) -> None:
        with turn:
            emit(event)

    return emit_in_turn
