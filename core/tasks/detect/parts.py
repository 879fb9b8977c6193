"""Finished detections that come apart: boxes, scores and classes, perhaps with their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.sessions.base import Arrays
from core.tasks.detect.boxes import plausible_classes, plausible_scores
from core.tasks.reading import Named
from core.tensors import Shape

# As TensorRT's NMS plugins, TensorFlow's detectors, torchvision and ONNX's model zoo name them.
_NAMES = {
    "count": {"num_dets", "num_detections", "num_det", "num", "keep_count", "keepcount"},
    "boxes": {"det_boxes", "detection_boxes", "nmsed_boxes", "boxes", "bboxes"},
    "scores": {"det_scores", "detection_scores", "nmsed_scores", "scores"},
    "classes": {"det_classes", "detection_classes", "nmsed_classes", "classes", "labels"},
}


@dataclass(frozen=True, slots=True)
class Parts:
    """Which output is what.

    `vectors` are scores and classes, in this order where `named` says that names told them.
    """

    boxes: str
    vectors: tuple[str, str]
    count: str | None
    count_dims: int  # of the count's shape; 0 without one
    named: bool

    @property
    def as_tensorflow(self) -> bool:
        """Whether the names are those of TensorFlow's detectors, which others borrow."""
        return self.named and plain_name(self.boxes) == "detection_boxes"


@dataclass(frozen=True, slots=True)
class Finished:
    """Finished detections of the first picture, as they come: boxes (n, 4) float32.

    `rows` says which of the outputs' rows they are, (n,) int.
    """

    boxes: np.ndarray
    scores: np.ndarray
    class_ids: np.ndarray
    rows: np.ndarray


def plain_name(name: str) -> str:
    """An output's own name: in lower case, without the scope before and TensorFlow's ":0"."""
    return name.lower().rsplit("/", 1)[-1].split(":")[0]


def parts_of(outputs: Sequence[Named], batch: int) -> Parts | None:
    """Find the parts by names, else by their shapes, with or without a number; else None."""
    return _by_name(outputs, batch) or _by_shape(outputs, batch) or _three_by_shape(outputs, batch)


def _by_name(outputs: Sequence[Named], batch: int) -> Parts | None:
    found: dict[str, Named] = {}
    for role, names in _NAMES.items():
        fitting = [(name, shape) for name, shape in outputs if plain_name(name) in names]
        if len(fitting) == 1:
            found[role] = fitting[0]
    if not {"boxes", "scores", "classes"} <= found.keys():
        return None
    boxes, scores, classes = (found[role] for role in ("boxes", "scores", "classes"))
    bare = len(boxes[1]) == 2  # torchvision's, without a batch
    if boxes[1][-1:] != (4,) or not (bare or _is_boxes(boxes[1], batch)):
        return None
    vectors = (scores[1], classes[1])
    if any(not agree(vector, boxes[1][:-1]) for vector in vectors):
        return None
    count = found.get("count")
    if count is not None and not _is_count(count[1], batch):
        return None
    name, dims = (None, 0) if count is None else (count[0], len(count[1]))
    return Parts(boxes[0], (scores[0], classes[0]), name, dims, True)


def _by_shape(outputs: Sequence[Named], batch: int) -> Parts | None:
    if len(outputs) != 4:
        return None
    boxes = [(name, shape) for name, shape in outputs if _is_boxes(shape, batch)]
    counts = [(name, shape) for name, shape in outputs if _is_count(shape, batch)]
    if len(boxes) != 1 or len(counts) != 1:
        return None
    rest = [(name, shape) for name, shape in outputs if (name, shape) not in boxes + counts]
    if len(rest) != 2 or any(not agree(shape, boxes[0][1][:2]) for _, shape in rest):
        return None
    vectors = (rest[0][0], rest[1][0])
    return Parts(boxes[0][0], vectors, counts[0][0], len(counts[0][1]), False)


def _three_by_shape(outputs: Sequence[Named], batch: int) -> Parts | None:
    """Boxes (K, 4) or (1, K, 4) and two vectors, as torchvision's in ONNX's model zoo."""
    if len(outputs) != 3:
        return None
    boxes = [
        (name, shape)
        for name, shape in outputs
        if (len(shape) == 2 and shape[1] == 4) or _is_boxes(shape, batch)
    ]
    if len(boxes) != 1:
        return None
    rest = [(name, shape) for name, shape in outputs if name != boxes[0][0]]
    if any(not agree(shape, boxes[0][1][:-1]) for _, shape in rest):
        return None
    return Parts(boxes[0][0], (rest[0][0], rest[1][0]), None, 0, False)


def _is_boxes(shape: Shape, batch: int) -> bool:
    return len(shape) == 3 and shape[0] in (None, batch) and shape[2] == 4


def _is_count(shape: Shape, batch: int) -> bool:
    return len(shape) in (1, 2) and shape[0] in (None, batch) and shape[1:] in ((), (1,))


def agree(one: Shape, other: Shape) -> bool:
    """Whether two shapes can be the same, where None is any."""
    return len(one) == len(other) and all(
        None in (a, b) or a == b for a, b in zip(one, other, strict=True)
    )


def read_parts(outputs: Arrays, parts: Parts) -> Finished | None:
    """The first picture's detections, as many as are counted; None when values contradict."""
    boxes = outputs[parts.boxes]
    first: list[np.ndarray] = [boxes, *(outputs[name] for name in parts.vectors)]
    if boxes.ndim == 3:
        first = [array[0] for array in first]
    count = len(first[0])
    if parts.count is not None:
        counted = float(outputs[parts.count].reshape(-1)[0])
        if not (0 <= counted <= count and counted == int(counted)):
            return None
        count = int(counted)
    boxes, one, other = (array[:count] for array in first)
    if not parts.named:
        ordered = _scores_and_classes(one, other)
        if ordered is None:
            return None
        one, other = ordered
    scores, classes = one.astype(np.float32), other.astype(np.float32)
    if not (plausible_scores(scores) and plausible_classes(classes)):
        return None
    numbers = boxes.astype(np.float32)
    fine = np.isfinite(numbers).all(axis=1) & np.isfinite(classes)
    return Finished(numbers[fine], scores[fine], classes[fine].astype(int), np.flatnonzero(fine))


def _scores_and_classes(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, ...] | None:
    """Tell scores from classes by dtype, else by values; None where both could be either."""
    for kinds in ("iu", ""):
        whole = [
            array.dtype.kind in kinds if kinds else plausible_classes(array.astype(np.float32))
            for array in (one, other)
        ]
        if whole == [False, True]:
            return one, other
        if whole == [True, False]:
            return other, one
    return (one, other) if len(one) == 0 else None
