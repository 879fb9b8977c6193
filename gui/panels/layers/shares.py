"""What the layers' time, count and weights are made of, as stacked bars with their legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from gui.layer_colors import text_on

_BAR = 22  # pixels
_GAP = 6
_CHIP = 10


class Part(NamedTuple):
    """A part of a whole."""

    word: str
    fraction: float  # of the whole, 0..1
    color: str  # "#rrggbb"
    text: str  # its size for people: "1.23 ms"


class StackedBar(QWidget):
    """Parts side by side, each as wide as its fraction, over a legend that wraps."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._parts: tuple[Part, ...] = ()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is shown, the largest first."""
        return self._parts

    def show_parts(self, parts: Sequence[Part]) -> None:
        """Show other parts."""
        self._parts = tuple(sorted(parts, key=lambda part: -part.fraction))
        spoken = ", ".join(f"{part.word} {part.fraction:.1%}" for part in self._parts)
        self.setAccessibleDescription(spoken)
        self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        places = self._places(width)
        bottom = places[-1].bottom() if places else _BAR
        return int(bottom) + 2

    def sizeHint(self) -> QSize:
        return QSize(300, self.heightForWidth(300))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, _BAR)

    def _legend(self, part: Part) -> str:
        return f"{part.word or '(not told)'}  {part.fraction:.1%}"

    def _places(self, width: int) -> list[QRectF]:
        """Where each part's legend stands, row by row."""
        metrics = QFontMetrics(self.font())
        height, x, y = metrics.height() + 4, 0.0, float(_BAR + _GAP)
        places = []
        for part in self._parts:
            needed = _CHIP + 6 + metrics.horizontalAdvance(self._legend(part))
            needed = min(needed, width)
            if x and x + needed > width:
                x, y = 0.0, y + height
            places.append(QRectF(x, y, needed, height))
            x += needed + 18
        return places

    def _bars(self) -> list[QRectF]:
        x, bars = 0.0, []
        for part in self._parts:
            width = self.width() * part.fraction
            bars.append(QRectF(x, 0, width, _BAR))
            x += width
        return bars

    def paintEvent(self, _event: Any) -> None:
        painter = QPainter(self)
        text = self.palette().color(self.palette().ColorRole.WindowText)
        base = self.palette().color(self.palette().ColorRole.Window)
        metrics = painter.fontMetrics()
        if not self._parts:
            painter.fillRect(QRectF(0, 0, self.width(), _BAR), self.palette().alternateBase())
        for part, bar in zip(self._parts, self._bars(), strict=True):
            color = QColor(part.color)
            painter.fillRect(bar, color)
            painter.setPen(QPen(base, 1))
            painter.drawLine(QPointF(bar.right(), 0), QPointF(bar.right(), _BAR))
            inside = f"{part.fraction:.0%}"
            if metrics.horizontalAdvance(inside) + 8 < bar.width():
                painter.setPen(text_on(color))
                painter.drawText(bar, Qt.AlignmentFlag.AlignCenter, inside)
        for part, place in zip(self._parts, self._places(self.width()), strict=True):
            top = place.top() + (place.height() - _CHIP) / 2
            painter.fillRect(QRectF(place.left(), top, _CHIP, _CHIP), QColor(part.color))
            painter.setPen(text)
            room = place.adjusted(_CHIP + 6, 0, 0, 0)
            elide = Qt.TextElideMode.ElideRight
            words = metrics.elidedText(self._legend(part), elide, int(room.width()) + 1)
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, words)

    def event(self, event: Any) -> bool:
        if event.type() == event.Type.ToolTip:
            assert isinstance(event, QHelpEvent)
            self._show_tip(event)
            return True
        return bool(super().event(event))

    def _show_tip(self, event: QHelpEvent) -> None:
        place = QPointF(event.pos())
        for areas in (self._bars(), self._places(self.width())):
            for part, area in zip(self._parts, areas, strict=True):
                if area.contains(place):
                    tip = f"{part.word or '(not told)'}: {part.text}, {part.fraction:.2%}"
                    QToolTip.showText(event.globalPos(), tip, self)
                    return
        QToolTip.hideText()
