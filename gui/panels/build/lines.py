"""Lines of text, of which those that matter are marked at their left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui.build_words import Line
from gui.theme import BAD, GOOD, UNSURE

_COLORS = {"good": GOOD, "bad": BAD, "unsure": UNSURE}
_SIGNS = {"good": "✔", "bad": "✘", "unsure": "!"}


class _Sign(QWidget):
    """A round sign in a colour, with a letter for those who see no colours."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self._mark = mark
        side = self.fontMetrics().height() + 2
        self.setFixedSize(side, side)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def paintEvent(self, _event: Any) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(_COLORS[self._mark]))
        painter.drawEllipse(self.rect().adjusted(1, 1, -1, -1))
        painter.setPen(QColor("white"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, _SIGNS[self._mark])


class LinesView(QWidget):
    """Wrapped lines that can be selected."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[Line, ...] = ()
        self._room = QVBoxLayout(self)
        self._room.setContentsMargins(0, 0, 0, 0)
        self._room.setSpacing(4)
        self.hide()

    def text(self) -> str:
        """All lines."""
        return "\n".join(line.text for line in self._shown)

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these lines in place of the others."""
        if tuple(lines) == self._shown:
            return
        self._shown = tuple(lines)
        while (item := self._room.takeAt(0)) is not None:
            old = item.widget()
            if old is not None:
                old.hide()
                old.deleteLater()
        for line in lines:
            self._room.addWidget(_row(line))
        self.setVisible(bool(lines))


def _row(line: Line) -> QWidget:
    row = QWidget()
    label = QLabel(line.text, wordWrap=True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    flags = Qt.TextInteractionFlag
    label.setTextInteractionFlags(flags.TextSelectableByMouse)
    label.setMinimumWidth(40)
    inside = QHBoxLayout(row)
    inside.setContentsMargins(0, 0, 0, 0)
    if line.mark:
        inside.addWidget(_Sign(line.mark), 0, Qt.AlignmentFlag.AlignTop)
    inside.addWidget(label, 1)
    return row
