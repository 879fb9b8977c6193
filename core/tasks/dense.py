"""Dense maps: one number for each point of the picture, as depth, saliency or text maps have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import DenseMap
from core.sessions.base import Arrays
from core.tasks.maps import are_class_ids, channels_first, map_shape, map_shapes, to_picture
from core.tasks.reading import Certainty, Evidence, Named, Reading

TASK, LAYOUT = "dense", ""

_WORDS = ("depth", "disparity", "saliency", "heat", "text", "mask", "alpha")


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """One channel at the input's size or a fraction of it, of an input that has three.

    Several such outputs (the side outputs of U-2-Net) are each a map.
    """
    maps = map_shapes(outputs, reading)
    if maps is None or maps[0].channels != 1 or reading.metadata.task is not None:
        return None
    name = outputs[0][0]
    named = f" {name!r}" if any(word in name.lower() for word in _WORDS) else ""
    size = maps[0].size_words
    words = (
        f"the output{named} is one number a point at {size}"
        if len(maps) == 1
        else f"each of the {len(maps)} outputs is one number a point, the first at {size}"
    )
    # One channel from one channel may as well be a picture.
    certainty: Certainty = "likely" if reading.channels != 1 else "possible"
    return Evidence(words, certainty)


def decode(outputs: Arrays, reading: Reading) -> list[DenseMap] | None:
    """The maps over the picture; None when the values of a lone one are classes' numbers.

    Several maps of whole numbers stay maps, as masks of yes and no: nothing else reads them.
    """
    found = []
    for name, array in outputs.items():
        shape = map_shape(array.shape, reading)
        if shape is None or array.dtype.kind in "OUSc":
            return None
        plane = channels_first(array, shape)[0]
        if reading.choices.task is None and len(outputs) == 1 and _has_class_ids(plane):
            return None
        values = to_picture(plane.astype(np.float32), shape, reading, "linear")
        low, high = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
        if not (np.isfinite(low) and np.isfinite(high)):
            finite = values[np.isfinite(values)]
            if finite.size == 0:
                continue  # warned of elsewhere
            low, high = finite.min(), finite.max()
        note = "shown with a colour map"
        if shape.step > 1:
            note += f", from {shape.size_words}"
        found.append(DenseMap(name, values, float(low), float(high), note))
    return found


def _has_class_ids(plane: np.ndarray) -> bool:
    """Whole numbers of a kind; floats that are all one number are an empty map."""
    if not are_class_ids(plane):
        return False
    return plane.dtype.kind != "f" or bool(plane.min() != plane.max())
