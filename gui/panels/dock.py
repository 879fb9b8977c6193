"""A dock that takes drops also when it floats and so is a window of its own."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget


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
