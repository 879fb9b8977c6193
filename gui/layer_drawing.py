"""Where layers and the tensors between them are drawn. Made on the layers' thread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainterPath

from core.text import printable

if TYPE_CHECKING:
    from core.layers.values import Layer

WIDTH, HEIGHT = 210.0, 46.0  # of a layer, in the scene's units
ACROSS, DOWN = WIDTH + 26, HEIGHT + 34  # from one layer's middle to the next
_LONGEST = 200  # letters of a name, from its end; no box has room for more
_SHAPE = 1.6  # of the whole: its width by its height
_FEW_ROWS = 24  # which are not folded


@dataclass(frozen=True, slots=True)
class Box:
    """A layer where it is drawn."""

    index: int  # in the model's order
    x: float  # of its middle, as y
    y: float
    title: str
    below: str  # the second line: its time, type and precision


@dataclass(frozen=True)
class Drawing:
    """Where everything is.

    Attributes:
        boxes: the layers.
        lines: an edge's points each, (n, 2) float64, from what makes a tensor to what takes it.
        ends: (source's index, target's index) of each line.
    """

    boxes: tuple[Box, ...]
    lines: tuple[np.ndarray, ...] = ()
    ends: tuple[tuple[int, int], ...] = ()

    @cached_property
    def centers(self) -> np.ndarray:
        """(n, 2) float64: the middles of the boxes."""
        return np.array([(box.x, box.y) for box in self.boxes], np.float64).reshape(-1, 2)

    @cached_property
    def bounds(self) -> QRectF:
        """Around all boxes and lines."""
        if not self.boxes:
            return QRectF()
        points = np.concatenate([self.centers, *self.lines])
        margin = np.array([WIDTH / 2, HEIGHT / 2])
        left, top = points.min(axis=0) - margin
        right, bottom = points.max(axis=0) + margin
        return QRectF(left, top, right - left, bottom - top)

    @cached_property
    def path(self) -> QPainterPath:
        """All lines."""
        path = QPainterPath()
        for line in self.lines:
            add_line(path, line)
        return path

    def place_of(self, index: int) -> QRectF | None:
        """Where a layer is; None if it is not drawn."""
        at = self._numbers.get(index)
        return None if at is None else rect_of(self.boxes[at])

    def layer_at(self, x: float, y: float, reach: float = 0.0) -> int | None:
        """The layer at a place or at most `reach` beside it; None for none."""
        if not self.boxes:
            return None
        beyond = np.abs(self.centers - (x, y)) - (WIDTH / 2, HEIGHT / 2)
        distances = beyond.max(axis=1)
        nearest = int(distances.argmin())
        return self.boxes[nearest].index if distances[nearest] <= reach else None

    def inside(self, area: QRectF) -> np.ndarray:
        """The numbers of the boxes that an area touches."""
        center = (area.center().x(), area.center().y())
        reach = ((area.width() + WIDTH) / 2, (area.height() + HEIGHT) / 2)
        found: np.ndarray = np.flatnonzero((np.abs(self.centers - center) <= reach).all(axis=1))
        return found

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {box.index: at for at, box in enumerate(self.boxes)}


def drawing_of(
    layers: Sequence[Layer],
    positions: Mapping[int, tuple[float, float]],
    ends: Sequence[tuple[int, int]],
) -> Drawing:
    """A drawing of layers that are laid out one apart."""
    from core.layers.dtype_words import short_name

    places = _folded({layer.index: positions[layer.index] for layer in layers})
    boxes = {}
    for layer in layers:
        # The time comes first: a long type is cut at its end.
        ms = "" if layer.time_ms is None else f"{layer.time_ms:.3f} ms"
        words = [ms, layer.type, short_name(layer.precision) if layer.precision else ""]
        below = " · ".join(word for word in words if word)
        x, y, _band = places[layer.index]
        title = printable(layer.name[-_LONGEST:]) or "(no name)"
        boxes[layer.index] = Box(layer.index, x, y, title, below)
    lines = tuple(
        _line(boxes[source], boxes[target], places[source][2] == places[target][2])
        for source, target in ends
    )
    drawing = Drawing(tuple(boxes.values()), lines, tuple(ends))
    # Made on this thread, once, instead of while the window paints:
    _ = drawing.bounds, drawing.path, drawing.place_of(-1)
    return drawing


def _folded(
    positions: Mapping[int, tuple[float, float]],
) -> dict[int, tuple[float, float, int]]:
    """The scene's (x, y) of each layer, and its band.

    A network is often hundreds of rows long and few layers wide. Its rows are folded into bands
    side by side, as a newspaper's columns, so that the whole has about the shape of a screen.
    """
    if not positions:
        return {}
    columns = [x for x, _ in positions.values()]
    rows = [y for _, y in positions.values()]
    width, height = max(columns) - min(columns) + 1.5, max(rows) - min(rows) + 1
    ratio = _SHAPE * height * DOWN / (width * ACROSS)
    bands = max(round(ratio**0.5), 1) if height > _FEW_ROWS else 1
    rows_a_band = math.ceil(height / bands)
    places = {}
    for index, (x, y) in positions.items():
        band, row = divmod(y - min(rows), rows_a_band)
        places[index] = ((x + band * width) * ACROSS, row * DOWN, int(band))
    return places


def _line(source: Box, target: Box, is_one_band: bool) -> np.ndarray:
    """From the lower edge of one to the upper of the other; beside those that it passes."""
    begin = (source.x, source.y + HEIGHT / 2)
    end = (target.x, target.y - HEIGHT / 2)
    if is_one_band and 0 < target.y - source.y < 1.5 * DOWN:
        return np.array([begin, end])
    side = (max if is_one_band else min)(source.x, target.x) + ACROSS / 2
    upper, lower = (side, source.y + DOWN), (side, target.y - DOWN)
    return np.array([begin, upper, lower, end])


def add_line(path: QPainterPath, points: np.ndarray) -> None:
    """Add a smooth line through points, which leaves and reaches each from above or below."""
    begin = QPointF(*points[0])
    path.moveTo(begin)
    for point in points[1:]:
        end = QPointF(*point)
        bend = (end.y() - begin.y()) / 2
        path.cubicTo(begin + QPointF(0, bend), end - QPointF(0, bend), end)
        begin = end


def rect_of(box: Box) -> QRectF:
    """The box itself."""
    return QRectF(box.x - WIDTH / 2, box.y - HEIGHT / 2, WIDTH, HEIGHT)
