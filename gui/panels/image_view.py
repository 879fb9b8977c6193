"""The image with its predictions drawn over it, sharp at any zoom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QRect, QRectF, Qt, Signal
from PySide6.QtGui import QFont, QImage, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QGraphicsPixmapItem, QGraphicsScene, QGraphicsView, QWidget

from gui.overlay_layers import Layers
from gui.panels.overlay import Overlay

if TYPE_CHECKING:
    from core.predictions import Prediction

_EMPTY = (
    "Drop a model and images here",
    "a TensorRT engine (.engine, .plan) or an ONNX model, and any pictures\n\n"
    "Ctrl+O  open a model      Ctrl+I  add images      Ctrl+D  see the demo",
)
_ZOOM_STEP = 1.2
_MAX_ZOOM = 64.0
OPACITY = 0.55  # of masks and maps, at first


class ImageView(QGraphicsView):
    """Shows one picture. Wheel zooms, dragging pans, a double click fits it again."""

    box_hovered = Signal(int)  # the row of what is under the mouse, -1 for none

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setScene(QGraphicsScene(self))
        self._item = QGraphicsPixmapItem()
        self._item.setTransformationMode(Qt.TransformationMode.SmoothTransformation)
        self.scene().addItem(self._item)
        self._overlay = Overlay()
        self._opacity = OPACITY
        self._shown = -1  # the cacheKey() of the picture
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
        key = -1 if picture is None else picture.cacheKey()
        if key == self._shown:
            return
        self._shown = key
        pixmap = QPixmap() if picture is None else QPixmap.fromImage(picture)
        changed = pixmap.size() != self._item.pixmap().size()
        self._item.setPixmap(pixmap)
        self.scene().setSceneRect(QRectF(pixmap.rect()))
        if changed or self._fits:
            self.fit()
        self.viewport().update()

    def show_overlay(
        self,
        predictions: Sequence[Prediction],
        lines: Sequence[str],
        layers: Layers | None = None,
    ) -> None:
        """Draw predictions, their layers, and lines of text in the corner."""
        self._overlay = Overlay(predictions, lines, layers)
        self.viewport().update()

    def set_opacity(self, opacity: float) -> None:
        """How far masks and maps cover the picture: 0 not at all, 1 wholly."""
        self._opacity = opacity
        self.viewport().update()

    def show_empty_text(self, title: str, text: str) -> None:
        """What stands there while there is no picture."""
        self._empty_text = (title, text)
        self.viewport().update()

    def show_invitation(self) -> None:
        """Say what may be dropped, while there is nothing at all."""
        self.show_empty_text(*_EMPTY)

    def highlight(self, row: int) -> None:
        """Make a row's prediction stand out; -1 for none."""
        if row != self._overlay.chosen:
            self._overlay.choose(row)
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
        has_picture = not self._item.pixmap().isNull()
        if has_picture and self._overlay.has_layers:
            small = self._item.transformationMode() == Qt.TransformationMode.SmoothTransformation
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, small)
            self._overlay.paint_layers(painter, self._item.boundingRect(), self._opacity)
        painter.resetTransform()
        if has_picture:
            painter.setFont(self.font())
            self._overlay.paint(painter, self.viewportTransform(), QRectF(self.viewport().rect()))
        else:
            self._paint_empty(painter)
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

    # -- events --------------------------------------------------------------------------

    def wheelEvent(self, event: Any) -> None:
        self.zoom(_ZOOM_STEP ** (event.angleDelta().y() / 120))
        event.accept()

    def mouseDoubleClickEvent(self, event: Any) -> None:
        self.fit()
        event.accept()

    def mouseMoveEvent(self, event: Any) -> None:
        point = self.mapToScene(event.position().toPoint())
        self.box_hovered.emit(self._overlay.row_at(point.x(), point.y()))
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: Any) -> None:
        self.box_hovered.emit(-1)
        super().leaveEvent(event)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        if self._fits:
            self.fit()
