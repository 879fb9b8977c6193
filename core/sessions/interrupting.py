"""Queries that are asked to end early where nobody else could ask: their thread waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

_LOOK_S = 0.1  # how often a query is asked whether it shall be interrupted
_GRACE_S = 0.2  # in which its thread would stop by itself, with nothing lost


class Interruptible(Protocol):
    """A session, or a lane of one."""

    def interrupt(self) -> None:
        """Ask the query that is going on to end early, from any thread."""


@contextmanager
def interrupting(running: Sequence[Interruptible], stop: Callable[[], bool]) -> Iterator[None]:
    """Interrupt what goes on within, once `stop` says so and it does not end by itself.

    Args:
        running: what is interrupted, again and again until the end of the block.
        stop: asked some 10 times a second, on a thread of its own.
    """
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(_LOOK_S):
            if stop() and not is_over.wait(_GRACE_S):
                for one in running:
                    one.interrupt()

    thread = threading.Thread(target=watch, name="interrupting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
