"""What tasks share whose outputs cover the picture: their shapes, and the way to the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.placement import Placement
from core.predictions import ClassMap, ClassShare, class_label
from core.tasks.reading import Named, Reading
from core.tensors import Shape

_STEPS = range(1, 9)
"""A map has a point for each 1 to 8 pixels of the network's picture, each way."""

_PATCH = 14
"""Pixels of a patch of DINOv2 and of what stands on it (facebookresearch/dinov2,
dinov2/layers/patch_embed.py; Depth Anything), which give a point a pixel of whole patches."""

_CLASS_ID_LIMIT = 1000
_MOST_CLASSES = 64  # that one picture shows; more whole numbers than these are grey levels

_ORDERS: dict[int, tuple[str, ...]] = {
    4: ("NCHW", "NHWC"),
    3: ("NHW", "CHW", "HWC"),
    2: ("HW",),
}


@dataclass(frozen=True, slots=True)
class MapShape:
    """How an output covers the network's picture."""

    order: str  # its dimensions: "NCHW", "NHWC", "NHW", "CHW", "HWC" or "HW"
    channels: int
    size_wh: tuple[int, int]  # points
    step: int  # the network's pixels from one point to the next

    @property
    def size_words(self) -> str:
        """Its size beside the network's picture, for people."""
        return "the input's size" if self.step == 1 else f"1/{self.step} of the input's size"


def map_shape(shape: Shape, reading: Reading) -> MapShape | None:
    """How an output of this shape covers the network's picture; None where it does not.

    Where two orders fit, channels come first.
    """
    if reading.network_wh is None:
        return None
    for order in _ORDERS.get(len(shape), ()):
        dims = dict(zip(order, shape, strict=True))
        channels, width, height = dims.get("C", 1), dims["W"], dims["H"]
        if channels is None or width is None or height is None:
            continue
        if "N" in dims and dims["N"] not in (None, reading.batch):
            continue
        step = _step((width, height), reading.network_wh)
        if step is not None:
            return MapShape(order, channels, (width, height), step)
    return None


def map_shapes(outputs: Sequence[Named], reading: Reading) -> list[MapShape] | None:
    """The shapes of outputs that are all maps with equally many channels; else None."""
    found = [map_shape(shape, reading) for _, shape in outputs]
    maps = [one for one in found if one is not None]
    if not maps or len(maps) < len(found) or len({one.channels for one in maps}) > 1:
        return None
    return maps


def _step(size_wh: tuple[int, int], network_wh: tuple[int, int]) -> int | None:
    """The network's pixels from one point to the next; None where these points are no map of it.

    Strided convolutions round up: 513 pixels at step 8 are 65 points. One point is no map. What
    is cut into patches loses the rest at the right and the bottom: 640 pixels give 630 points.
    """
    (width, height), (whole_w, whole_h) = size_wh, network_wh
    if min(width, height) < 2 or width > whole_w or height > whole_h:
        return None  # most outputs of most models, and every reader of maps asks for each run
    for step in _STEPS:
        if -(-whole_w // step) == width and -(-whole_h // step) == height:
            return step
    if whole_w // _PATCH * _PATCH == width and whole_h // _PATCH * _PATCH == height:
        return 1
    return None


def channels_first(array: np.ndarray, shape: MapShape) -> np.ndarray:
    """The first of a batch as (channels, h, w), a view of the array."""
    first = array[0] if shape.order.startswith("N") else array
    if "C" not in shape.order:
        return first[None]
    return first.transpose(2, 0, 1) if shape.order.endswith("C") else first


def picture_size(reading: Reading) -> tuple[int, int]:
    """Width and height of the picture, or of the network's where there is no other."""
    return reading.picture_wh or reading.network_wh or (0, 0)


def to_picture(
    plane: np.ndarray,
    shape: MapShape,
    reading: Reading,
    how: Literal["linear", "nearest"],
    rows: tuple[int, int] | None = None,
) -> np.ndarray:
    """A plane (h, w) of a map over the picture, or over some of the picture's rows.

    Args:
        plane: float32, uint8 or uint16.
        shape: the map's.
        reading: the picture and its place.
        how: the interpolation.
        rows: the first row and the one after the last; default all.

    Returns:
        (rows, picture's width), the plane's dtype.
    """
    width, height = picture_size(reading)
    top, bottom = rows or (0, height)
    place = reading.placement
    band = Placement(
        place.scale_x, place.scale_y, place.offset_x, place.offset_y + top * place.scale_y
    )
    covered = (shape.size_wh[0] * shape.step, shape.size_wh[1] * shape.step)
    return band.plane_to_picture(plane, covered, (width, bottom - top), how)


def are_class_ids(plane: np.ndarray) -> bool:
    """Whether numbers may be classes': whole, from 0 on, and not as many as grey levels."""
    if plane.size == 0 or plane.dtype.kind not in "biuf":
        return False
    low, high = plane.min(), plane.max()
    if not (low >= 0 and high < _CLASS_ID_LIMIT):  # also where one is NaN
        return False
    ids = plane.astype(np.uint16)
    if plane.dtype.kind == "f" and not (ids == plane).all():
        return False
    return int(np.count_nonzero(np.bincount(ids.reshape(-1)))) <= _MOST_CLASSES


def class_map(tensor: str, class_ids: np.ndarray, names: tuple[str, ...]) -> ClassMap:
    """A map of class ids (H, W) uint16 over the picture, with the classes' shares."""
    counts = np.zeros(int(class_ids.max(initial=0)) + 1, np.int64)
    for top in range(0, len(class_ids), 1024):  # bincount makes 8 bytes of each pixel
        counts += np.bincount(class_ids[top : top + 1024].reshape(-1), minlength=len(counts))
    order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
    shares = tuple(
        ClassShare(class_label(names, i), i, float(counts[i] / class_ids.size)) for i in order
    )
    return ClassMap(tensor, class_ids, shares)
