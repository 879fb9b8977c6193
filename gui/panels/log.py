"""The log: what Enginebay and the runtimes say, newest last."""

from __future__ import annotations

import contextlib
import logging

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QPlainTextEdit, QWidget

_MAX_LINES = 2000


class LogPanel(QPlainTextEdit):
    """The last lines of the log."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setMaximumBlockCount(_MAX_LINES)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setPlaceholderText("Nothing has been logged yet.")
        self.setAccessibleName("log")


class _Relay(QObject):
    line = Signal(str)


class LogHandler(logging.Handler):
    """Carries log records from any thread to the GUI's, as text."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.relay = _Relay()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        """Runs on the thread that logs; a signal is all it touches."""
        with contextlib.suppress(RuntimeError):  # the window is gone
            self.relay.line.emit(self.format(record))
