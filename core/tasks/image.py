"""Image to image: outputs of the input's kind, in its size or a simple multiple of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import OutputImage
from core.recipes import image_layout
from core.sessions.base import Arrays
from core.tasks.maps import are_class_ids
from core.tasks.reading import Certainty, Evidence, Named, Reading
from core.tensors import Shape

TASK, LAYOUT = "image", ""

_WORDS = ("image", "img", "picture", "rgb")
_OTHER_WORDS = (
    "logit",
    "class",
    "seg_",
    "segm",
    "normals",
    "score",
    "prob",
    "softmax",
    "coord",
    "flow",
)


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """As many channels as the input, and the input's size times or over 1 to 8.

    Several outputs are pictures if each one is.
    """
    if reading.metadata.task is not None or not outputs:
        return None
    sizes = [_size(shape, reading) for _, shape in outputs]
    if reading.network_wh is None or sizes[0] is None:
        return None
    width, height = sizes[0]
    ratio = width / reading.network_wh[0]
    times = "" if ratio == 1 else f", {ratio:g} x the input's size"
    if ratio < 1:
        times = f", 1/{1 / ratio:.0f} of the input's size"
    picture = f"a {width} x {height} picture{times}, channels as the input"
    if len(outputs) == 1:
        name = outputs[0][0].lower()
        other = any(word in name for word in _OTHER_WORDS)
        other = other and not any(word in name for word in _WORDS)
        return Evidence(f"the output is {picture}", "possible" if other else "likely")
    if None in sizes:
        return None
    named = all(any(word in name.lower() for word in _WORDS) for name, _ in outputs)
    certainty: Certainty = "likely" if named else "possible"
    return Evidence(f"the first of {len(outputs)} outputs is {picture}", certainty)


def _size(shape: Shape, reading: Reading) -> tuple[int, int] | None:
    """Width and height of a picture like the input; None for anything else."""
    layout = image_layout(shape, "float32")
    if layout is None or reading.network_wh is None:
        return None
    dims = dict(zip(layout, shape, strict=True))
    width, height = dims["W"], dims["H"]
    if dims.get("N") not in (None, reading.batch):
        return None
    if dims["C"] != reading.channels or width is None or height is None:
        return None
    ratio = width / reading.network_wh[0]
    if height / reading.network_wh[1] != ratio:
        return None
    return (width, height) if any(ratio in (step, 1 / step) for step in range(1, 9)) else None


def decode(outputs: Arrays, reading: Reading) -> list[OutputImage] | None:
    """The first picture of the batch of each output, its values brought to 0..255."""
    found = []
    for name, array in outputs.items():
        layout = image_layout(array.shape, "float32")
        if layout is None or array.dtype.kind in "OUSc":
            return None
        first = array[0] if layout.startswith("N") else array
        planes = first.transpose(1, 2, 0) if layout.endswith("CHW") else first
        if reading.choices.task is None and _are_classes(planes):
            return None
        picture = _picture(name, planes, reading)
        if picture is not None:
            found.append(picture)
    return found


def _are_classes(planes: np.ndarray) -> bool:
    """Whether the channels add up to 1, as classes' shares do, or are numbers of classes."""
    if planes.shape[2] == 1:
        return planes.dtype.kind in "biu" and planes.dtype != np.uint8 and are_class_ids(planes)
    numbers = planes.astype(np.float32, copy=False)
    return bool(numbers.min() >= 0 and np.abs(numbers.sum(axis=2) - 1).max() < 1e-3)


def _picture(name: str, planes: np.ndarray, reading: Reading) -> OutputImage | None:
    """(H, W, 1 or 3) numbers of any type as a picture; None where all are NaN.

    A network that takes BGR gives BGR: super resolution and style are trained from a picture to a
    picture of the same kind.
    """
    numbers = planes.astype(np.float32)
    finite = numbers[np.isfinite(numbers)]
    if finite.size == 0:
        return None
    low, high = float(finite.min()), float(finite.max())
    how = reading.choices.image_range
    # A picture of 0..255 overshoots a little; -2.1..2.6 is one less ImageNet's mean.
    least = 2 if low >= -0.1 else 16
    if planes.dtype == np.uint8 and how != "fit":
        note = "bytes as they are"
    elif how == "automatic" and low >= -0.1 and high <= 1.1:
        numbers, note = numbers * 255, "0..1 shown as 0..255"
    elif how == "automatic" and low >= -1.1 and high <= 1.1:
        numbers, note = (numbers + 1) * 127.5, "-1..1 shown as 0..255"
    elif how == "clamp" or (how == "automatic" and low >= -64 and high <= 320 and high > least):
        note = "clamped to 0..255"
    else:
        numbers = (numbers - low) / ((high - low) or 1) * 255
        note = f"{low:g}..{high:g} fitted to 0..255"
    if reading.bgr and planes.shape[2] == 3:
        numbers, note = numbers[..., ::-1], f"{note}, BGR assumed"
    clean = np.nan_to_num(numbers, nan=0.0, posinf=255.0, neginf=0.0)
    pixels = np.rint(np.clip(clean, 0, 255)).astype(np.uint8)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return OutputImage(name, np.ascontiguousarray(pixels), note)
