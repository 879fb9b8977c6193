"""Masks and maps as pictures to lay over the picture, made on the thread that read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QPointF
from PySide6.QtGui import QImage, QPolygonF

if TYPE_CHECKING:
    import numpy as np

    from core.predictions import ClassMap, DenseMap, Prediction, Segment

_BACKGROUNDS = ("background", "__background__", "bg", "unlabeled", "void")
"""Classes that stand for nothing: VOC's, torchvision's and Cityscapes' names."""

_CLEAR = 0  # QRgb of a place where the picture shows through
_NAN = 255  # the index of what is no number


class Layers(NamedTuple):
    """What is laid over a result's picture.

    The images are of the picture's size, in indexed colours, opaque or clear: how far they cover
    the picture is decided when they are painted.
    """

    masks: QImage | None = None  # of all segments together
    maps: Mapping[int, QImage] = {}
    outlines: Mapping[int, tuple[QPolygonF, ...]] = {}


def layers_of(predictions: Sequence[Prediction], picture_wh: tuple[int, int] | None) -> Layers:
    """The layers of some predictions. Runs on the thread that read them.

    Args:
        predictions: of any kind; those without an area give none.
        picture_wh: the picture's size; None for none, and so no layers.
    """
    from core.predictions import ClassMap, DenseMap, Segment

    if picture_wh is None:
        return Layers()
    maps: dict[int, QImage] = {}
    outlines: dict[int, tuple[QPolygonF, ...]] = {}
    segments = []
    for place, found in enumerate(predictions):
        if isinstance(found, ClassMap):
            maps[place] = _class_image(found)
        elif isinstance(found, DenseMap):
            maps[place] = _dense_image(found)
        elif isinstance(found, Segment):
            segments.append(found)
            outlines[place] = _outlines(found, max(0.5, max(picture_wh) / 4000))
    masks = _mask_image(segments, picture_wh) if segments else None
    return Layers(masks, maps, outlines)


def backgrounds(found: ClassMap) -> set[int]:
    """The ids of the classes that stay clear, for they stand for nothing."""
    return {one.class_id for one in found.shares if one.label.lower() in _BACKGROUNDS}


def class_table(found: ClassMap, only: int | None = None) -> list[int]:
    """The colours of a class map's picture, QRgb by class id modulo 256.

    Args:
        found: its labels tell which class is the background, which stays clear.
        only: the one class that is shown, the background too; None for all.
    """
    clear = backgrounds(found)
    if only is None:
        return [_CLEAR if index in clear else _rgb(index) for index in range(256)]
    return [_rgb(index) if index == only % 256 else _CLEAR for index in range(256)]


def _rgb(class_id: int) -> int:
    from core.overlay import class_color

    red, green, blue = class_color(class_id)
    return 0xFF << 24 | red << 16 | green << 8 | blue


def dense_table() -> list[int]:
    """The colours of a dense map from low to high, OpenCV's viridis, QRgb; the last is clear."""
    import cv2
    import numpy as np

    ramp = np.arange(256, dtype=np.float32) * (255 / (_NAN - 1))
    levels = np.clip(ramp, 0, 255).astype(np.uint8).reshape(256, 1)
    colors = cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)
    table = [0xFF << 24 | int(r) << 16 | int(g) << 8 | int(b) for b, g, r in colors[:, 0]]
    table[_NAN] = _CLEAR
    return table


def _class_image(found: ClassMap) -> QImage:
    import numpy as np

    return _indexed((found.class_ids & 0xFF).astype(np.uint8), class_table(found))


def _dense_image(found: DenseMap) -> QImage:
    import numpy as np

    span = (found.high - found.low) or 1.0
    unit = (found.values - np.float32(found.low)) * np.float32((_NAN - 1) / span)
    with np.errstate(invalid="ignore"):  # NaN is no number from 0 to 255, and told apart below
        index = np.clip(unit, 0, _NAN - 1, out=unit).astype(np.uint8)
    index[np.isnan(unit)] = _NAN
    return _indexed(index, dense_table())


def _mask_image(segments: Sequence[Segment], picture_wh: tuple[int, int]) -> QImage:
    import numpy as np

    width, height = picture_wh
    canvas = np.zeros((height, width), np.uint8)
    for found in reversed(segments):  # the best one on top
        top, left, bits = found.mask.top, found.mask.left, found.mask.bits
        part = canvas[top : top + bits.shape[0], left : left + bits.shape[1]]
        part[bits[: part.shape[0], : part.shape[1]]] = found.class_id % 255 + 1
    return _indexed(canvas, [_CLEAR, *(_rgb(index) for index in range(255))])


def _outlines(found: Segment, precision: float) -> tuple[QPolygonF, ...]:
    """Around a mask and its holes, in the picture's pixels, true to `precision` of them."""
    import cv2
    import numpy as np

    bits = np.ascontiguousarray(found.mask.bits).view(np.uint8)
    contours, _ = cv2.findContours(bits, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    left, top = found.mask.left + 0.5, found.mask.top + 0.5  # OpenCV counts pixels' middles
    polygons = []
    for contour in contours:
        points = cv2.approxPolyDP(contour, precision, closed=True)[:, 0].tolist()
        polygons.append(QPolygonF([QPointF(x + left, y + top) for x, y in points]))
    return tuple(polygons)


def _indexed(index: np.ndarray, table: list[int]) -> QImage:
    """(H, W) uint8 and the colours that it counts, as a QImage which owns its memory."""
    import numpy as np

    index = np.ascontiguousarray(index)
    height, width = index.shape
    image = QImage(index.data, width, height, width, QImage.Format.Format_Indexed8).copy()
    image.setColorTable(table)
    return image
