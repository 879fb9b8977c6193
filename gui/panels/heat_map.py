"""The heat map of a slice, with the element that one looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from gui.inference_thread import to_qimage

if TYPE_CHECKING:
    import numpy as np

    from core.heat_maps import HeatMap

_RING = 7.0  # radius, screen pixels
_EDGE = 10


class HeatMapView(QWidget):
    """A picture of a slice above the range that its colours stand for.

    The element under the mouse is named; a click chooses it.
    """

    clicked = Signal(int, int)  # row and column

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: np.ndarray | None = None
        self._image: QImage | None = None
        self._step = (1, 1)
        self._caption = ""
        self._empty_text = ""
        self._chosen: tuple[int, int] | None = None
        self.setMinimumHeight(100)
        self.setMouseTracking(True)
        self.setAccessibleName("heat map")

    def show_slice(self, values: np.ndarray | None) -> None:
        """Forget what was shown; the picture of these values is to come by show_map."""
        self._values, self._image, self._caption, self._chosen = values, None, "", None
        self._empty_text = "" if values is not None else "No tensor to show."
        self.update()

    def show_map(self, found: HeatMap | None) -> None:
        """Show the slice's picture; None if it has none."""
        if found is None:
            self._image, self._caption = None, ""
            empty = self._values is not None and self._values.size == 0
            self._empty_text = "This tensor is empty." if empty else "No numbers to draw."
        else:
            self._image, self._step = to_qimage(found.pixels), found.step
            every = found.step[0] * found.step[1]
            thinned = f", 1 value in {every} shown" if every > 1 else ""
            self._caption = f"{found.low:.4g} (dark) to {found.high:.4g} (bright){thinned}"
        self.update()

    @property
    def has_picture(self) -> bool:
        """True once the slice's picture is there."""
        return self._image is not None

    def choose(self, place: tuple[int, int] | None) -> None:
        """Put a ring around an element, by row and column; None for no ring."""
        self._chosen = place
        self.update()

    def area(self) -> QRectF:
        """Where the picture is painted."""
        room = QRectF(self.rect()).adjusted(_EDGE, _EDGE, -_EDGE, -self.fontMetrics().height() - 8)
        if self._image is None:
            return room
        size = self._image.size()
        # Long thin slices would be a hair if their shape were kept.
        mode = Qt.AspectRatioMode.KeepAspectRatio
        if max(size.width(), size.height()) > 4 * min(size.width(), size.height()):
            mode = Qt.AspectRatioMode.IgnoreAspectRatio
        fitted = size.toSizeF().scaled(room.size(), mode)
        target = QRectF(QPointF(), fitted)
        target.moveCenter(room.center())
        return target

    def center_of(self, row: int, column: int) -> QPointF:
        """Where an element is painted."""
        assert self._image is not None
        area = self.area()
        x = (column // self._step[1] + 0.5) / self._image.width()
        y = (row // self._step[0] + 0.5) / self._image.height()
        return QPointF(area.left() + x * area.width(), area.top() + y * area.height())

    def element_at(self, point: QPointF) -> tuple[int, int] | None:
        """The row and column painted at a point; of several in one pixel the first."""
        area = self.area()
        if self._image is None or not area.contains(point):
            return None
        column = int((point.x() - area.left()) / area.width() * self._image.width())
        row = int((point.y() - area.top()) / area.height() * self._image.height())
        row, column = min(row, self._image.height() - 1), min(column, self._image.width() - 1)
        return row * self._step[0], column * self._step[1]

    def paintEvent(self, _event: Any) -> None:
        painter = QPainter(self)
        if self._image is None:
            painter.setPen(self.palette().color(self.palette().ColorRole.PlaceholderText))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._empty_text)
            return
        painter.drawImage(self.area(), self._image)
        height = self.fontMetrics().height() + 6
        room = self.rect().adjusted(6, self.height() - height, -6, 0)
        text = self.fontMetrics().elidedText(
            self._caption, Qt.TextElideMode.ElideRight, room.width()
        )
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, text)
        if self._chosen is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            center = self.center_of(*self._chosen)
            for width, color in ((4.0, QColor(0, 0, 0)), (2.0, QColor(255, 255, 255))):
                painter.setPen(QPen(color, width))
                painter.drawEllipse(center, _RING, _RING)

    def mouseMoveEvent(self, event: Any) -> None:
        place = self.element_at(event.position())
        if place is None or self._values is None:
            QToolTip.hideText()
        else:
            from core.tensor_files import cell_text

            text = f"row {place[0]}, column {place[1]}: {cell_text(self._values[place])}"
            QToolTip.showText(event.globalPosition().toPoint(), text, self)
        super().mouseMoveEvent(event)

    def mousePressEvent(self, event: Any) -> None:
        place = self.element_at(event.position())
        if place is not None:
            self.clicked.emit(*place)
        super().mousePressEvent(event)
