"""Work in the background, whose programs are ended when nobody waits for it any more.

Only the standard library is imported: the bootstrap uses this module before there is a ``.venv``.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from typing import Generic, TypeVar

T = TypeVar("T")


class Ending:
    """A message to end, for whatever a thread is doing: an exception cannot reach into it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._said = False

    @contextlib.contextmanager
    def heard_by(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call ``listener`` once, from another thread, when the message comes or has come."""
        with self._lock:
            late = self._said
            self._listeners.append(listener)
        try:
            if late:
                listener()
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)

    def say(self) -> None:
        """Send the message, to present and to later listeners."""
        with self._lock:
            self._said = True
            listeners = list(self._listeners)
        for listener in listeners:
            listener()


_ending: ContextVar[Ending | None] = ContextVar("ending", default=None)


@contextlib.contextmanager
def ended_by(listener: Callable[[], None]) -> Iterator[None]:
    """Call ``listener`` where this code runs in a ``Background`` that must end."""
    ending = _ending.get()
    with contextlib.nullcontext() if ending is None else ending.heard_by(listener):
        yield


class Background(Generic[T]):
    """A thread that does ``work``, beside the work of the context.

    When the context is left and nobody has taken the result, because of an error or a Ctrl-C, the
    programs that the thread runs are ended and waited for: nothing is left at work.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._ending = Ending()
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), daemon=True)

    def _run(self) -> None:
        _ending.set(self._ending)
        try:
            self._results.append(self._work())
        except BaseException as error:
            self._error = error

    def result(self) -> T:
        """Return the result of ``work`` as soon as it has ended, or raise its error."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._results[0]

    def __enter__(self) -> Background[T]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._ending.say()
            self._thread.join()
