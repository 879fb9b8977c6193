"""Words on a picture, out of each other's way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.overlay.colors import Color, ink_on
from core.overlay.fills import viridis

Area = tuple[int, int, int, int]
"""x1 y1 x2 y2 in the canvas's pixels."""

_GAP = 2  # pixels between a label's words and its edge, at the smallest size
_STRIP = (0, 0, 0)  # what the scale bar's numbers stand on


class Labels:
    """Writes on a canvas, each label where none has been written before."""

    def __init__(self, canvas: np.ndarray) -> None:
        self._canvas = canvas
        self._height, self._width = canvas.shape[:2]
        self._scale = max(0.4, min(canvas.shape[:2]) / 900)
        self._stroke = max(1, round(self._scale * 1.5))
        self._gap = max(_GAP, round(_GAP * self._scale * 2))
        self._taken: list[Area] = []
        self._lines_end = 0

    def write_beside(self, box: Area, name: str, tail: str, color: Color) -> None:
        """A label above a box, or else in or below it; left out where all is taken.

        Args:
            box: x1 y1 x2 y2 in the canvas's pixels.
            name: cut short where the canvas is too narrow.
            tail: what follows the name and is never cut, as the score.
            color: the label's ground, RGB.
        """
        text = self._fitted(name, tail)
        width, height = self._size(text)
        x1, y1, x2, y2 = box
        places = ((x1, y1 - height), (x1, y1), (x1, y2), (x2 - width, y2 - height))
        for left, top in places:
            area = self._at(left, top, width, height)
            if not any(_overlap(area, other) for other in self._taken):
                self._paint(area, text, color)
                return

    def write_line(self, name: str, tail: str, color: Color) -> None:
        """A line in the upper left, below those before; left out where they fill the canvas."""
        text = self._fitted(name, tail)
        width, height = self._size(text)
        if self._lines_end and self._lines_end + height > self._height:
            return
        self._paint(self._at(0, self._lines_end, width, height), text, color)
        self._lines_end += height

    def write_scale(self, low: float, high: float) -> None:
        """A bar of a dense map's colours between its ends, in the lower left."""
        import cv2

        first, last = f"{low:.4g}", f"{high:.4g}"
        (first_width, height), (last_width, _) = self._size(first), self._size(last)
        long = min(8 * height, self._width - first_width - last_width)
        if long < height:  # the canvas is too narrow for it
            return
        top = self._height - height
        if top < 0:
            return
        area = (0, top, first_width + long + last_width, self._height)
        cv2.rectangle(self._canvas, area[:2], (area[2] - 1, area[3] - 1), _STRIP, -1)
        self._ink((0, top, first_width, self._height), first, _STRIP)
        self._ink((first_width + long, top, area[2], self._height), last, _STRIP)
        levels = np.rint(np.linspace(0, 255, long)).astype(np.uint8)[None]
        rows = slice(top + self._gap, self._height - self._gap)
        self._canvas[rows, first_width : first_width + long] = viridis(levels)
        self._taken.append(area)

    def _size(self, text: str) -> tuple[int, int]:
        """Width and height of a label, pixels."""
        import cv2

        (width, height), below = cv2.getTextSize(
            text, cv2.FONT_HERSHEY_SIMPLEX, self._scale, self._stroke
        )
        return width + 2 * self._gap, height + below + 2 * self._gap

    def _fitted(self, name: str, tail: str) -> str:
        """Name and tail, the name cut so that they fit into the canvas."""
        text = f"{name} {tail}"
        for length in range(len(name) - 1, -1, -1):
            if self._size(text)[0] <= self._width:
                break
            text = f"{name[:length]}... {tail}" if length else tail
        return text

    def _at(self, left: int, top: int, width: int, height: int) -> Area:
        """The label's place, moved into the canvas."""
        left = max(0, min(left, self._width - width))
        top = max(0, min(top, self._height - height))
        return left, top, left + width, top + height

    def _paint(self, area: Area, text: str, color: Color) -> None:
        import cv2

        cv2.rectangle(self._canvas, area[:2], (area[2] - 1, area[3] - 1), color, -1)
        self._ink(area, text, color)
        self._taken.append(area)

    def _ink(self, area: Area, text: str, ground: Color) -> None:
        import cv2

        font = cv2.FONT_HERSHEY_SIMPLEX
        (_, height), _ = cv2.getTextSize(text, font, self._scale, self._stroke)
        base = (area[0] + self._gap, area[1] + self._gap + height)
        cv2.putText(
            self._canvas, text, base, font, self._scale, ink_on(ground), self._stroke, cv2.LINE_AA
        )


def _overlap(one: Sequence[int], other: Sequence[int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
