"""Semantic segmentation: a score for each class at each point, as logits or probabilities.

Which of the two makes no difference: the class is the one with the highest score. A map with
one channel may be the share of one class; that is offered, but never assumed: see dense.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import ClassMap
from core.sessions.base import Arrays
from core.tasks.maps import (
    MapShape,
    channels_first,
    class_map,
    map_shape,
    map_shapes,
    picture_size,
    to_picture,
)
from core.tasks.reading import Evidence, Named, Reading

TASK, LAYOUT = "semantic-segment", "scores"

_MAX_CLASSES = 256
_OTHER_NAMES = ("heat", "keypoint", "landmark", "feature", "embed", "flow", "paf")
_CLASS_NAMES = ("seg", "class", "label", "prob", "softmax", "logit")
# Channels of a layer's features (powers of two), and of keypoints' heat maps: MPII's 16, COCO's
# 17, COCO-WholeBody's 133.
_OTHER_COUNTS = (16, 17, 32, 64, 128, 133, 256)
_BAND = 4_000_000  # pixels of the picture worked on at a time
_MAX_SMOOTH = 100_000_000  # pixels times classes; more would take seconds


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """A channel for each class, at the input's size or a fraction of it; the first is read."""
    maps = map_shapes(outputs, reading)
    if maps is None or maps[0].channels > _MAX_CLASSES or reading.metadata.task is not None:
        return None
    count, size = maps[0].channels, maps[0].size_words
    which = "the output" if len(maps) == 1 else f"the first of {len(maps)} outputs"
    if count == 1:
        return Evidence(f"{which} is one number a point at {size}, as of one class", "possible")
    words = f"{which} has {count} channels at {size}, as scores of {count} classes"
    if reading.fitting_names(count):
        return Evidence(f"{words}, and there are {count} class names")
    name = outputs[0][0].lower()
    # As many channels as the input has are a picture's colours.
    like_others = count == reading.channels or (maps[0].step > 1 and count in _OTHER_COUNTS)
    if any(word in name for word in _OTHER_NAMES):
        return Evidence(words, "possible")
    if like_others and not any(word in name for word in _CLASS_NAMES):
        return Evidence(words, "possible")
    return Evidence(words)


def decode(outputs: Arrays, reading: Reading) -> list[ClassMap] | None:
    """The class with the highest score at each of the picture's pixels.

    Scores are interpolated before they are compared, so borders come out smooth; where that
    would take too long, in a huge picture with many classes, each pixel gets its nearest
    point's class.
    """
    name, array = next(iter(outputs.items()))
    shape = map_shape(array.shape, reading)
    if shape is None or array.dtype.kind in "OUSc":
        return None
    scores = channels_first(array, shape).astype(np.float32, copy=False)
    finite = np.isfinite(scores)
    if not finite.any():
        return []  # warned of elsewhere; a map of NaN would claim something
    if not finite.all():
        scores = np.nan_to_num(scores, nan=-1e30, posinf=1e30, neginf=-1e30)
    if shape.channels == 1:
        return _one_class(name, scores, shape, reading)
    names = reading.names(shape.channels)
    if reading.choices.task is None and not names and shape.step > 1 and _are_heat_maps(scores):
        return None
    return [class_map(name, _class_ids(scores, shape, reading), names)]


def _class_ids(scores: np.ndarray, shape: MapShape, reading: Reading) -> np.ndarray:
    best = scores.argmax(axis=0).astype(np.uint16)
    # A class that is best at no point hardly ever is best between two.
    present = np.flatnonzero(np.bincount(best.reshape(-1)))
    width, height = picture_size(reading)
    if len(present) * width * height > _MAX_SMOOTH:
        return to_picture(best, shape, reading, "nearest")
    class_ids = np.full((height, width), present[0], np.uint16)
    if len(present) == 1:
        return class_ids
    step = max(1, _BAND // max(width, 1))
    for top in range(0, height, step):
        rows = (top, min(top + step, height))
        band = class_ids[rows[0] : rows[1]]
        highest = to_picture(scores[present[0]], shape, reading, "linear", rows)
        for class_id in present[1:]:
            plane = to_picture(scores[class_id], shape, reading, "linear", rows)
            higher = plane > highest
            band[higher] = class_id
            np.maximum(highest, plane, out=highest)
    return class_ids


def _one_class(
    name: str, scores: np.ndarray, shape: MapShape, reading: Reading
) -> list[ClassMap] | None:
    """Class 1 where its probability is at least a half, else class 0."""
    low, high = float(scores.min()), float(scores.max())
    if low >= 0 and high > 1:
        return None  # neither probabilities nor logits, which have both signs
    threshold = 0.5 if low >= 0 else 0.0
    plane = to_picture(scores[0], shape, reading, "linear")
    alone = reading.fitting_names(1)
    names = ("background", *alone) if alone else reading.names(2)
    return [class_map(name, (plane >= threshold).astype(np.uint16), names)]


def _are_heat_maps(scores: np.ndarray) -> bool:
    """Whether each channel has values of its own about 0..1, as keypoints' heat maps have."""
    if scores.min() < -0.3 or scores.max() > 1.3:
        return False
    return bool(np.abs(scores.sum(axis=0) - 1).mean() > 0.1)
