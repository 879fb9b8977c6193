"""Predictions painted over a picture, in screen pixels, so that they are sharp at any zoom."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF, QTransform

from gui.panels.overlay_labels import MAX_LABEL, LabelPlaces, paint_label

if TYPE_CHECKING:
    from core.predictions import Located, Pose

Located_ = tuple[int, "Located"]
"""Something with a place in the picture, and its place among the predictions."""

_LINE, _LINE_CHOSEN = 2, 4  # screen pixels
_POINT = 3.5  # screen pixels, a keypoint's radius at most
_FEW = 24  # so many boxes are painted smoothly; more of them would take too long
_CROWD = 60  # from so many on, labels much wider than their boxes would hide the picture


class OverlayPainter:
    """Paints what has a place in the picture. Made once for each result."""

    def __init__(
        self, located: Sequence[Located_], outlines: Mapping[int, tuple[QPolygonF, ...]]
    ) -> None:
        from core.overlay import class_color, ink_on

        self._located = tuple(located)
        self._outlines = outlines
        rgb = {found.class_id: class_color(found.class_id) for _, found in located}
        inks = {class_id: QColor(*ink_on(color)) for class_id, color in rgb.items()}
        self._colors = [QColor(*rgb[found.class_id]) for _, found in located]
        self._inks = [inks[found.class_id] for _, found in located]
        self._texts: list[tuple[str, int]] = []  # and their widths
        self._font = ""

    def paint(self, painter: QPainter, to_view: QTransform, view: QRectF, chosen: int) -> None:
        """Paint all that is in view.

        Args:
            painter: in screen pixels, with the font of the labels.
            to_view: from the picture's pixels to the painter's.
            view: what can be seen, in the painter's pixels.
            chosen: the prediction that stands out; -1 for none.
        """
        self._measure(painter)
        scale_x, scale_y, dx, dy = to_view.m11(), to_view.m22(), to_view.dx(), to_view.dy()
        left, top, right, bottom = view.left(), view.top(), view.right(), view.bottom()
        shown = []  # what is in view, and where
        last: int | None = None
        for number, (place, found) in enumerate(self._located):
            x1, y1, x2, y2 = found.box
            area = (x1 * scale_x + dx, y1 * scale_y + dy, x2 * scale_x + dx, y2 * scale_y + dy)
            if area[2] < left or area[0] > right or area[3] < top or area[1] > bottom:
                continue  # zoomed out of sight
            if place == chosen:
                last = number
            shown.append((number, area))
        few = len(shown) <= _FEW
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, few)
        by_number = dict(shown)
        for number, area in reversed(shown):  # the best one on top
            if number != last:
                self._paint_shape(painter, number, area, to_view, is_chosen=False, few=few)
        if last is not None:
            self._paint_shape(painter, last, by_number[last], to_view, is_chosen=True, few=few)
        self._paint_labels(painter, shown, view, last)

    def _measure(self, painter: QPainter) -> None:
        """The labels and their widths, which stay while the font does."""
        font = painter.font().key()
        if font == self._font:
            return
        self._font = font
        metrics = painter.fontMetrics()
        self._texts = []
        for _, found in self._located:
            name = metrics.elidedText(found.label, Qt.TextElideMode.ElideRight, MAX_LABEL)
            text = f"{name} {found.score:.2f}"
            self._texts.append((text, metrics.horizontalAdvance(text) + 8))

    def _paint_shape(
        self,
        painter: QPainter,
        number: int,
        area: tuple[float, float, float, float],
        to_view: QTransform,
        *,
        is_chosen: bool,
        few: bool,
    ) -> None:
        from core.predictions import OrientedBox, Pose, Segment

        place, found = self._located[number]
        color = self._colors[number]
        pen = QPen(color, _LINE_CHOSEN if is_chosen else _LINE)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        fill = QColor(color)
        fill.setAlpha(60 if is_chosen else 0)
        painter.setPen(pen)
        painter.setBrush(fill if is_chosen else Qt.BrushStyle.NoBrush)
        match found:
            case OrientedBox():
                corners = QPolygonF([QPointF(x, y) for x, y in found.corners])
                painter.drawPolygon(to_view.map(corners))
            case Segment():
                path = QPainterPath()  # odd-even: holes stay holes
                for outline in self._outlines.get(place, ()):
                    path.addPolygon(to_view.map(outline))
                    path.closeSubpath()
                pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
                if not (is_chosen or few):  # a hair, which Qt draws without stroking it
                    pen.setWidth(0)
                painter.setPen(pen)
                painter.drawPath(path)
            case Pose():
                thin = QPen(color, _LINE if is_chosen else 1)
                painter.setPen(thin)
                painter.drawRect(_rect(area))
                _paint_pose(painter, found, color, to_view, is_chosen=is_chosen)
            case _:
                painter.drawRect(_rect(area))

    def _paint_labels(
        self,
        painter: QPainter,
        shown: Sequence[tuple[int, tuple[float, float, float, float]]],
        view: QRectF,
        last: int | None,
    ) -> None:
        """Labels that would cover one another make way, the best score first."""
        places = LabelPlaces(view, painter.fontMetrics().height() + 2)
        labels = []
        for number, area in shown:
            text, width = self._texts[number]
            if len(shown) >= _CROWD and number != last and width > 1.25 * (area[2] - area[0]):
                continue
            ground = places.find(area, width, must=number == last)
            if ground is not None:
                labels.append((number == last, text, ground, number))
        for _, text, ground, number in sorted(labels, key=lambda one: one[0]):  # the chosen on top
            paint_label(painter, text, ground, self._colors[number], self._inks[number])


def _rect(area: tuple[float, float, float, float]) -> QRectF:
    return QRectF(area[0], area[1], area[2] - area[0], area[3] - area[1])


def _paint_pose(
    painter: QPainter, found: Pose, color: QColor, to_view: QTransform, *, is_chosen: bool
) -> None:
    """Keypoints that are seen; of a person, with COCO's 17, joined to limbs."""
    from core.coco_keypoints import LIMBS, NAMES, SEEN

    points = [
        to_view.map(QPointF(x, y)) if score >= SEEN and math.isfinite(x + y) else None
        for x, y, score in found.keypoints
    ]
    pen = QPen(color, _LINE_CHOSEN if is_chosen else _LINE)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    if len(points) == len(NAMES):
        for one, other in LIMBS:
            start, end = points[one], points[other]
            if start is not None and end is not None:
                painter.drawLine(start, end)
    painter.setPen(QPen(color.darker(180), 1))
    painter.setBrush(Qt.GlobalColor.white)
    size = max(found.box[2] - found.box[0], found.box[3] - found.box[1]) * to_view.m11()
    radius = min(max(size / 50, 1.0), _POINT)  # the points of a small one must not cover it
    for point in points:
        if point is not None:
            painter.drawEllipse(point, radius, radius)
