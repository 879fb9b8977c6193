"""Ctrl-C that ends a command's work early, with what there is, instead of ending the program."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def noted_ctrl_c() -> Iterator[list[int]]:
    """Ctrl-C fills the list instead of raising; a second one raises. On the main thread.

    The list is filled at once, also while the main thread is in native code: Python would call
    a handler only when that comes back, which a run of a large model does after many seconds.
    """
    interrupted: list[int] = []
    pressed: list[int] = []

    def note(number: int, _frame: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)
        interrupted.append(number)

    with _heard(signal.SIGINT, interrupted):
        before = signal.signal(signal.SIGINT, note)
        try:
            yield interrupted
        finally:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _heard(number: int, into: list[int]) -> Iterator[None]:
    """Fill the list with this signal as it comes, on a thread that waits for nothing else."""
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)  # set_wakeup_fd asks for it

    def listen() -> None:
        while numbers := ear.recv(64):
            into.extend(one for one in numbers if one == number)

    thread = threading.Thread(target=listen, name="ctrl-c", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        mouth.close()
        thread.join()
        ear.close()
