"""Draw predictions on a picture, for saving. The window draws its own, sharper ones."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np

from core.predictions import ClassScore, Detection, OutputImage, Prediction

_GOLDEN = 0.618034  # steps of the golden ratio keep neighbouring classes' hues apart


def class_color(class_id: int) -> tuple[int, int, int]:
    """A class's colour, RGB 0..255; the same everywhere and always."""
    hue = (0.58 + class_id * _GOLDEN) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)


def ink_on(ground: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, whichever can be read on a colour: at least 4.5:1 (WCAG 2.1, 1.4.3)."""

    def linear(level: int) -> float:
        channel = level / 255
        return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(level) for level in ground)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (0, 0, 0) if luminance > 0.179 else (255, 255, 255)


def draw(pixels: np.ndarray, predictions: Sequence[Prediction]) -> np.ndarray:
    """A copy of a picture with its predictions.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        predictions: boxes and class scores are drawn; an output image takes the picture's place.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    import cv2

    pictures = [found for found in predictions if isinstance(found, OutputImage)]
    canvas: np.ndarray = (pictures[0].pixels if pictures else pixels).copy()
    thickness = max(1, round(min(canvas.shape[:2]) / 300))
    scale = max(0.4, min(canvas.shape[:2]) / 900)
    for found in reversed([one for one in predictions if isinstance(one, Detection)]):
        color = class_color(found.class_id)
        x1, y1, x2, y2 = (round(value) for value in found.box)
        cv2.rectangle(canvas, (x1, y1), (x2, y2), color, thickness)
        _label(canvas, f"{found.label} {found.score:.2f}", (x1, y1), color, scale)
    scores = [one for one in predictions if isinstance(one, ClassScore)]
    for row, one in enumerate(scores):
        text = f"{one.label} {one.score:.2f}"
        height = round(26 * scale)
        _label(canvas, text, (0, (row + 1) * height), class_color(one.class_id), scale)
    return canvas


def _label(
    canvas: np.ndarray,
    text: str,
    corner: tuple[int, int],
    color: tuple[int, int, int],
    scale: float,
) -> None:
    import cv2

    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), below = cv2.getTextSize(text, font, scale, 1)
    x = max(0, min(corner[0], canvas.shape[1] - width))
    y = max(height + below, corner[1])
    cv2.rectangle(canvas, (x, y - height - below), (x + width, y), color, -1)
    ink = ink_on(color)
    cv2.putText(canvas, text, (x, y - below // 2 - 1), font, scale, ink, 1, cv2.LINE_AA)
