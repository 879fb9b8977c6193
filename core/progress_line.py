"""How far a command is, on the terminal."""

from __future__ import annotations

import shutil
import sys
import time

_INTERVAL_S = 0.05


class ProgressLine:
    """Progress on one line of standard error, written over and over; nothing where that is a file.

    A file's log would fill with it.
    """

    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty()
        self._next = time.monotonic() + _INTERVAL_S
        self._width = 0

    def show(self, _fraction: float | None, text: str) -> None:
        """Replace the line, 20 times a second at most."""
        now = time.monotonic()
        if not self._is_shown or now < self._next:
            return
        self._next = now + _INTERVAL_S
        room = shutil.get_terminal_size().columns - 1
        text = text if len(text) <= room else f"{text[: room - 3]}..."
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)

    def clear(self) -> None:
        """Leave no trace of it."""
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
