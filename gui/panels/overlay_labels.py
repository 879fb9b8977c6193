"""Labels over the picture that never cover one another."""

from __future__ import annotations

from collections import defaultdict

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter

MAX_LABEL = 160  # pixels of a class's name over the picture


class LabelPlaces:
    """Where labels already stand, by rows of their height, so that hundreds find a place fast."""

    def __init__(self, view: QRectF, row_height: int) -> None:
        self._left, self._top = view.left(), view.top()
        self._right, self._bottom = view.right(), view.bottom()
        self._height = row_height
        self._rows: dict[int, list[tuple[float, float, float, float]]] = defaultdict(list)

    def find(
        self, area: tuple[float, float, float, float], width: float, *, must: bool
    ) -> QRectF | None:
        """A place at an area's corners, inside the view, and free; it is taken with that.

        Args:
            area: left, top, right, bottom of what the label belongs to, in screen pixels.
            width: the label's.
            must: take the last corner even where it is not free.

        Returns:
            The label's ground; None where there is no room.
        """
        left, top, right, bottom = area
        height = self._height
        corners = (
            (left - 1, top - height),
            (left - 1, top),
            (left - 1, bottom),
            (right - width, bottom - height),
        )
        for x, y in corners:
            x = min(max(x, self._left), max(self._right - width, self._left))
            y = min(max(y, self._top), max(self._bottom - height, self._top))
            if self._is_free(x, y, width):
                break
        else:
            if not must:
                return None
        for row in self._rows_at(y):
            self._rows[row].append((x, y, x + width, y + height))
        return QRectF(x, y, width, height)

    def _is_free(self, x: float, y: float, width: float) -> bool:
        right, bottom = x + width, y + self._height
        return not any(
            x < other[2] and other[0] < right and y < other[3] and other[1] < bottom
            for row in self._rows_at(y)
            for other in self._rows[row]
        )

    def _rows_at(self, y: float) -> tuple[int, int]:
        first = int((y - self._top) // self._height)
        return first, first + 1


def paint_label(painter: QPainter, text: str, ground: QRectF, color: QColor, ink: QColor) -> None:
    """A text on its ground."""
    painter.fillRect(ground, color)
    painter.setPen(ink)
    metrics = painter.fontMetrics()
    base = ground.center().y() + (metrics.ascent() - metrics.descent()) / 2
    painter.drawText(QPointF(ground.left() + 4, base), text)


def paint_corner_text(painter: QPainter, lines: tuple[str, ...], view: QRectF) -> None:
    """Lines of text in the upper left corner, as many as there is room for."""
    if not lines:
        return
    metrics = painter.fontMetrics()
    room = max(int((view.height() - 32) // metrics.height()), 1)
    if len(lines) > room:
        lines = (*lines[: room - 1], f"and {len(lines) - room + 1} more")
    most = view.width() - 20
    width = min(max(metrics.horizontalAdvance(line) for line in lines) + 20, most)
    ground = QRectF(10, 10, width, metrics.height() * len(lines) + 12)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 170))
    painter.drawRoundedRect(ground, 6, 6)
    painter.setPen(Qt.GlobalColor.white)
    inside = int(width - 20)
    elided = [metrics.elidedText(one, Qt.TextElideMode.ElideMiddle, inside) for one in lines]
    painter.drawText(ground.adjusted(10, 6, -10, -6), "\n".join(elided))
