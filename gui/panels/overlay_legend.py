"""What the colours of a map stand for, in the picture's lower left corner, in screen pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter

from gui.overlay_layers import backgrounds, dense_table
from gui.panels.overlay_labels import MAX_LABEL

if TYPE_CHECKING:
    from core.predictions import ClassMap, DenseMap

_MARGIN = 10
_ROWS = 12  # classes named at most; the table beside the picture has them all
_BAR_WIDTH = 220
_GROUND = QColor(0, 0, 0, 170)
_FAINT = QColor(255, 255, 255, 120)


def paint_legend(painter: QPainter, found: ClassMap, view: QRectF, chosen: int | None) -> None:
    """The classes with the largest shares; `chosen` is the id of the one that stands out."""
    from core.overlay import class_color

    metrics = painter.fontMetrics()
    row = metrics.height() + 2
    room = max(int((view.height() - 2 * _MARGIN - 12) // row), 1)
    shares = found.shares[: min(_ROWS, room)]
    if len(shares) < len(found.shares) and len(shares) > 1:
        shares = shares[:-1]
    left_out = len(found.shares) - len(shares)
    clear = backgrounds(found)
    texts = [
        f"{metrics.elidedText(one.label, Qt.TextElideMode.ElideRight, MAX_LABEL)}  {one.share:.1%}"
        for one in shares
    ]
    texts += [f"and {left_out} more"] if left_out else []
    if not texts:
        return
    chip = metrics.height() - 4
    width = max(metrics.horizontalAdvance(text) for text in texts) + chip + 26
    ground = _ground(painter, view, width, row * len(texts) + 10)
    for number, text in enumerate(texts):
        top = ground.top() + 5 + number * row
        if number < len(shares):
            class_id = shares[number].class_id
            square = QRectF(ground.left() + 9, top + 3, chip, chip)
            if class_id in clear and class_id != chosen:
                painter.setPen(_FAINT)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(square)
            else:
                painter.fillRect(square, QColor(*class_color(class_id % 256)))
            faint = chosen is not None and class_id != chosen
        else:
            faint = chosen is not None
        painter.setPen(_FAINT if faint else Qt.GlobalColor.white)
        painter.drawText(QPointF(ground.left() + chip + 17, top + metrics.ascent() + 1), text)


def paint_scale(painter: QPainter, found: DenseMap, view: QRectF) -> None:
    """A bar with a dense map's colours, and the values at its ends."""
    metrics = painter.fontMetrics()
    width = min(_BAR_WIDTH, view.width() - 2 * _MARGIN - 20)
    if width < 20:
        return
    title = metrics.elidedText(
        f"{found.tensor}: {found.note}" if found.note else found.tensor,
        Qt.TextElideMode.ElideRight,
        int(width),
    )
    line = metrics.height()
    ground = _ground(painter, view, width + 20, 2 * line + 28)
    bar = QRectF(ground.left() + 10, ground.top() + line + 8, width, 10)
    colors = dense_table()[:-1]
    gradient = QLinearGradient(bar.topLeft(), bar.topRight())
    for step in range(17):
        rgb = colors[step * (len(colors) - 1) // 16]
        gradient.setColorAt(step / 16, QColor.fromRgb(rgb))
    painter.fillRect(bar, gradient)
    painter.setPen(Qt.GlobalColor.white)
    painter.drawText(QPointF(bar.left(), ground.top() + 4 + metrics.ascent()), title)
    below = QRectF(bar.left(), bar.bottom() + 3, width, line)
    painter.drawText(below, Qt.AlignmentFlag.AlignLeft, f"{found.low:.4g}")
    painter.drawText(below, Qt.AlignmentFlag.AlignRight, f"{found.high:.4g}")


def _ground(painter: QPainter, view: QRectF, width: float, height: float) -> QRectF:
    """A dark ground in the lower left corner of the view."""
    width = min(width, view.width() - 2 * _MARGIN)
    ground = QRectF(view.left() + _MARGIN, view.bottom() - _MARGIN - height, width, height)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_GROUND)
    painter.drawRoundedRect(ground, 6, 6)
    return ground
