"""Classification: one vector of scores, as logits or probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import ClassScore, class_label
from core.sessions.base import Arrays
from core.tasks.detect.end_to_end import is_one_box
from core.tasks.embed import are_indices, is_named_embedding, is_named_otherwise, vector_size
from core.tasks.reading import Evidence, Named, Reading

TASK, LAYOUT = "classify", ""

_MANY = 64  # scores
_BYTES_MISSING = 24  # of the 256, where small shares were rounded to nothing
_WORDS = ("class", "label", "logit", "prob", "score", "sigmoid", "softmax")


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """A single output (1, C) or (1, C, 1, 1), for a model that takes a picture."""
    task = reading.metadata.task
    count = vector_size(outputs, reading)
    if count is None or count < 2 or task not in (None, "classify"):
        return None
    assumed = reading.assumed(count, "imagenet")
    words = f"the output is a vector of {count} scores"
    if task == "classify":
        return Evidence(f"metadata says classify and {words}", "certain", assumed)
    if reading.fitting_names(count):
        return Evidence(f"{words}, and there are {count} class names")
    name = outputs[0][0].lower()
    # Embeddings come in 128, 256, 512 ... numbers; classes hardly ever do.
    like_embedding = count % 128 == 0 and not any(word in name for word in _WORDS)
    if like_embedding or is_named_embedding(name) or is_named_otherwise(name):
        return Evidence(words, "possible", assumed)
    return Evidence(words, "likely", assumed)


def decode(outputs: Arrays, reading: Reading) -> list[ClassScore] | None:
    """The best classes with their probabilities.

    Values that are probabilities already stay: those in 0..1 that sum to 1, or in 0..1 in an
    output that is called a sigmoid's or has many of them, as taggers of pictures have: dozens of
    logits never all lie there. Bytes that sum to about 256 are probabilities quantised (TensorFlow
    Lite's quantisation specification: softmax has the scale 1/256). Others go through softmax.
    """
    name, array = next(iter(outputs.items()))
    if array.dtype.kind in "OUSc":
        return None
    if is_one_box(array):
        return None
    if reading.choices.task != TASK and are_indices(array):
        return None
    scores = array[0].reshape(-1).astype(np.float64)
    if not np.isfinite(scores).all():
        return []  # warned of elsewhere; a ranking of NaN would claim something
    chosen = reading.choices.task == TASK
    if not chosen and abs(np.linalg.norm(scores) - 1) < 1e-3 and scores.min() < 0:
        return None  # a vector of length 1 with both signs is an embedding, no scores
    low, high, total = scores.min(), scores.max(), scores.sum()
    if array.dtype == np.uint8 and abs(total - 256) <= _BYTES_MISSING:
        scores, low, high, total = scores / total, 0, high / total, 1
    many = len(scores) >= _MANY
    is_sigmoid = ("sigmoid" in name.lower() or many) and low >= 0 and high <= 1
    is_probability = low >= 0 and abs(total - 1) < 1e-2
    if not (is_probability or is_sigmoid):
        exponents = np.exp(scores - high)
        scores = exponents / exponents.sum()
    names = reading.names(len(scores), assume="imagenet")
    best = np.argsort(-scores, kind="stable")[: reading.choices.top_k]
    return [ClassScore(class_label(names, int(i)), int(i), float(scores[i])) for i in best]
