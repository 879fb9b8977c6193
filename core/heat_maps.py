"""A slice of a tensor in colours, with its NaN, infinite and saturated elements marked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.tensor_statistics import CHUNK, Mark, is_numeric, marks_of, numbers_of

MAX_SIDE = 1024  # pixels; larger slices are thinned out
MARK_COLORS = {  # RGB; none of them is near OpenCV's viridis
    Mark.NAN: (230, 40, 40),
    Mark.INF: (255, 80, 220),
    Mark.SATURATED: (255, 140, 0),
}


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """A picture of a slice: `pixels` (h, w, 3) uint8, RGB, one for each `step` of the values.

    low and high are the least and largest value that is not marked, 0 without: a single one at
    float16's limit would leave the others no colours. Of several values that share
    a pixel the first gives its colour, but none that is marked is lost.
    """

    pixels: np.ndarray
    low: float
    high: float
    step: tuple[int, int]  # rows, columns to a pixel


def heat_map(
    values: np.ndarray,
    saturated: tuple[float, ...] = (),
    progress: Callable[[float], None] = lambda _fraction: None,
) -> HeatMap | None:
    """Colour a slice in OpenCV's viridis, dark to bright.

    Args:
        values: (rows, columns), any dtype.
        saturated: values to mark, of TensorStatistics.saturations.
        progress: told the fraction done, 0 to 1; may raise to stop.

    Returns:
        None for what has no colours: texts, complex numbers, and slices without elements.
    """
    import cv2

    if values.size == 0 or not is_numeric(values.dtype):
        return None
    step = (-(-values.shape[0] // MAX_SIDE), -(-values.shape[1] // MAX_SIDE))
    places = np.arange(0, values.shape[1], step[1])
    band = step[0] * max(1, CHUNK // (step[0] * values.shape[1]))
    thin, marks = [], []
    low, high = np.inf, -np.inf
    for begin in range(0, values.shape[0], band):
        numbers = numbers_of(values[begin : begin + band])
        marked = marks_of(numbers, saturated)
        plain = numbers[marked == Mark.NONE]
        if plain.size:
            low, high = min(low, float(plain.min())), max(high, float(plain.max()))
        thin.append(numbers[:: step[0], :: step[1]].astype(np.float64))
        rows = np.arange(0, numbers.shape[0], step[0])
        worst = np.maximum.reduceat(marked, rows, axis=0)
        marks.append(np.maximum.reduceat(worst, places, axis=1))
        progress(min(1.0, (begin + band) / values.shape[0]))
    if low > high:
        low = high = 0.0
    numbers, marked = np.concatenate(thin), np.concatenate(marks)
    inside = np.clip(np.where(np.isfinite(numbers), numbers, low), low, high)
    # In halves, for the range itself may be too large to be a number.
    unit = (inside / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)
    colors = np.asarray(cv2.applyColorMap((unit * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS))
    pixels = np.ascontiguousarray(colors[..., ::-1])
    for mark, color in MARK_COLORS.items():
        pixels[marked == mark] = color
    return HeatMap(pixels, low, high, step)
