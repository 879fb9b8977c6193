"""Detection in Ultralytics' two layouts.

Raw heads give (1, 4 + classes, N): cx, cy, w, h in the network's pixels, then a score a class,
for N = the sum of the grids at each stride; NMS is done here. End-to-end heads give (1, N, 6):
x1, y1, x2, y2, score, class, finished. Source: ultralytics/nn/modules/head.py, Detect.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import Detection, class_label
from core.sessions.base import Arrays
from core.tasks.reading import Named, Reading

# Grids of the detection heads that Ultralytics ships: P3-P5, P2-P5 and P3-P6.
_STRIDE_SETS = ((8, 16, 32), (4, 8, 16, 32), (8, 16, 32, 64))


def recognise(outputs: Sequence[Named], reading: Reading) -> str | None:
    """Evidence that the one output is of either layout, or None."""
    network_wh, metadata = reading.network_wh, reading.metadata
    if len(outputs) != 1 or network_wh is None or len(outputs[0][1]) != 3:
        return None
    if metadata.task not in (None, "detect"):
        return None
    batch, rows, columns = outputs[0][1]
    if batch not in (None, reading.batch):
        return None
    said = "metadata says detect and " if metadata.task == "detect" else ""
    if columns == 6 and (metadata.task == "detect" or rows is None or 50 <= rows <= 1000):
        return f"{said}the output (1, {rows or 'N'}, 6) is an end-to-end detector's"
    if rows is None or rows < 5:
        return None
    classes = rows - 4
    if metadata.names and len(metadata.names) != classes:
        return None
    for strides in _STRIDE_SETS:
        if columns == _cells(network_wh, strides):
            steps = ", ".join(str(stride) for stride in strides)
            return (
                f"{said}the output (1, 4 + {classes}, {columns}) has a column for each cell "
                f"at strides {steps}"
            )
    if metadata.task == "detect" and (columns is None or columns > rows):
        return f"metadata says detect and the output is (1, 4 + {classes}, {columns or 'N'})"
    return None


def _cells(network_wh: tuple[int, int], strides: Sequence[int]) -> int:
    width, height = network_wh
    return sum((width // stride) * (height // stride) for stride in strides)


def decode(outputs: Arrays, reading: Reading) -> list[Detection] | None:
    """Boxes in the picture's pixels, best first; None when the values are no detections."""
    head = next(iter(outputs.values()))[0].astype(np.float32, copy=False)
    end_to_end = head.shape[1] == 6
    scores = head[:, 4] if end_to_end else head[4:].max(axis=0)
    if not _plausible(scores, head[:, 5] if end_to_end else None):
        return None
    keep = np.flatnonzero(scores >= reading.score_threshold)
    found = head[keep].T if end_to_end else head[:, keep]  # a column for each
    if not np.isfinite(found).all():
        fine = np.isfinite(found).all(axis=0)
        keep, found = keep[fine], found[:, fine]
    scores = scores[keep]
    if end_to_end:
        boxes, class_ids = found[:4].T, found[5].astype(int)
    else:
        class_ids = found[4:].argmax(axis=0) if keep.size else np.empty(0, int)
        half = found[2:4] / 2
        boxes = np.concatenate([found[:2] - half, found[:2] + half]).T
        kept = _suppress(boxes, scores, class_ids, reading)
        boxes, scores, class_ids = boxes[kept], scores[kept], class_ids[kept]
    size = reading.picture_wh or reading.network_wh or (0, 0)
    boxes = reading.placement.to_picture(boxes, size)
    order = np.argsort(-scores, kind="stable")[: reading.max_detections]
    names = reading.metadata.names
    rows = zip(
        boxes[order].tolist(), scores[order].tolist(), class_ids[order].tolist(), strict=True
    )
    return [
        Detection(class_label(names, class_id), class_id, score, (x1, y1, x2, y2))
        for (x1, y1, x2, y2), score, class_id in rows
        if x2 > x1 and y2 > y1
    ]


def _plausible(scores: np.ndarray, class_ids: np.ndarray | None) -> bool:
    """Scores lie in 0..1 and classes are whole numbers; NaN is warned of elsewhere."""
    low, high = np.fmin.reduce(scores, initial=0), np.fmax.reduce(scores, initial=0)  # skip NaN
    if low < -0.001 or high > 1.001:
        return False
    if class_ids is None:
        return True
    ids = class_ids[np.isfinite(class_ids)]
    return bool((ids >= 0).all() and (ids == np.rint(ids)).all())


def _suppress(
    boxes: np.ndarray, scores: np.ndarray, class_ids: np.ndarray, reading: Reading
) -> np.ndarray:
    """Class-wise non-maximum suppression: indices of the boxes that stay."""
    if len(boxes) == 0:
        return np.empty(0, int)
    import cv2

    # OpenCV keeps classes apart by an offset, which takes coordinates of 0 and more.
    corners = boxes[:, :2] - boxes[:, :2].min()
    corners_and_sizes = np.concatenate([corners, boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(
        corners_and_sizes.astype(np.float64).tolist(),
        scores.tolist(),
        class_ids.tolist(),
        reading.score_threshold,
        reading.iou_threshold,
    )
    return np.asarray(kept, int).reshape(-1)
