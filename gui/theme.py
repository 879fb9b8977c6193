"""Colours and small widgets that several panels share. Everything else is the system's."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QWidget

# White text on these has a contrast of at least 4.5:1 (WCAG 2.1, 1.4.3).
GOOD = "#1a7f37"
BAD = "#c9302c"
UNSURE = "#8a6100"


def pill_style(color: str) -> str:
    """The style of a short word on a coloured ground."""
    return (
        f"background: {color}; color: white; border-radius: 9px; padding: 3px 10px;"
        "font-weight: bold;"
    )


class ElidedLabel(QFrame):
    """A line of text that gives way with an ellipsis instead of widening the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ""

    def set_text(self, text: str) -> None:
        """Show a text; all of it is in the tooltip."""
        self._text = text
        self.setToolTip(text)
        self.setAccessibleName(text)
        self.updateGeometry()
        self.update()

    def text(self) -> str:
        """The whole text."""
        return self._text

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._text) + 2, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, self.fontMetrics().height() + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        metrics = self.fontMetrics()
        text = metrics.elidedText(self._text, Qt.TextElideMode.ElideRight, self.width())
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(self.rect(), flags, text)
