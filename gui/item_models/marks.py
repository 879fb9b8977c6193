"""The mark that says good, bad or unsure beside a word in a table."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF

from gui.theme import BAD, GOOD, UNSURE


def mark_of(is_good: bool | None) -> QIcon:
    """A tick, a cross or a bar in white on a coloured disc, which stands out on any ground."""
    side = 64.0  # pixels; Qt makes it as small as it is needed
    color, shape = {
        True: (GOOD, [[(17, 34), (28, 45), (47, 21)]]),
        False: (BAD, [[(21, 21), (43, 43)], [(43, 21), (21, 43)]]),
        None: (UNSURE, [[(18, 32), (46, 32)]]),
    }[is_good]
    pixmap = QPixmap(int(side), int(side))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(color))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawEllipse(QRectF(4, 4, side - 8, side - 8))
    white = QPen(QColor("white"), 7)
    white.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(white)
    for line in shape:
        painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in line]))
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # else it is tinted with the selection's colour
    return icon
