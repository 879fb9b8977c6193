"""Classification: one vector of scores, as logits or probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import ClassScore, class_label
from core.sessions.base import Arrays
from core.tasks.detect.end_to_end import is_one_box
from core.tasks.reading import Evidence, Named, Reading

TASK, LAYOUT = "classify", ""


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """A single output (1, C) or (1, C, 1, 1), for a model that takes a picture."""
    task = reading.metadata.task
    if len(outputs) != 1 or reading.network_wh is None or task not in (None, "classify"):
        return None
    shape = outputs[0][1]
    if len(shape) not in (2, 4) or any(dim != 1 for dim in shape[2:]):
        return None
    if shape[0] not in (None, reading.batch):  # rows of something else, as of boxes found
        return None
    count = shape[1]
    if count is None or count < 2:
        return None
    words = f"the output is a vector of {count} scores"
    if task == "classify":
        return Evidence(f"metadata says classify and {words}", "certain")
    return Evidence(words)


def decode(outputs: Arrays, reading: Reading) -> list[ClassScore] | None:
    """The best classes with their probabilities.

    Values that are probabilities already (0..1, summing to 1) stay; others go through softmax.
    """
    output = next(iter(outputs.values()))
    if is_one_box(output):
        return None
    scores = output[0].reshape(-1).astype(np.float64)
    if not np.isfinite(scores).all():
        return []  # warned of elsewhere; a ranking of NaN would claim something
    if abs(np.linalg.norm(scores) - 1) < 1e-3 and scores.min() < 0:
        return None  # a vector of length 1 with both signs is an embedding, no scores
    is_probability = scores.min() >= 0 and abs(scores.sum() - 1) < 1e-2
    if not is_probability:
        exponents = np.exp(scores - scores.max())
        scores = exponents / exponents.sum()
    names = reading.names(len(scores))
    best = np.argsort(-scores, kind="stable")[: reading.choices.top_k]
    return [ClassScore(class_label(names, int(i)), int(i), float(scores[i])) for i in best]
