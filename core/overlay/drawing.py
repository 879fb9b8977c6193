"""A picture with all that was found in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.coco_keypoints import LIMBS, NAMES, SEEN
from core.overlay.colors import Color, class_color, ink_on
from core.overlay.fills import has_background, paint_map, paint_masks
from core.overlay.labels import Labels
from core.predictions import (
    ClassMap,
    ClassScore,
    DenseMap,
    Detection,
    Located,
    OrientedBox,
    OutputImage,
    Pose,
    Prediction,
    Segment,
)

_SMALL, _LEGIBLE = 128, 256  # pixels of the longer side: below the first, words need the second
_LEGEND = 8  # classes of a map that are named
_CLEAR = (200, 200, 200)  # what a class that is not painted is named on
_FAR = 1_000_000  # pixels: what lies farther out is drawn as if there; OpenCV takes 32 bit


def draw(pixels: np.ndarray, predictions: Sequence[Prediction]) -> np.ndarray:
    """A copy of a picture with its predictions.

    An output image or a dense map takes the picture's place; a class map lies over it. Labels
    keep out of each other's way, the best first; those that find no place are left out.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        predictions: best first; what has no place in a picture (tensors) is not drawn.

    Returns:
        (H, W, 3) uint8, RGB. Where there is something to write on a picture whose longer side
        is below 128 pixels, it is enlarged by a whole number to 256 or more.
    """
    import cv2

    located = [found for found in predictions if isinstance(found, Located)]
    scores = [found for found in predictions if isinstance(found, ClassScore)]
    maps = [found for found in predictions if isinstance(found, ClassMap | DenseMap)]
    segments = [found for found in located if isinstance(found, Segment)]
    canvas = paint_masks(_ground(pixels, predictions), segments)
    zoom = 1
    if (located or scores or maps) and max(canvas.shape[:2]) < _SMALL:
        zoom = -(-_LEGIBLE // max(canvas.shape[:2]))
        canvas = np.asarray(
            cv2.resize(canvas, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
        )
    for found in reversed(located):
        _outline(canvas, found, zoom)
    labels = Labels(canvas)
    for one in scores:
        labels.write_line(one.label, f"{one.score:.2f}", class_color(one.class_id))
    for shown in maps[:1]:
        _explain(labels, shown)
    for found in located:
        x1, y1, x2, y2 = _whole(found.box, zoom)
        color = class_color(found.class_id)
        labels.write_beside((x1, y1, x2, y2), found.label, f"{found.score:.2f}", color)
    return canvas


def _ground(pixels: np.ndarray, predictions: Sequence[Prediction]) -> np.ndarray:
    """What everything else is drawn on."""
    for found in predictions:
        if isinstance(found, OutputImage):
            return found.pixels
    for found in predictions:
        if isinstance(found, ClassMap | DenseMap):
            return paint_map(found, pixels)
    return pixels


def _explain(labels: Labels, found: ClassMap | DenseMap) -> None:
    if isinstance(found, DenseMap):
        labels.write_scale(found.low, found.high)
        return
    clear = 0 if has_background(found) else None
    for one in found.shares[:_LEGEND]:
        color = _CLEAR if one.class_id == clear else class_color(one.class_id)
        labels.write_line(one.label, f"{one.share:.1%}", color)


def _outline(canvas: np.ndarray, found: Located, zoom: int) -> None:
    import cv2

    thickness = max(1, round(min(canvas.shape[:2]) / 300))
    color = class_color(found.class_id)
    if isinstance(found, OrientedBox):
        corners = [_whole(corner, zoom) for corner in found.corners]
        cv2.polylines(canvas, [np.array(corners, np.int32)], True, color, thickness, cv2.LINE_AA)
        return
    x1, y1, x2, y2 = _whole(found.box, zoom)
    thin = thickness if isinstance(found, Detection) else max(1, thickness // 2)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), color, thin)
    if isinstance(found, Pose):
        _skeleton(canvas, found, zoom, thickness, color)


def _skeleton(canvas: np.ndarray, found: Pose, zoom: int, thickness: int, color: Color) -> None:
    """Points that are seen, and for a person the limbs between them."""
    import cv2

    points = {
        index: _whole((x, y), zoom)
        for index, (x, y, score) in enumerate(found.keypoints)
        if score >= SEEN
    }
    for first, second in LIMBS if len(found.keypoints) == len(NAMES) else ():
        if first in points and second in points:
            cv2.line(canvas, points[first], points[second], color, thickness, cv2.LINE_AA)
    for point in points.values():
        cv2.circle(canvas, point, thickness + max(1, thickness // 2), ink_on(color), -1)
        cv2.circle(canvas, point, thickness, color, -1)


def _whole(values: Sequence[float], zoom: int) -> tuple[int, ...]:
    """Coordinates on the canvas, as OpenCV takes them."""
    return tuple(round(min(max(value * zoom, -_FAR), _FAR)) for value in values)
