"""What covers areas of a picture: masks, classes and numbers by pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.overlay.colors import class_color
from core.predictions import ClassMap, DenseMap, Segment

_MASK_SHARE = 0.4  # of an object's colour over the picture
_CLASS_SHARE = 0.5  # of a class's colour over the picture
_BACKGROUND = ("background", "bg", "unlabeled")  # names of class 0 that mean nothing


def paint_masks(pixels: np.ndarray, segments: Sequence[Segment]) -> np.ndarray:
    """A copy of a picture with translucent, outlined masks, the first on top.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        segments: their masks lie within the picture.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    import cv2

    canvas: np.ndarray = pixels.copy()
    thickness = max(1, round(min(canvas.shape[:2]) / 600))
    for found in reversed(segments):
        color = class_color(found.class_id)
        left, top, bits = found.mask.left, found.mask.top, found.mask.bits
        if not bits.any():
            continue
        height, width = bits.shape
        region = canvas[top : top + height, left : left + width]
        inside = bits.view(np.uint8)
        region[...] = cv2.copyTo(_tinted(region, color, _MASK_SHARE), inside, region.copy())
        outlines, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, outlines, -1, color, thickness, offset=(left, top))
    return canvas


def paint_map(found: ClassMap | DenseMap, pixels: np.ndarray) -> np.ndarray:
    """A map as colours.

    A class map lies over the picture, translucent; what is background (class 0, where it is
    called so) stays clear. A dense map takes the picture's place, from dark for its low to
    bright for its high (OpenCV's COLORMAP_VIRIDIS).

    Args:
        found: as large as the picture.
        pixels: (H, W, 3) uint8, RGB.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    if isinstance(found, DenseMap):
        span = (found.high - found.low) or 1.0
        levels = np.clip((found.values - np.float32(found.low)) * np.float32(255 / span), 0, 255)
        return viridis(np.rint(levels).astype(np.uint8))
    import cv2

    highest = int(found.class_ids.max(initial=0))
    table = np.array([class_color(class_id) for class_id in range(highest + 1)], np.uint8)
    mixed = cv2.addWeighted(pixels, 1 - _CLASS_SHARE, table[found.class_ids], _CLASS_SHARE, 0)
    if has_background(found):
        clear = found.class_ids == 0
        mixed[clear] = pixels[clear]
    return np.asarray(mixed)


def viridis(levels: np.ndarray) -> np.ndarray:
    """Levels (H, W) uint8 as colours (H, W, 3) uint8, RGB: dark blue to yellow."""
    import cv2

    bgr = cv2.applyColorMap(np.ascontiguousarray(levels), cv2.COLORMAP_VIRIDIS)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def has_background(found: ClassMap) -> bool:
    """Whether class 0 is called background, and so stays clear."""
    names = [one.label for one in found.shares if one.class_id == 0]
    return any(name.strip("_ ").lower() in _BACKGROUND for name in names)


def _tinted(region: np.ndarray, color: tuple[int, int, int], share: float) -> np.ndarray:
    """A picture's pixels, mixed with a colour."""
    import cv2

    table = (
        np.arange(256, dtype=np.float32)[:, None] * (1 - share)
        + np.array(color, np.float32) * share
    )

    return np.asarray(cv2.LUT(region, np.rint(table).astype(np.uint8)[None]))
