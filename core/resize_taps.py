"""Which pixels a resize mixes, and how much of each, as OpenCV does it for bytes.

The tables that core/kernels/preprocess.cu works with; applied as it says there, they give
cv2.resize's own numbers.
"""

from __future__ import annotations

import functools

import numpy as np

from core.recipes import Interpolation

ONE = 2048
"""A weight of one: OpenCV's INTER_RESIZE_COEF_SCALE (modules/imgproc/src/resize.cpp)."""

SUPPORTED: tuple[Interpolation, ...] = ("linear", "nearest")
"""What two neighbours are enough for."""


@functools.lru_cache(maxsize=256)
def axis_taps(
    source: int,
    scaled: int,
    offset: int,
    size: int,
    interpolation: Interpolation,
    *,
    vertical: bool,
) -> np.ndarray:
    """One axis of the network's picture, as pixels of the picture.

    Args:
        source: the picture's size along it.
        scaled: the size that the picture is scaled to.
        offset: where the scaled picture begins; below 0 where it is cropped.
        size: the network's picture's size.
        interpolation: one of SUPPORTED.
        vertical: whether the axis goes down: OpenCV takes what lies beyond a picture's left and
            right edge as the edge, but above and below it mixes the edge with itself, which
            rounds differently.

    Returns:
        (size, 4) int32, read-only: first pixel, second, their weights, which add up to ONE. The
        first is -1 where the picture is not.
    """
    taps = np.zeros((size, 4), np.int32)
    taps[:, 0] = -1
    begin, end = max(offset, 0), min(offset + scaled, size)
    found = _scaled_taps(source, scaled, interpolation, vertical=vertical)
    taps[begin:end] = found[begin - offset : end - offset]
    taps.flags.writeable = False
    return taps


def _scaled_taps(
    source: int, scaled: int, interpolation: Interpolation, *, vertical: bool
) -> np.ndarray:
    """As axis_taps, of the whole scaled picture."""
    if source == scaled:
        first = second = np.arange(source)
        weight = np.zeros(source, np.float32)
    elif interpolation == "nearest":
        first = second = _nearest(source, scaled)
        weight = np.zeros(scaled, np.float32)
    else:
        # Pixel middles in double, the rest in single precision, as there.
        where = ((np.arange(scaled) + 0.5) * (1 / (scaled / source)) - 0.5).astype(np.float32)
        lower = np.floor(where)
        weight = where - lower
        first = lower.astype(np.int64)
        if not vertical:
            weight[(first < 0) | (first >= source - 1)] = 0
        second = np.clip(first + 1, 0, source - 1)
        first = np.clip(first, 0, source - 1)
    one = np.float32(ONE)
    weights = np.rint((np.float32(1) - weight) * one), np.rint(weight * one)
    return np.asarray(np.stack([first, second, *weights], axis=1).astype(np.int32))


def _nearest(source: int, scaled: int) -> np.ndarray:
    """OpenCV's own choice of pixels: INTER_NEAREST_EXACT differs between its versions 4 and 5."""
    import cv2

    numbers = np.arange(source, dtype=np.int32)[None]
    chosen = cv2.resize(numbers, (scaled, 1), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(chosen).reshape(-1)
