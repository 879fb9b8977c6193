"""The lines of a build, as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from core.text import printable
from gui.build_queue import MOST_LINES

if TYPE_CHECKING:
    from gui.build_queue import Feed


class LogView(QPlainTextEdit):
    """Only what is new is added, so that what was selected stays; it has as many lines as a feed.

    The view stays at the end where it was there.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, readOnly=True)
        self.setAccessibleName("log of the chosen build")
        self.setPlaceholderText("The lines of the build chosen under Builds come here.")
        self.setTabChangesFocus(True)
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setMaximumBlockCount(MOST_LINES)
        self._feed: Feed | None = None
        self._version = 0

    def show_feed(self, feed: Feed | None) -> None:
        """Show a build's lines; those that are shown already are left alone."""
        if feed is not self._feed:
            self._feed, self._version = feed, 0
            self.clear()
        if feed is None:
            return
        version, lines = feed.lines  # the version counts lines, also those that are forgotten
        new = lines[max(len(lines) - (version - self._version), 0) :]
        self._version = version
        if new:
            self.appendPlainText("\n".join(printable(line) for line in new))
