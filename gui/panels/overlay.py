"""A result's predictions over its picture: what is painted, and what is under the mouse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter, QPolygonF, QTransform

from gui.overlay_layers import Layers, class_table
from gui.panels.overlay_labels import paint_corner_text
from gui.panels.overlay_legend import paint_legend, paint_scale
from gui.panels.overlay_painting import OverlayPainter

if TYPE_CHECKING:
    from core.predictions import Located, Prediction


class Overlay:
    """Knows predictions by the rows of their table (core.prediction_rows).

    Attributes:
        chosen: the row that stands out, -1 for none.
    """

    def __init__(
        self,
        predictions: Sequence[Prediction] = (),
        lines: Sequence[str] = (),
        layers: Layers | None = None,
    ) -> None:
        self._layers = layers or Layers()
        self._predictions = tuple(predictions)
        self._lines = tuple(lines)
        self._rows = _rows(self._predictions)  # the prediction of each row, and its class
        self._located = _located(self._predictions)
        self._painter = OverlayPainter(self._located, self._layers.outlines)
        self._map = next(iter(self._layers.maps), -1)  # the prediction whose map is shown
        self._lit: tuple[int, QImage] | None = None  # a class, and the map of it alone
        self.chosen = -1

    @property
    def has_layers(self) -> bool:
        """True where something covers the picture, more or less."""
        return self._layers.masks is not None or bool(self._layers.maps)

    def choose(self, row: int) -> None:
        """Let a row stand out; of several maps, the chosen one is shown."""
        self.chosen = row
        if 0 <= row < len(self._rows) and self._rows[row][0] in self._layers.maps:
            self._map = self._rows[row][0]

    def paint_layers(self, painter: QPainter, area: QRectF, opacity: float) -> None:
        """Lay the masks or a map over the picture, which takes up `area`."""
        image = self._map_image()
        painter.setOpacity(opacity)
        for one in (image, self._layers.masks):
            if one is not None:
                painter.drawImage(area, one)
        painter.setOpacity(1.0)

    def paint(self, painter: QPainter, to_view: QTransform, view: QRectF) -> None:
        """Paint lines, labels and legends, in screen pixels."""
        from core.predictions import ClassMap, DenseMap

        place, class_id = self._chosen()
        self._painter.paint(painter, to_view, view, place)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_corner_text(painter, self._lines, view)
        if self._map >= 0:
            found = self._predictions[self._map]
            if isinstance(found, ClassMap):
                paint_legend(painter, found, view, class_id if place == self._map else None)
            elif isinstance(found, DenseMap):
                paint_scale(painter, found, view)

    def row_at(self, x: float, y: float) -> int:
        """The row of what is at a point of the picture, of several the smallest; -1 for none."""
        hits = []
        for place, found in self._located:
            x1, y1, x2, y2 = found.box
            if x1 <= x <= x2 and y1 <= y <= y2 and _contains(found, x, y):
                hits.append(((x2 - x1) * (y2 - y1), place))
        if hits:
            return self._rows.index((min(hits)[1], None))
        return self._row_of_map(int(x), int(y)) if x >= 0 and y >= 0 else -1

    def _row_of_map(self, x: int, y: int) -> int:
        from core.predictions import ClassMap, DenseMap

        found = self._predictions[self._map] if self._map >= 0 else None
        if isinstance(found, ClassMap) and y < found.class_ids.shape[0]:
            if x < found.class_ids.shape[1]:
                target = (self._map, int(found.class_ids[y, x]))
                return self._rows.index(target) if target in self._rows else -1
        elif isinstance(found, DenseMap) and y < found.values.shape[0]:
            return self._rows.index((self._map, None)) if x < found.values.shape[1] else -1
        return -1

    def _chosen(self) -> tuple[int, int | None]:
        return self._rows[self.chosen] if 0 <= self.chosen < len(self._rows) else (-1, None)

    def _map_image(self) -> QImage | None:
        """The map that is shown; of a class map with a chosen class, that class alone."""
        from core.predictions import ClassMap

        if self._map < 0:
            return None
        image, found = self._layers.maps[self._map], self._predictions[self._map]
        place, class_id = self._chosen()
        if place != self._map or class_id is None or not isinstance(found, ClassMap):
            return image
        if self._lit is None or self._lit[0] != class_id:
            alone = QImage(image)
            alone.setColorTable(class_table(found, class_id))
            self._lit = class_id, alone
        return self._lit[1]


def _rows(predictions: Sequence[Prediction]) -> list[tuple[int, int | None]]:
    if not predictions:
        return []
    from core.predictions import ClassMap

    rows: list[tuple[int, int | None]] = []
    for place, found in enumerate(predictions):
        if isinstance(found, ClassMap):
            rows += [(place, one.class_id) for one in found.shares]
        else:
            rows.append((place, None))
    return rows


def _located(predictions: Sequence[Prediction]) -> list[tuple[int, Located]]:
    if not predictions:
        return []
    from core.predictions import Detection, OrientedBox, Pose, Segment

    kinds = (Detection, OrientedBox, Pose, Segment)
    return [(place, found) for place, found in enumerate(predictions) if isinstance(found, kinds)]


def _contains(found: Located, x: float, y: float) -> bool:
    """Whether a point in its box is in it."""
    from core.predictions import OrientedBox, Segment

    if isinstance(found, Segment):
        mask = found.mask
        row, column = int(y) - mask.top, int(x) - mask.left
        height, width = mask.bits.shape
        return 0 <= row < height and 0 <= column < width and bool(mask.bits[row, column])
    if isinstance(found, OrientedBox):
        from PySide6.QtCore import Qt

        corners = QPolygonF([QPointF(*corner) for corner in found.corners])
        return corners.containsPoint(QPointF(x, y), Qt.FillRule.OddEvenFill)
    return True
