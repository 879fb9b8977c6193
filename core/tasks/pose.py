"""Pose, Ultralytics' heads: raw (1, 4 + classes + K * d, N) or end-to-end (1, N, 6 + K * d).

A box, and K keypoints of d numbers: x and y in the network's pixels and, where d is 3, a score
0..1 that the point is seen. How many is in the metadata as kpt_shape. Sources:
ultralytics/nn/modules/head.py, Pose; ultralytics/models/yolo/pose/predict.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from core.predictions import Pose, class_label
from core.sessions.base import Arrays
from core.tasks.detect.boxes import plausible_scores, suppress
from core.tasks.reading import Certainty, Evidence, Named, Reading
from core.tasks.ultralytics_heads import (
    corners_of,
    could_be_finished,
    finished_candidates,
    grid_words,
    picture_size,
    raw_candidates,
    three_dimensions,
)

TASK, LAYOUT = "pose", "ultralytics"

_PERSON = (1, 17, 3)  # a class, and COCO's keypoints of a person with scores
_FEWEST = 4  # keypoints that are offered where nothing says so
_MOST = 133  # COCO-WholeBody's, where the metadata does not tell their number


class _Parts(NamedTuple):
    """What the rows and columns are: classes is None for an end-to-end head, which tells none."""

    classes: int | None
    points: int
    numbers: int  # of each point
    grid: str = ""  # in words, where the columns are the cells of known grids


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """Metadata that says so, or the rows of a person's 17 keypoints."""
    task = reading.metadata.task
    if len(outputs) != 1 or reading.network_wh is None or task not in (None, "pose"):
        return None
    sides = three_dimensions(outputs[0][1], reading)
    parts = None if sides is None else _parts(*sides, reading)
    if sides is None or parts is None:
        return None
    said = "metadata says pose and " if task == "pose" else ""
    certainty: Certainty = "certain" if said else "possible"
    if parts.classes is None:
        shape = f"(1, {sides[0] or 'N'}, 6 + {parts.points} * {parts.numbers})"
        return Evidence(f"{said}the output is an end-to-end {shape}", certainty)
    if not said and (parts.classes, parts.points, parts.numbers) == _PERSON:
        certainty = "likely"
    shape = f"(1, 4 + {parts.classes} + {parts.points} * {parts.numbers}, {sides[1] or 'N'})"
    grid = f", {parts.grid}" if parts.grid else ""
    return Evidence(f"{said}the output is {shape}{grid}", certainty)


def _parts(rows: int | None, columns: int | None, reading: Reading) -> _Parts | None:
    """What (1, rows, columns) can be, a raw head or an end-to-end one; None for neither."""
    metadata = reading.metadata
    assert reading.network_wh is not None  # recognise asked for it
    grid = grid_words(columns, reading.network_wh)
    long = metadata.task == "pose" and (columns is None or columns > (rows or 0))
    if rows is not None and (grid or long):
        shape, classes = metadata.keypoint_shape, len(metadata.names) or 1
        if shape is not None and not metadata.names:
            classes = rows - 4 - shape[0] * shape[1]
        points = _points(rows - 4 - classes, reading)
        if points is not None and classes >= 1:
            return _Parts(classes, *points, grid)
    points = None if columns is None else _points(columns - 6, reading)
    if points is not None and could_be_finished(rows, reading):
        return _Parts(None, *points)
    return None


def _points(numbers: int, reading: Reading) -> tuple[int, int] | None:
    """Keypoints, and numbers of each, where so many numbers can be keypoints."""
    shape = reading.metadata.keypoint_shape
    if shape is not None:
        return shape if shape[0] * shape[1] == numbers else None
    fewest = 1 if reading.metadata.task == "pose" else _FEWEST
    for each in (3, 2):
        if numbers % each == 0 and fewest <= numbers // each <= _MOST:
            return numbers // each, each
    return None


def decode(outputs: Arrays, reading: Reading) -> list[Pose] | None:
    """Objects with their keypoints in the picture's pixels, best first.

    Keypoints may lie beside the picture. Their score is 1 where the head gives none.

    Returns:
        None when the values are no scores, or the keypoints no places in a picture.
    """
    head = next(iter(outputs.values()))[0]
    parts = _parts(head.shape[0], head.shape[1], reading)
    assert parts is not None  # recognised by the same shape
    if parts.classes is None:
        names = reading.given_names
        all_points, found = head[:, 6:], finished_candidates(head, reading)
    else:
        names = reading.names(parts.classes)
        all_points = head[4 + parts.classes :].T
        found = raw_candidates(head, parts.classes, reading)
    if found is None or not _plausible(all_points, found.more, parts):
        return None
    boxes = found.boxes if parts.classes is None else corners_of(found.boxes)
    if parts.classes is not None:
        kept = suppress(boxes, found.scores, found.class_ids, reading)
        boxes, found = boxes[kept], found.take(kept)
    found = found.with_boxes(reading.placement.to_picture(boxes, picture_size(reading)))
    found = found.seen().best(reading.choices.max_detections)
    points = found.more.reshape(-1, parts.points, parts.numbers)
    places = reading.placement.points_to_picture(points[..., :2].reshape(-1, 2))
    scores = points[..., 2:] if parts.numbers == 3 else np.ones((*points.shape[:2], 1), np.float32)
    keypoints = np.concatenate([places.reshape(-1, parts.points, 2), scores], axis=2)
    rows = zip(
        found.boxes.tolist(),
        found.scores.tolist(),
        found.class_ids.tolist(),
        keypoints.tolist(),
        strict=True,
    )
    return [
        Pose(
            class_label(names, class_id),
            class_id,
            score,
            (x1, y1, x2, y2),
            tuple((x, y, seen) for x, y, seen in one),
        )
        for (x1, y1, x2, y2), score, class_id, one in rows
    ]


def _plausible(every: np.ndarray, found: np.ndarray, parts: _Parts) -> bool:
    """Whether numbers (n, K * d) can be keypoints: scores 0..1, and places that are not 0..1 too.

    The second tells them from the scores of a detector with many classes, looked for in what was
    found, and where nothing was, in all.
    """
    points = every.reshape(-1, parts.points, parts.numbers)
    if parts.numbers == 3 and not plausible_scores(points[..., 2]):
        return False
    if len(found):
        points = found.reshape(-1, parts.points, parts.numbers)
    elif not every.any():
        return True
    return not plausible_scores(points[..., :2])
