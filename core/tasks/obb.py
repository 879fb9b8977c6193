"""Oriented boxes, Ultralytics' heads: raw (1, 4 + classes + 1, N) or end-to-end (1, N, 7).

cx, cy, w, h in the network's pixels, and an angle in radians as the last number: the direction
of the box's width, from the x axis towards the y axis, so clockwise as one sees it. End-to-end
rows are cx, cy, w, h, score, class, angle. Sources: ultralytics/nn/modules/head.py, OBB;
ultralytics/utils/ops.py, xywhr2xyxyxyxy; ultralytics/models/yolo/obb/predict.py.

The suppression is by the overlap of the turned boxes themselves (cv2.dnn.NMSBoxesRotated);
Ultralytics estimates it from Gaussians instead (probiou), so a few boxes may differ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import OrientedBox, class_label
from core.sessions.base import Arrays
from core.tasks.reading import Certainty, Evidence, Named, Reading
from core.tasks.ultralytics_heads import (
    Candidates,
    could_be_finished,
    finished_candidates,
    grid_words,
    picture_size,
    raw_candidates,
    three_dimensions,
)

TASK, LAYOUT = "obb", "ultralytics"

_FINISHED = 7  # numbers a row
_MAX_ANGLE = 2 * np.pi  # no head means more than a turn


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """Metadata that says so; a shape alone could as well be a detector's with a class more."""
    task = reading.metadata.task
    if len(outputs) != 1 or reading.network_wh is None or task not in (None, "obb"):
        return None
    sides = three_dimensions(outputs[0][1], reading)
    if sides is None:
        return None
    rows, columns = sides
    said = "metadata says obb and " if task == "obb" else ""
    certainty: Certainty = "certain" if said else "possible"
    if _is_finished(rows, columns, reading):
        words = f"the output (1, {rows or 'N'}, 7) has boxes with a score, class and angle"
        return Evidence(said + words, certainty)
    classes, names = (rows or 0) - 5, reading.metadata.names
    if classes < 1 or (names and len(names) != classes):
        return None
    grid = grid_words(columns, reading.network_wh)
    if not grid and not (said and (columns is None or columns > (rows or 0))):
        return None
    words = f"the output is (1, 4 + {classes} + 1 angle, {columns or 'N'})"
    return Evidence(f"{said}{words}{f', {grid}' if grid else ''}", certainty)


def _is_finished(rows: int | None, columns: int | None, reading: Reading) -> bool:
    return columns == _FINISHED and could_be_finished(rows, reading)


def decode(outputs: Arrays, reading: Reading) -> list[OrientedBox] | None:
    """Boxes by their corners in the picture's pixels, best first.

    Corners may lie beside the picture; `box` is cut to it.

    Returns:
        None when the values are no scores, classes, sizes or angles.
    """
    head = next(iter(outputs.values()))[0]
    finished = _is_finished(head.shape[0], head.shape[1], reading)
    if finished:
        names = reading.given_names
        found = finished_candidates(head, reading)
    else:
        names = reading.names(len(head) - 5)
        found = raw_candidates(head, len(head) - 5, reading)
    if found is None or not _plausible(found):
        return None
    found = found.take(np.flatnonzero((found.boxes[:, 2:] > 0).all(axis=1)))
    if not finished:
        found = found.take(_suppress(found, reading))
    corners = reading.placement.points_to_picture(_corners(found).reshape(-1, 2)).reshape(-1, 4, 2)
    around = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    width, height = picture_size(reading)
    around = np.clip(around, 0, np.array([width, height] * 2, np.float32))
    order = np.argsort(-found.scores, kind="stable")
    rows = zip(
        corners[order].tolist(),
        around[order].tolist(),
        found.scores[order].tolist(),
        found.class_ids[order].tolist(),
        strict=True,
    )
    boxes = [
        OrientedBox(
            class_label(names, class_id),
            class_id,
            score,
            (x1, y1, x2, y2),
            tuple((x, y) for x, y in points),
        )
        for points, (x1, y1, x2, y2), score, class_id in rows
        if x2 > x1 and y2 > y1
    ]
    return boxes[: reading.choices.max_detections]


def _plausible(found: Candidates) -> bool:
    """Whether most sizes and angles can be some; YOLO26's heads bound neither."""
    if len(found.scores) == 0:
        return True
    sizes, angles = found.boxes[:, 2:].min(axis=1), np.abs(found.more[:, -1])
    return bool(np.median(sizes) >= 0 and np.median(angles) <= _MAX_ANGLE)


def _corners(found: Candidates) -> np.ndarray:
    """(n, 4, 2) in the network's pixels, in the order of Ultralytics' xywhr2xyxyxyxy."""
    middle = found.boxes[:, :2]
    angle = found.more[:, -1:]
    along = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) * found.boxes[:, 2:3] / 2
    across = np.concatenate([-np.sin(angle), np.cos(angle)], axis=1) * found.boxes[:, 3:4] / 2
    corners: np.ndarray = np.stack(
        [
            middle + along + across,
            middle + along - across,
            middle - along - across,
            middle - along + across,
        ],
        axis=1,
    )
    return corners


def _suppress(found: Candidates, reading: Reading) -> np.ndarray:
    """Class-wise suppression by the overlap of turned boxes; indices of those that stay.

    Of many candidates only the best are looked at, more of them as long as too few stay: what
    comes after cannot matter, and thousands of turned boxes take seconds.
    """
    order = np.argsort(-found.scores, kind="stable")
    enough = reading.choices.max_detections
    looked_at = 4 * enough
    while True:
        best = order[:looked_at]
        classes = found.class_ids[best]
        stay = [
            rows[_suppress_class(found.take(rows), reading.choices.iou_threshold)]
            for rows in (best[classes == class_id] for class_id in np.unique(classes))
        ]
        kept = np.concatenate(stay) if stay else np.empty(0, int)
        if len(kept) >= enough or looked_at >= len(order):
            return kept
        looked_at *= 2


def _suppress_class(found: Candidates, iou_threshold: float) -> np.ndarray:
    import cv2

    degrees = np.degrees(found.more[:, -1]).tolist()
    rectangles = [
        ((x, y), (width, height), angle)
        for (x, y, width, height), angle in zip(found.boxes.tolist(), degrees, strict=True)
    ]
    kept = cv2.dnn.NMSBoxesRotated(rectangles, found.scores.tolist(), 0.0, iou_threshold)
    return np.asarray(kept, int).reshape(-1)
