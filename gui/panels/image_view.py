"""The image with its predictions drawn over it, sharp at any zoom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QGraphicsPixmapItem, QGraphicsScene, QGraphicsView, QWidget

if TYPE_CHECKING:
    from core.predictions import Detection

_EMPTY = (
    "Drop a model and images here",
    "a TensorRT engine (.engine, .plan) or an ONNX model, and any pictures\n\n"
    "Ctrl+O  open a model      Ctrl+I  add images      Ctrl+D  see the demo",
)
_ZOOM_STEP = 1.2
_MAX_ZOOM = 64.0
_MAX_LABEL = 160  # pixels of a class's name over the picture


class ImageView(QGraphicsView):
    """Shows one picture. Wheel zooms, dragging pans, a double click fits it again."""

    box_hovered = Signal(int)  # index of the box under the mouse, -1 for none

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setScene(QGraphicsScene(self))
        self._item = QGraphicsPixmapItem()
        self._item.setTransformationMode(Qt.TransformationMode.SmoothTransformation)
        self.scene().addItem(self._item)
        self._boxes: tuple[Detection, ...] = ()
        self._lines: tuple[str, ...] = ()
        self._highlight = -1
        self._fits = True
        self._empty_text = _EMPTY
        self.setAcceptDrops(False)  # the window takes drops, wherever they fall
        self.setFrameShape(QGraphicsView.Shape.NoFrame)
        self.setDragMode(QGraphicsView.DragMode.ScrollHandDrag)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self.setMouseTracking(True)
        self.setAccessibleName("image")
        self.setMinimumSize(240, 180)

    def show_picture(self, picture: QImage | None) -> None:
        """Show a picture, or the empty state. The zoom stays when the size does."""
        pixmap = QPixmap() if picture is None else QPixmap.fromImage(picture)
        changed = pixmap.size() != self._item.pixmap().size()
        self._item.setPixmap(pixmap)
        self.scene().setSceneRect(QRectF(pixmap.rect()))
        if changed or self._fits:
            self.fit()
        self.viewport().update()

    def show_overlay(self, boxes: Sequence[Detection], lines: Sequence[str]) -> None:
        """Draw boxes (in the picture's pixels) and lines of text in the corner."""
        self._boxes, self._lines = tuple(boxes), tuple(lines)
        self._highlight = -1
        self.viewport().update()

    def show_empty_text(self, title: str, text: str) -> None:
        """What stands there while there is no picture."""
        self._empty_text = (title, text)
        self.viewport().update()

    def show_invitation(self) -> None:
        """Say what may be dropped, while there is nothing at all."""
        self.show_empty_text(*_EMPTY)

    def highlight(self, index: int) -> None:
        """Make one box stand out; -1 for none."""
        if index != self._highlight:
            self._highlight = index
            self.viewport().update()

    def fit(self) -> None:
        """Show the whole picture."""
        self._fits = True
        if not self._item.pixmap().isNull():
            self.fitInView(self._item, Qt.AspectRatioMode.KeepAspectRatio)
            self._sharpen()

    def show_actual_size(self) -> None:
        """One picture pixel on one screen pixel."""
        self._fits = False
        ratio = self.devicePixelRatioF()
        self.resetTransform()
        self.scale(1 / ratio, 1 / ratio)
        self._sharpen()

    def zoom(self, factor: float) -> None:
        """Zoom in (above 1) or out."""
        scale = self.transform().m11() * factor
        if not self._item.pixmap().isNull() and 0.01 < scale < _MAX_ZOOM:
            self._fits = False
            self.scale(factor, factor)
            self._sharpen()

    def _sharpen(self) -> None:
        """Show single pixels as squares when they are large, for that is what one looks for."""
        mode = Qt.TransformationMode
        large = self.transform().m11() * self.devicePixelRatioF() > 3
        self._item.setTransformationMode(
            mode.FastTransformation if large else mode.SmoothTransformation
        )

    # -- painting ------------------------------------------------------------------------

    def drawBackground(self, painter: QPainter, rect: QRectF | Any) -> None:
        window = self.palette().color(self.palette().ColorRole.Window)
        painter.fillRect(rect, window.darker(112 if window.lightnessF() > 0.5 else 160))

    def drawForeground(self, painter: QPainter, rect: QRectF | Any) -> None:
        painter.save()
        painter.resetTransform()
        if self._item.pixmap().isNull():
            self._paint_empty(painter)
        else:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_boxes(painter)
            self._paint_lines(painter)
        painter.restore()

    def _paint_empty(self, painter: QPainter) -> None:
        area = self.viewport().rect().adjusted(24, 24, -24, -24)
        title, text = self._empty_text
        color = self.palette().color(self.palette().ColorRole.WindowText)
        color.setAlpha(190)
        pen = QPen(color, 2, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawRoundedRect(area, 12, 12)
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.6)
        painter.setFont(font)
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
        room = area.adjusted(16, 8, -16, -8)
        elide = Qt.TextElideMode.ElideMiddle
        metrics = painter.fontMetrics()  # lines break between words; a long word gives way
        title = " ".join(metrics.elidedText(one, elide, room.width()) for one in title.split())
        above = metrics.boundingRect(room, flags, title).height()
        small, metrics = self.font(), self.fontMetrics()
        while (
            text and above + 16 + metrics.boundingRect(room, flags, text).height() > room.height()
        ):
            text = text.rpartition("\n")[0]  # in a low window what matters less makes way
        below = metrics.boundingRect(room, flags, text).height() if text else 0
        top = room.center().y() - (above + 16 + below) // 2
        painter.drawText(QRect(room.left(), top, room.width(), above), flags, title)
        painter.setFont(small)
        painter.drawText(QRect(room.left(), top + above + 16, room.width(), below), flags, text)

    def _paint_boxes(self, painter: QPainter) -> None:
        from core.overlay import class_color

        to_view = self.viewportTransform()
        painter.setFont(self.font())
        # Labels that would cover one another make way, the best score first.
        taken: list[QRectF] = []
        labels = []
        metrics = painter.fontMetrics()
        for index, found in enumerate(self._boxes):
            color = QColor(*class_color(found.class_id))
            x1, y1, x2, y2 = found.box
            area = to_view.mapRect(QRectF(QPointF(x1, y1), QPointF(x2, y2)))
            chosen = index == self._highlight
            painter.setPen(QPen(color, 4 if chosen else 2))
            fill = QColor(color)
            fill.setAlpha(60 if chosen else 0)
            painter.setBrush(fill)
            painter.drawRect(area)
            name = metrics.elidedText(found.label, Qt.TextElideMode.ElideRight, _MAX_LABEL)
            labels.append((f"{name} {found.score:.2f}", area, color, chosen))
        for text, area, color, chosen in labels:
            self._paint_label(painter, text, area, color, taken, must=chosen)

    def _paint_label(
        self,
        painter: QPainter,
        text: str,
        area: QRectF,
        color: QColor,
        taken: list[QRectF],
        *,
        must: bool,
    ) -> None:
        view = QRectF(self.viewport().rect())
        if not area.intersects(view):  # zoomed out of sight
            return
        metrics = painter.fontMetrics()
        width, height = metrics.horizontalAdvance(text) + 8, metrics.height() + 2
        places = (
            QPointF(area.left() - 1, area.top() - height),
            QPointF(area.left() - 1, area.top()),
            QPointF(area.left() - 1, area.bottom()),
            QPointF(area.right() - width, area.bottom() - height),
        )
        for place in places:
            x = min(max(place.x(), view.left()), max(view.right() - width, view.left()))
            y = min(max(place.y(), view.top()), max(view.bottom() - height, view.top()))
            ground = QRectF(x, y, width, height)
            if not any(ground.intersects(other) for other in taken):
                break
        else:
            if not must:
                return
        taken.append(ground)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRect(ground)
        from core.overlay import ink_on

        painter.setPen(QColor(*ink_on((color.red(), color.green(), color.blue()))))
        painter.drawText(ground, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_lines(self, painter: QPainter) -> None:
        if not self._lines:
            return
        metrics = painter.fontMetrics()
        width = max(metrics.horizontalAdvance(line) for line in self._lines) + 20
        height = metrics.height() * len(self._lines) + 12
        ground = QRectF(10, 10, min(width, self.viewport().width() - 20), height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 170))
        painter.drawRoundedRect(ground, 6, 6)
        painter.setPen(Qt.GlobalColor.white)
        painter.drawText(ground.adjusted(10, 6, -10, -6), "\n".join(self._lines))

    # -- events --------------------------------------------------------------------------

    def wheelEvent(self, event: Any) -> None:
        self.zoom(_ZOOM_STEP ** (event.angleDelta().y() / 120))
        event.accept()

    def mouseDoubleClickEvent(self, event: Any) -> None:
        self.fit()
        event.accept()

    def mouseMoveEvent(self, event: Any) -> None:
        point = self.mapToScene(event.position().toPoint())
        self.box_hovered.emit(self._box_at(point))
        super().mouseMoveEvent(event)

    def _box_at(self, point: QPointF) -> int:
        """The smallest box under a point of the picture, -1 for none."""
        hits = [
            ((box[2] - box[0]) * (box[3] - box[1]), index)
            for index, found in enumerate(self._boxes)
            if (box := found.box)[0] <= point.x() <= box[2] and box[1] <= point.y() <= box[3]
        ]
        return min(hits)[1] if hits else -1

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        if self._fits:
            self.fit()
