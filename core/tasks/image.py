"""Image to image: one output of the input's kind, in its size or a simple multiple of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import OutputImage
from core.recipes import image_layout
from core.sessions.base import Arrays
from core.tasks.reading import Evidence, Named, Reading

TASK, LAYOUT = "image", ""


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """As many channels as the input, and the input's size times or over 1 to 8."""
    network_wh = reading.network_wh
    if len(outputs) != 1 or network_wh is None or reading.metadata.task is not None:
        return None
    shape = outputs[0][1]
    layout = image_layout(shape, "float32")
    if layout is None:
        return None
    dims = dict(zip(layout, shape, strict=True))
    width, height = dims["W"], dims["H"]
    if dims.get("N") not in (None, reading.batch):
        return None
    if dims["C"] != reading.channels or width is None or height is None:
        return None
    ratio = width / network_wh[0]
    if height / network_wh[1] != ratio or not any(
        ratio in (step, 1 / step) for step in range(1, 9)
    ):
        return None
    return Evidence(f"the output is a {width} x {height} picture, channels as the input")


def decode(outputs: Arrays, reading: Reading) -> list[OutputImage] | None:
    """The first picture of the batch, its values brought to 0..255."""
    name, array = next(iter(outputs.items()))
    layout = image_layout(array.shape, "float32")
    if layout is None:
        return None
    first = array[0] if layout.startswith("N") else array
    planes = first.transpose(1, 2, 0) if layout.endswith("CHW") else first
    numbers = planes.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    if finite.size == 0:
        return []
    low, high = float(finite.min()), float(finite.max())
    if numbers.shape[2] == 3 and low >= 0 and np.abs(numbers.sum(axis=2) - 1).max() < 1e-3:
        return None  # channels that add up to 1 are classes' shares, no colours
    if array.dtype == np.uint8:
        note = "bytes as they are"
    elif low >= -0.1 and high <= 1.1:
        numbers, note = numbers * 255, "0..1 shown as 0..255"
    elif low >= -1.1 and high <= 1.1:
        numbers, note = (numbers + 1) * 127.5, "-1..1 shown as 0..255"
    elif low >= -64 and high <= 320 and high > 2:
        note = "clamped to 0..255"
    else:
        numbers = (numbers - low) / ((high - low) or 1) * 255
        note = f"{low:g}..{high:g} fitted to 0..255"
    clean = np.nan_to_num(numbers, nan=0.0, posinf=255.0, neginf=0.0)
    pixels = np.rint(np.clip(clean, 0, 255)).astype(np.uint8)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return [OutputImage(name, np.ascontiguousarray(pixels), note)]
