"""Ctrl-C that ends a command's work early, with what there is, instead of ending the program."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def noted_ctrl_c() -> Iterator[list[int]]:
    """Ctrl-C fills the list instead of raising; a second one raises. On the main thread."""
    interrupted: list[int] = []

    def note(number: int, _frame: object) -> None:
        if interrupted:
            raise KeyboardInterrupt
        interrupted.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
