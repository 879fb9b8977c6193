"""Embeddings: a vector that stands for the picture, to be compared with other pictures'."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from core.predictions import Embedding
from core.sessions.base import Arrays
from core.tasks.reading import Evidence, Named, Reading

TASK, LAYOUT = "embed", ""

_WORDS = ("embed", "feature", "descriptor", "latent")
_OTHER_WORDS = ("landmark", "keypoint", "kpt", "coord", "angle", "offset", "bbox", "quaternion")
_OTHER_PARTS = frozenset(("age", "points", "pts", "pose", "yaw", "pitch", "roll", "gaze", "xy"))
_SMALLEST = 16


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """A single output (1, D) or (1, D, 1, 1) with D of at least 16."""
    size = vector_size(outputs, reading)
    if size is None or size < _SMALLEST or reading.metadata.task is not None:
        return None
    name = outputs[0][0]
    if is_named_embedding(name):
        return Evidence(f"the output {name!r} is a vector of {size} numbers")
    words = f"the output is a vector of {size} numbers"
    if size % 32 == 0 and not is_named_otherwise(name):
        return Evidence(f"{words}, a size that embeddings have")
    return Evidence(words, "possible")


def decode(outputs: Arrays, reading: Reading) -> list[Embedding] | None:
    """The vector and its length; None when the values are probabilities of classes."""
    name, array = next(iter(outputs.items()))
    if array.dtype.kind in "OUSc":
        return None
    if reading.choices.task != TASK and are_indices(array):
        return None
    values = array[0].reshape(-1).astype(np.float32)
    if not np.isfinite(values).all():
        return []  # warned of elsewhere; it has no length and is like nothing
    chosen = reading.choices.task == TASK or is_named_embedding(name)
    if not chosen and values.min() >= 0 and abs(float(values.sum()) - 1) < 1e-2:
        return None
    return [Embedding(name, values, float(np.linalg.norm(values.astype(np.float64))))]


def vector_size(outputs: Sequence[Named], reading: Reading) -> int | None:
    """The length of the one vector that a picture gives: (1, D) or (1, D, 1, 1); else None."""
    if len(outputs) != 1 or reading.network_wh is None:
        return None
    shape = outputs[0][1]
    if len(shape) not in (2, 4) or any(dim != 1 for dim in shape[2:]):
        return None
    if shape[0] not in (None, reading.batch):  # rows of something else, as of boxes found
        return None
    return shape[1]


def is_named_embedding(name: str) -> bool:
    """Whether an output's name says that it is an embedding."""
    return any(word in name.lower() for word in _WORDS)


def is_named_otherwise(name: str) -> bool:
    """Whether an output's name says that it measures something: places, angles, an age."""
    lower = name.lower()
    parts = re.split("[^a-z]+", lower)
    return any(word in lower for word in _OTHER_WORDS) or not _OTHER_PARTS.isdisjoint(parts)


def are_indices(array: np.ndarray) -> bool:
    """Whether numbers are of a type that scores never have: yes and no, or 64-bit integers.

    ONNX's own ArgMax, TopK and NonZero give int64; quantised scores have 8 bits.
    """
    return array.dtype.kind == "b" or (array.dtype.kind in "iu" and array.dtype.itemsize == 8)
