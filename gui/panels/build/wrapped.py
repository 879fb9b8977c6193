"""Wrapped text that is no higher than it needs to be in a form."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QLabel, QWidget

_WIDTH = 80  # pixels, at least


class WrappedLabel(QLabel):
    """Qt's own label tells a form its height for a narrow column, which leaves a gap."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, wordWrap=True)

    def hasHeightForWidth(self) -> bool:
        return False

    def sizeHint(self) -> QSize:
        return QSize(_WIDTH, self.heightForWidth(max(self.width(), _WIDTH)))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()
