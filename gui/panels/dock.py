"""A dock that takes drops also when it floats and so is a window of its own."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

_HEIGHT = 280  # pixels, at least, of a table that appears for the first time: some ten rows


class Dock(QDockWidget):
    """A panel in a frame, which the window's saved state knows by its title."""

    def __init__(self, title: str, panel: QWidget, window: QMainWindow) -> None:
        super().__init__(title, window)
        self._window = window
        self.setObjectName(title)
        self.setAcceptDrops(True)
        self.setWidget(panel)

    def bring_up(self) -> None:
        """Show it, before those that it shares its place with."""
        self.show()
        self.raise_()

    def dragEnterEvent(self, event: Any) -> None:
        self._window.dragEnterEvent(event)

    def dropEvent(self, event: Any) -> None:
        self._window.dropEvent(event)


class TableDock(Dock):
    """The dock of a table that is hidden until it has rows."""

    def __init__(self, title: str, panel: QWidget, window: QMainWindow) -> None:
        super().__init__(title, panel, window)
        self._has_grown = False

    def appear(self) -> None:
        """Come to the front, with room for some rows the first time."""
        self.bring_up()
        if not self._has_grown:
            self._has_grown = True
            QTimer.singleShot(0, self, self._grow)  # once it is laid out

    def _grow(self) -> None:
        if not self.isFloating() and self.height() < _HEIGHT:
            self._window.resizeDocks([self], [_HEIGHT], Qt.Orientation.Vertical)
