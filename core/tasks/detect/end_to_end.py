"""Detection, end-to-end heads: rows of finished boxes, the suppression done.

(1, N, 6) or (N, 6): x1, y1, x2, y2, score, class, or class before score, told by the values.
(N, 7): the picture's place in the batch, x1, y1, x2, y2, class, score.
dets (1, N, 5) and labels (1, N): the same as (1, N, 6) in two outputs.
(1, 1, N, 7): the picture's place, class, score, x1, y1, x2, y2; a place of -1 ends the list.
Boxes are in the network's pixels, or fractions of it, told by the values. Sources:
ultralytics/nn/modules/head.py, Detect with end2end (v10Detect); WongKinYiu/yolov7
models/experimental.py, ONNX_ORT; open-mmlab/mmdeploy configs/mmdet (output_names); Caffe SSD's
and OpenVINO's DetectionOutput.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import Detection
from core.sessions.base import Arrays
from core.tasks.detect.boxes import (
    detections,
    in_pixels,
    plausible_classes,
    plausible_corners,
    plausible_scores,
)
from core.tasks.detect.parts import agree, plain_name
from core.tasks.reading import Evidence, Named, Reading

TASK, LAYOUT = "detect", "end-to-end"

_USUAL_ROWS = range(50, 1001)
"""As many rows as detectors with a fixed number of boxes give."""


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """Rows of six or seven numbers."""
    metadata = reading.metadata
    if reading.network_wh is None or metadata.task not in (None, "detect"):
        return None
    if _are_dets_and_labels(outputs, reading.batch):
        return Evidence("the outputs dets and labels are named and shaped as MMDeploy's")
    if len(outputs) != 1:
        return None
    shape = outputs[0][1]
    if not _has_rows(shape, reading.batch):
        return None
    form = ", ".join("N" if dim is None else str(dim) for dim in shape)
    words = f"the output ({form}) is an end-to-end detector's"
    if metadata.task == "detect":
        return Evidence(f"metadata says detect and {words}", "certain")
    if len(shape) == 3 and shape[1] is not None and shape[1] not in _USUAL_ROWS:
        return Evidence(f"the output ({form}) has rows of six numbers", "possible")
    if len(shape) == 2 and shape[0] is None:
        return Evidence(f"the output ({form}) has rows of {shape[1]} numbers", "possible")
    return Evidence(words)


def _are_dets_and_labels(outputs: Sequence[Named], batch: int) -> bool:
    shapes = {plain_name(name): shape for name, shape in outputs}
    if len(outputs) != 2 or shapes.keys() != {"dets", "labels"}:
        return False
    dets, labels = shapes["dets"], shapes["labels"]
    return len(dets) == 3 and dets[0] in (None, batch) and dets[2] == 5 and agree(dets[:2], labels)


def _has_rows(shape: Sequence[int | None], batch: int) -> bool:
    if len(shape) == 2:  # as many rows as there are pictures are scores, but for one box found
        return shape[1] in (6, 7) and (shape[0] != batch or batch == 1)
    if len(shape) == 3:
        return shape[0] in (None, batch) and shape[2] == 6
    return len(shape) == 4 and tuple(shape[:2]) == (1, 1) and shape[3] == 7


def decode(outputs: Arrays, reading: Reading) -> list[Detection] | None:
    """Boxes in the picture's pixels, best first; None when the values are no detections."""
    array = _one_array(outputs)
    columns = _columns(array)
    if columns is None:
        return None
    boxes, scores, classes = columns
    if not plausible_corners(boxes):
        return None
    boxes = in_pixels(boxes, reading)
    fine = np.isfinite(boxes).all(axis=1) & np.isfinite(classes)
    keep = fine & (scores >= reading.choices.score_threshold)
    names = reading.given_names
    return detections(boxes[keep], scores[keep], classes[keep].astype(int), names, reading)


def _one_array(outputs: Arrays) -> np.ndarray:
    by_name = {plain_name(name): array for name, array in outputs.items()}
    if len(by_name) == 1:
        return next(iter(outputs.values()))
    dets, labels = by_name["dets"], by_name["labels"][..., None]
    joined: np.ndarray = np.concatenate([dets, labels.astype(dets.dtype)], axis=2)
    return joined[:, labels[0, :, 0] >= 0]  # a label of -1 fills up


def is_one_box(output: np.ndarray) -> bool:
    """Whether an output (1, 6) or (1, 7) is one finished box, and no vector of scores."""
    if output.ndim != 2 or output.dtype.kind in "iub" or output.shape not in ((1, 6), (1, 7)):
        return False
    columns = _columns(output)
    if columns is None or not np.isfinite(output.astype(np.float32)).all():
        return False
    box = columns[0]
    return len(box) == 1 and bool((box[0, 2:] > box[0, :2]).all())


def _columns(array: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Boxes, scores and classes of the first picture; None when values contradict all orders."""
    rows = array.reshape(-1, 7) if array.ndim == 4 else array[0] if array.ndim == 3 else array
    rows = rows.astype(np.float32, copy=False)
    if rows.shape[1] == 7:
        places = rows[:, 0]
        if array.ndim == 4:
            ended = np.flatnonzero(places < 0)
            rows = rows[: ended[0]] if ended.size else rows
            places = rows[:, 0]
        if not plausible_classes(places):
            return None
        first = rows[places == 0]
        box, score, kind = (slice(3, 7), 2, 1) if array.ndim == 4 else (slice(1, 5), 6, 5)
        if plausible_scores(first[:, score]) and plausible_classes(first[:, kind]):
            return first[:, box], first[:, score], first[:, kind]
        return None
    boxes, fifth, sixth = rows[:, :4], rows[:, 4], rows[:, 5]
    if plausible_scores(fifth) and plausible_classes(sixth):
        return boxes, fifth, sixth
    # Class before score; where both are whole numbers, it is not.
    if plausible_classes(fifth) and plausible_scores(sixth) and not plausible_classes(sixth):
        return boxes, sixth, fifth
    return None
