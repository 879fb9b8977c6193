"""How a number was measured, why it may not be trusted, and what to do about it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QSizePolicy, QWidget

from core.text import printable
from gui.theme import UNSURE

if TYPE_CHECKING:
    from core.benchmark.values import Mark

_LINES, _LEAST = 9, 2  # of text seen at once, at most and at least; the others are scrolled to


class TrustMarks(QScrollArea):
    """The convention; then a coloured word for each mark, what it means, and the advice."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setAccessibleName("trust marks")
        self._label = QLabel(wordWrap=True, textFormat=Qt.TextFormat.RichText)
        self._label.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._label.setContentsMargins(4, 2, 4, 2)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.setWidget(self._label)
        self.show_marks(())

    def show_marks(self, marks: Sequence[Mark], convention: str = "") -> None:
        """Show marks below a convention; without either the area takes no room."""
        words = f"<div>{html.escape(printable(convention))}</div>" if convention else ""
        self._label.setText(words + "".join(map(_paragraph, marks)))
        self.setVisible(bool(self._label.text()))
        self.verticalScrollBar().setValue(0)
        self._fit()

    def text(self) -> str:
        """What it says, as rich text."""
        return self._label.text()

    def _fit(self) -> None:
        wanted = max(0, self._label.heightForWidth(self.viewport().width()))
        line = self.fontMetrics().lineSpacing()
        self.setMinimumHeight(min(wanted, _LEAST * line + 4))
        self.setMaximumHeight(min(wanted, _LINES * line))
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), self.maximumHeight())

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._fit()


def _paragraph(mark: Mark) -> str:
    kind, message, advice = (
        html.escape(printable(text)) for text in (mark.kind, mark.message, mark.advice)
    )
    return (
        f'<p style="margin-top: 3px; margin-bottom: 3px">'
        f'<span style="background: {UNSURE}; color: white; font-weight: bold">'
        f"&nbsp;{kind}&nbsp;</span>&nbsp; {message} <b>{advice}</b></p>"
    )
