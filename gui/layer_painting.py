"""A graph of layers, painted so that its labels can be read at any zoom.

Qt paints; no widget is needed, so the same painting makes the picture that is saved, on a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPainterPath, QPen, QTransform

from gui.layer_colors import OTHER, text_on
from gui.layer_drawing import DOWN, HEIGHT, WIDTH, Box, Drawing, add_line, rect_of

_LABELLED = 0.2  # of the view, at most, for labels of layers too small to write in
_ELIDE = Qt.TextElideMode.ElideLeft  # a layer's name ends in what is its own
_MOST_TRIED = 600  # layers that a label is tried for, the most important first
_LABEL = 170  # pixels of such a label, at most
_CORNER = 5.0
_MANY = 400  # layers on screen, above which edges and corners are drawn the quick way
_LONGEST, _MOST_PIXELS = 30_000, 60_000_000  # of a picture's side; of a picture


@dataclass(frozen=True)
class Look:
    """How a drawing is painted.

    Attributes:
        colors: of the layers, by index, as "#rrggbb".
        ranks: how much a layer matters, by index; the largest are labelled first.
        matching: the layers that a search found; None for no search. The others are faint.
        chosen: the selected layer.
    """

    text: QColor
    ground: QColor
    highlight: QColor
    font: QFont
    colors: Mapping[int, str] = field(default_factory=dict)
    ranks: Mapping[int, float] = field(default_factory=dict)
    matching: frozenset[int] | None = None
    chosen: int | None = None

    def is_faint(self, index: int) -> bool:
        """True for what a search did not find."""
        return self.matching is not None and index not in self.matching


def picture_of(drawing: Drawing, look: Look) -> QImage:
    """The whole graph as a picture, as large as its names need, but at most _MOST_PIXELS."""
    bounds = drawing.bounds.adjusted(-DOWN, -DOWN, DOWN, DOWN)
    scale = min(1.0, _LONGEST / bounds.width(), _LONGEST / bounds.height())
    scale = min(scale, (_MOST_PIXELS / (bounds.width() * bounds.height())) ** 0.5)
    size = QSize(max(round(bounds.width() * scale), 1), max(round(bounds.height() * scale), 1))
    image = QImage(size, QImage.Format.Format_RGB32)
    image.fill(look.ground)
    painter = QPainter(image)
    transform = QTransform().scale(scale, scale).translate(-bounds.left(), -bounds.top())
    paint(painter, drawing, look, transform, QRectF(image.rect()))
    painter.end()
    return image


def paint(
    painter: QPainter, drawing: Drawing, look: Look, transform: QTransform, view: QRectF
) -> None:
    """Paint what is in a view.

    Args:
        painter: draws in the view's pixels.
        drawing: what to paint.
        look: how.
        transform: from the scene to the view's pixels.
        view: the view, in pixels.
    """
    painter.fillRect(view, look.ground)
    if not drawing.boxes:
        return
    area = transform.inverted()[0].mapRect(view)
    inside = drawing.inside(area)
    quick = len(inside) > _MANY
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, not quick)
    _paint_lines(painter, drawing, look, transform)
    boxes = [drawing.boxes[at] for at in inside]
    if quick:
        _paint_many(painter, boxes, look, transform)
        boxes = [box for box in boxes if box.index == look.chosen]
    for box in boxes:
        _paint_box(painter, box, transform.mapRect(rect_of(box)), look)
    painter.setFont(look.font)
    line = painter.fontMetrics().height()
    size = transform.mapRect(QRectF(0, 0, WIDTH, HEIGHT))
    named = [drawing.boxes[at] for at in inside]
    if size.height() >= line + 2 and size.width() >= 4 * line:
        for box in named:
            _write_inside(painter, box, transform.mapRect(rect_of(box)), look)
    else:
        places = ((box, transform.mapRect(rect_of(box))) for box in _by_rank(named, look))
        _write_beside(painter, places, look, view)


def _paint_many(
    painter: QPainter, boxes: Sequence[Box], look: Look, transform: QTransform
) -> None:  # fmt: skip
    """All boxes of one colour at once: one by one, thousands would take 100 ms."""
    groups: dict[tuple[str, bool], list[QRectF]] = {}
    for box in boxes:
        key = (look.colors.get(box.index, OTHER), look.is_faint(box.index))
        groups.setdefault(key, []).append(rect_of(box))
    painter.save()
    painter.setTransform(transform, True)
    painter.setPen(Qt.PenStyle.NoPen)
    for (name, is_faint), places in groups.items():
        painter.setBrush(_filling(name, is_faint))
        painter.drawRects(places)
    painter.restore()


def _paint_lines(painter: QPainter, drawing: Drawing, look: Look, transform: QTransform) -> None:
    painter.save()
    painter.setTransform(transform, True)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    color = QColor(look.text)
    color.setAlpha(90)
    painter.setPen(_pen(painter, color, 1))
    painter.drawPath(drawing.path)
    if look.chosen is not None:
        path = QPainterPath()
        for line, ends in zip(drawing.lines, drawing.ends, strict=True):
            if look.chosen in ends:
                add_line(path, line)
        painter.setPen(_pen(painter, look.highlight, 2.5))
        painter.drawPath(path)
    painter.restore()


def _paint_box(painter: QPainter, box: Box, place: QRectF, look: Look) -> None:
    is_chosen = box.index == look.chosen
    painter.setPen(_pen(painter, look.text, 2.5) if is_chosen else Qt.PenStyle.NoPen)
    painter.setBrush(_filling(look.colors.get(box.index, OTHER), look.is_faint(box.index)))
    corner = min(_CORNER, place.height() / 4)
    grown = place.adjusted(-3, -3, 3, 3) if is_chosen else place
    painter.drawRoundedRect(grown, corner, corner)


def _filling(name: str, is_faint: bool) -> QColor:
    color = QColor(name)
    if is_faint:
        color.setAlpha(45)
    return color


def _write_inside(painter: QPainter, box: Box, place: QRectF, look: Look) -> None:
    """Name and type in the box, as far as there is room."""
    color = text_on(QColor(look.colors.get(box.index, OTHER)))
    if look.is_faint(box.index):
        color = QColor(look.text)
        color.setAlpha(120)
    painter.setPen(color)
    metrics = painter.fontMetrics()
    room = place.adjusted(6, 1, -6, -1)
    title = metrics.elidedText(box.title, _ELIDE, int(room.width()))
    if room.height() < 2 * metrics.height():
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, title)
        return
    below = metrics.elidedText(box.below, Qt.TextElideMode.ElideRight, int(room.width()))
    half = room.height() / 2
    flags = Qt.AlignmentFlag.AlignHCenter
    upper = QRectF(room.left(), room.top(), room.width(), half)
    painter.drawText(upper, flags | Qt.AlignmentFlag.AlignBottom, title)
    lower = upper.translated(0, half)
    painter.drawText(lower, flags | Qt.AlignmentFlag.AlignTop, below)


def _write_beside(
    painter: QPainter, places: Iterable[tuple[Box, QRectF]], look: Look, view: QRectF
) -> None:
    """Labels of the layers that matter most, where they hide no other label."""
    metrics = painter.fontMetrics()
    taken: list[QRectF] = []
    left = _LABELLED * view.width() * view.height()  # square pixels
    ground = QColor(look.ground)
    ground.setAlpha(215)
    for box, place in places:
        title = metrics.elidedText(box.title, _ELIDE, _LABEL)
        width, height = metrics.horizontalAdvance(title) + 8, metrics.height() + 2
        label = QRectF(0, 0, width, height)
        label.moveCenter(place.center())
        label.moveLeft(min(place.right() + 3, view.right() - width))
        if any(label.intersects(one) for one in taken):
            continue
        left -= label.width() * label.height()
        if left < 0 and taken:
            break
        taken.append(label)
        is_chosen = box.index == look.chosen
        painter.fillRect(label, look.highlight if is_chosen else ground)
        painter.setPen(text_on(look.highlight) if is_chosen else look.text)
        painter.drawText(label, Qt.AlignmentFlag.AlignCenter, title)


def _by_rank(boxes: Sequence[Box], look: Look) -> list[Box]:
    """The selected layer, then by rank; what a search left out is not named."""
    named = [box for box in boxes if not look.is_faint(box.index)]
    named.sort(key=lambda box: (box.index != look.chosen, -look.ranks.get(box.index, 0.0)))
    return named[:_MOST_TRIED]


def _pen(painter: QPainter, color: QColor, width: float) -> QPen:
    """A pen as wide at any zoom; such pens are measured in the screen's own pixels."""
    pen = QPen(color, width * painter.device().devicePixelRatio())
    pen.setCosmetic(True)
    return pen
