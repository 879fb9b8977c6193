"""Rows of four box numbers, objectness and class probabilities, as YOLOv5 and YOLOX give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.sessions.base import Arrays
from core.tasks.detect.boxes import plausible_scores
from core.tasks.reading import Named, Reading
from core.tensors import Shape


@dataclass(frozen=True, slots=True)
class Found:
    """The rows above the score threshold: which, the best class's score and number."""

    rows: np.ndarray  # (n,) int
    scores: np.ndarray  # (n,) float32: objectness times the class's probability
    class_ids: np.ndarray  # (n,) int


def head_of(outputs: Sequence[Named], reading: Reading) -> tuple[str, Shape] | None:
    """The output (1, N, 5 + classes), or None where no detector gives such outputs.

    It is alone, or among the heads that it was put together from, (1, anchors, h, w, 5 + classes):
    YOLOv5 before 6.2 and YOLOv7 export those too (models/yolo.py, Detect.forward).
    """
    if reading.network_wh is None or reading.metadata.task not in (None, "detect"):
        return None
    rows_of = [(name, shape) for name, shape in outputs if len(shape) == 3]
    if len(rows_of) != 1:
        return None
    name, shape = rows_of[0]
    batch, _, columns = shape
    if batch not in (None, reading.batch) or columns is None or columns < 6:
        return None
    if any(len(other) not in (3, 5) or other[-1] != columns for _, other in outputs):
        return None
    names = reading.metadata.names
    return None if names and len(names) != columns - 5 else (name, shape)


def array_of(outputs: Arrays, reading: Reading) -> np.ndarray | None:
    """The first picture's rows (N, 5 + classes), float32."""
    head = head_of([(name, array.shape) for name, array in outputs.items()], reading)
    return None if head is None else outputs[head[0]][0].astype(np.float32, copy=False)


def found_in(head: np.ndarray, reading: Reading) -> Found | None:
    """The rows that the score threshold leaves; None where values are no probabilities.

    Args:
        head: (N, 5 + classes) float32.
        reading: the threshold.
    """
    if not plausible_scores(head[:, 4:]):
        return None
    objectness = head[:, 4]
    # No score is above its objectness, so most rows need no look at their classes.
    rows = np.flatnonzero(objectness >= reading.choices.score_threshold)
    rows = rows[np.isfinite(head[rows, :4]).all(axis=1)]
    classes = head[rows, 5:]
    class_ids = classes.argmax(axis=1)
    scores = objectness[rows] * classes[np.arange(len(rows)), class_ids]
    # Where a class is NaN, argmax finds it, and the score is above nothing.
    keep = scores >= reading.choices.score_threshold
    return Found(rows[keep], scores[keep], class_ids[keep])
