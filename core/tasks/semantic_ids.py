"""Semantic segmentation, finished: the number of a class at each point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import ClassMap
from core.sessions.base import Arrays
from core.tasks.maps import (
    are_class_ids,
    channels_first,
    class_map,
    map_shape,
    map_shapes,
    to_picture,
)
from core.tasks.reading import Evidence, Named, Reading

TASK, LAYOUT = "semantic-segment", "class-ids"


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """One number a point, at the input's size or a fraction of it.

    A dense map and a grey picture have the same shape, and go first; the values tell them apart.
    """
    maps = map_shapes(outputs, reading)
    if maps is None or len(maps) != 1 or reading.metadata.task is not None:
        return None
    if maps[0].channels != 1:
        return None
    size = maps[0].size_words
    return Evidence(f"the output is one number a point at {size}, a class's where all are whole")


def decode(outputs: Arrays, reading: Reading) -> list[ClassMap] | None:
    """Each pixel's class is its nearest point's; None when the numbers are no classes'."""
    name, array = next(iter(outputs.items()))
    shape = map_shape(array.shape, reading)
    if shape is None:
        return None
    plane = channels_first(array, shape)[0]
    if plane.dtype.kind not in "biuf":
        plane = plane.astype(np.float32)
    if not are_class_ids(plane):
        return None
    class_ids = plane.astype(np.uint16)
    names = reading.given_names
    if names and class_ids.max() >= len(names):
        names = ()
    return [class_map(name, to_picture(class_ids, shape, reading, "nearest"), names)]
