"""The graph of the layers: zoomed by the wheel, moved by dragging, a click selects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QHelpEvent, QPainter
from PySide6.QtWidgets import QApplication, QGraphicsScene, QGraphicsView, QToolTip, QWidget

from gui.layer_drawing import HEIGHT, Drawing
from gui.layer_painting import Look, paint

_ZOOM_STEP = 1.2
_CLOSEST = 4.0
_READABLE = 0.5  # the scale at which a layer's name can be read in its box
_FIRST = 0.85  # the scale at which a large graph is shown first
_REACH = 6  # pixels that a click may miss a layer by
_EDGE = 40  # the scene's units around the graph


class GraphView(QGraphicsView):
    """Shows one drawing. A double click or F fits it; + and - zoom."""

    layer_chosen = Signal(int)  # its index in the model's order

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setScene(QGraphicsScene(self))
        self.setAcceptDrops(False)  # the window takes drops, wherever they fall
        self.setDragMode(QGraphicsView.DragMode.ScrollHandDrag)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self.viewport().setCursor(Qt.CursorShape.ArrowCursor)
        self.setAccessibleName("graph of the layers")
        self.setMinimumSize(160, 120)
        self._drawing = Drawing(())
        self._tips: Mapping[int, str] = {}
        self._pressed: QPoint | None = None
        self._fits = False
        self._is_new = False  # not placed yet, for it has not been on screen
        palette = self.palette()
        self._look = Look(
            palette.color(palette.ColorRole.WindowText),
            palette.color(palette.ColorRole.Base),
            palette.color(palette.ColorRole.Highlight),
            self.font(),
        )

    @property
    def drawing(self) -> Drawing:
        """What is shown."""
        return self._drawing

    @property
    def look(self) -> Look:
        """How it is shown."""
        return self._look

    def show_drawing(self, drawing: Drawing, tips: Mapping[int, str]) -> None:
        """Show another graph, from its begin at a size at which names can be read.

        Args:
            drawing: the graph.
            tips: what is said of a layer under the mouse, by index.
        """
        self._drawing, self._tips = drawing, tips
        self.scene().setSceneRect(drawing.bounds.adjusted(-_EDGE, -_EDGE, _EDGE, _EDGE))
        self._fits, self._is_new = False, True
        if self.isVisible():
            self._place()
        self.viewport().update()

    def show_look(self, **changes: Any) -> None:
        """Change fields of the look: colors, ranks, matching, chosen."""
        self._look = replace(self._look, **changes)
        self.viewport().update()

    def choose(self, index: int | None) -> None:
        """Select a layer and bring it into sight, if it is drawn."""
        self.show_look(chosen=index)
        if self._is_new or index is None:
            return
        place = self._drawing.place_of(index)
        seen = self.mapToScene(self.viewport().rect()).boundingRect()
        if place is not None and not seen.contains(place.center()):
            self.centerOn(place.center())

    def fit(self) -> None:
        """Show the whole graph."""
        if self._drawing.boxes:
            self._fits, self._is_new = True, False
            self.fitInView(self.sceneRect(), Qt.AspectRatioMode.KeepAspectRatio)
            if self.transform().m11() > 1:
                self.resetTransform()

    def zoom(self, factor: float) -> None:
        """Zoom in (above 1) or out, as far as something is to be seen."""
        scale = self.transform().m11() * factor
        whole = self.sceneRect()
        if not self._drawing.boxes or whole.isEmpty():
            return
        view = self.viewport().size()
        least = min(view.width() / whole.width(), view.height() / whole.height(), _READABLE) * 0.8
        if (factor > 1 and scale <= _CLOSEST) or (factor < 1 and scale >= least):
            self._fits = False
            self.scale(factor, factor)

    def _place(self) -> None:
        """Show all of a small graph; a large one's selected layer or begin, readable."""
        self._is_new = False
        self.fit()
        self._fits = self.transform().m11() >= _READABLE
        if self._fits:
            return
        self.resetTransform()
        self.scale(_FIRST, _FIRST)
        chosen = self._look.chosen
        place = None if chosen is None else self._drawing.place_of(chosen)
        if place is not None:
            self.centerOn(place.center())
            return
        top = min(self._drawing.boxes, key=lambda box: box.y)
        height = self.viewport().height() / self.transform().m22()
        self.centerOn(top.x, top.y + height / 2 - HEIGHT)

    # -- painting ------------------------------------------------------------------------

    def drawBackground(self, painter: QPainter, rect: QRectF | Any) -> None:
        painter.save()
        painter.resetTransform()
        view = QRectF(self.viewport().rect())
        paint(painter, self._drawing, self._look, self.viewportTransform(), view)
        painter.restore()

    def changeEvent(self, event: Any) -> None:
        super().changeEvent(event)
        if event.type() in (event.Type.PaletteChange, event.Type.FontChange):
            palette, role = self.palette(), self.palette().ColorRole
            self.show_look(
                text=palette.color(role.WindowText),
                ground=palette.color(role.Base),
                highlight=palette.color(role.Highlight),
                font=self.font(),
            )

    # -- events --------------------------------------------------------------------------

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        if self._is_new:
            self._place()

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        if self._fits:
            self.fit()

    def wheelEvent(self, event: Any) -> None:
        self.zoom(_ZOOM_STEP ** (event.angleDelta().y() / 120))
        event.accept()

    def mousePressEvent(self, event: Any) -> None:
        super().mousePressEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()

    def mouseReleaseEvent(self, event: Any) -> None:
        super().mouseReleaseEvent(event)
        self.viewport().setCursor(Qt.CursorShape.ArrowCursor)
        pressed, self._pressed = self._pressed, None
        place = event.position().toPoint()
        if pressed is None:
            return
        if (place - pressed).manhattanLength() < QApplication.startDragDistance():
            found = self._layer_at(place)
            if found is not None:
                self.layer_chosen.emit(found)

    def mouseDoubleClickEvent(self, event: Any) -> None:
        if self._layer_at(event.position().toPoint()) is None:
            self.fit()
        event.accept()

    def keyPressEvent(self, event: Any) -> None:
        key = event.text().lower()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier or key not in tuple("f+=-"):
            super().keyPressEvent(event)
        elif key == "f":
            self.fit()
        else:
            self.zoom(1 / _ZOOM_STEP if key == "-" else _ZOOM_STEP)

    def viewportEvent(self, event: Any) -> bool:
        if event.type() == event.Type.ToolTip:
            assert isinstance(event, QHelpEvent)
            found = self._layer_at(event.pos())
            tip = "" if found is None else self._tips.get(found, "")
            QToolTip.showText(event.globalPos(), tip, self)
            return True
        return bool(super().viewportEvent(event))

    def _layer_at(self, place: QPoint) -> int | None:
        point = self.mapToScene(place)
        return self._drawing.layer_at(point.x(), point.y(), _REACH / self.transform().m11())
