"""Instance segmentation, Ultralytics' heads: boxes with coefficients, and prototypes of masks.

Raw (1, 4 + classes + P, N) or end-to-end (1, N, 6 + P), with prototypes (1, P, h, w), P mostly
32. YOLOv5's raw (1, N, 5 + classes + P), with objectness and three anchors a cell, is read where
the number of names says how many classes there are. A mask is where the prototypes, weighed by
the box's coefficients, lie above 0 (where their sigmoid lies above 0.5), within the box. Sources:
ultralytics/nn/modules/head.py, Segment and Proto; ultralytics/utils/ops.py, process_mask_native;
ultralytics/yolov5 models/yolo.py, Segment.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.placement import Placement
from core.predictions import Mask, Segment, class_label
from core.sessions.base import Arrays
from core.tasks.detect.boxes import plausible_scores, suppress
from core.tasks.detect.ultralytics import STRIDE_SETS, cells
from core.tasks.mask_regions import mask_regions
from core.tasks.reading import Certainty, Evidence, Named, Reading
from core.tasks.ultralytics_heads import (
    Candidates,
    corners_of,
    could_be_finished,
    finished_candidates,
    grid_words,
    picture_size,
    raw_candidates,
    three_dimensions,
)
from core.tensors import Shape

TASK, LAYOUT = "instance-segment", "ultralytics"

_ANCHORS = 3  # a cell of YOLOv5's
_PROTOTYPES = 32  # how many every shipped head has
_AT_ONCE = 16  # masks computed in one product, so that memory stays small


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """A head whose rows end in as many coefficients as the other output has prototypes."""
    metadata = reading.metadata
    if len(outputs) != 2 or reading.network_wh is None or metadata.task not in (None, "segment"):
        return None
    (_, head), (_, prototypes) = sorted(outputs, key=lambda output: len(output[1]))
    sides = three_dimensions(head, reading)
    if sides is None or not _are_prototypes(prototypes, reading):
        return None
    count = prototypes[1] or _PROTOTYPES
    said = "metadata says segment and " if metadata.task == "segment" else ""
    if not said and count != _PROTOTYPES:
        return None
    rows, columns = sides
    beside = f"(1, {count}, {prototypes[2] or 'h'}, {prototypes[3] or 'w'}) prototypes of masks"
    if _is_yolov5(rows, columns, count, reading):
        classes = len(reading.given_names)
        words = f"(1, {rows}, 5 + {classes} + {count}), three anchors a cell, and {beside}"
        return Evidence(f"there are {classes} class names, and the outputs are {words}", "certain")
    if columns == 6 + count and could_be_finished(rows, reading):
        words = f"{said}the outputs are an end-to-end (1, {rows or 'N'}, 6 + {count}) and {beside}"
        return Evidence(words, "certain" if said else "likely")
    classes = (rows or 0) - 4 - count
    if classes < 1 or (metadata.names and len(metadata.names) != classes):
        return None
    grid = grid_words(columns, reading.network_wh)
    if not grid and columns is not None and columns <= (rows or 0):
        return None
    certainty: Certainty = "certain" if said else "likely" if grid else "possible"
    words = (
        f"{said}the outputs are (1, 4 + {classes} + {count}, {columns or 'N'})"
        f"{f', {grid},' if grid else ''} and {beside}"
    )
    return Evidence(words, certainty)


def _is_yolov5(rows: int | None, columns: int | None, count: int, reading: Reading) -> bool:
    """Whether (1, rows, columns) has YOLOv5's anchors, for as many classes as there are names."""
    names, network_wh = reading.given_names, reading.network_wh
    if not names or network_wh is None or columns != 5 + len(names) + count:
        return False
    return any(rows == _ANCHORS * cells(network_wh, strides) for strides in STRIDE_SETS)


def _without_objectness(head: np.ndarray, reading: Reading) -> np.ndarray | None:
    """YOLOv5's rows as the columns of a raw head: score = objectness * class.

    Returns:
        (4 + classes + P, n) float32, of the rows whose objectness reaches the threshold, as no
        score is above it; None when objectness or classes are no probabilities.
    """
    end = 5 + len(reading.given_names)
    if not plausible_scores(head[:, 4:end]):
        return None
    rows = head[head[:, 4] >= reading.choices.score_threshold].astype(np.float32)
    rows[:, 5:end] *= rows[:, 4:5]
    raw: np.ndarray = np.delete(rows, 4, axis=1).T
    return raw


def _are_prototypes(shape: Shape, reading: Reading) -> bool:
    """(1, P, h, w), the network's picture made smaller by a whole number."""
    if len(shape) != 4 or shape[0] not in (None, reading.batch) or reading.network_wh is None:
        return False
    (width, height), (_, _, down, across) = reading.network_wh, shape
    if not (across is None or width % max(across, 1) == 0):
        return False
    if not (down is None or height % max(down, 1) == 0):
        return False
    return across is None or down is None or width * down == height * across > 0


def decode(outputs: Arrays, reading: Reading) -> list[Segment] | None:
    """Objects with their masks in the picture's pixels, best first.

    Returns:
        None when the values are no scores.

    Raises:
        InputError: kind "masks-too-large", where the masks would not fit into memory.
    """
    head, prototypes = sorted((one[0] for one in outputs.values()), key=np.ndim)
    count = len(prototypes)
    if _is_yolov5(head.shape[0], head.shape[1], count, reading):
        folded = _without_objectness(head, reading)
        if folded is None:
            return None
        head = folded
    if head.shape[1] == 6 + count:
        found = finished_candidates(head, reading)
        if found is None:
            return None
        names = reading.given_names
        boxes = found.boxes
    else:
        classes = len(head) - 4 - count
        found = raw_candidates(head, classes, reading)
        if found is None:
            return None
        names = reading.names(classes)
        boxes = corners_of(found.boxes)
        kept = suppress(boxes, found.scores, found.class_ids, reading)
        boxes, found = boxes[kept], found.take(kept)
    found = found.with_boxes(reading.placement.to_picture(boxes, picture_size(reading)))
    found = found.seen().best(reading.choices.max_detections)
    masks = _masks(found, prototypes.astype(np.float32), reading)
    rows = zip(
        found.boxes.tolist(), found.scores.tolist(), found.class_ids.tolist(), masks, strict=True
    )
    return [
        Segment(class_label(names, class_id), class_id, score, (x1, y1, x2, y2), mask)
        for (x1, y1, x2, y2), score, class_id, mask in rows
    ]


def _masks(found: Candidates, prototypes: np.ndarray, reading: Reading) -> list[Mask]:
    """A mask for each, as large as its box; only the boxes' own pixels are ever computed.

    Args:
        found: with boxes in the picture's pixels, and coefficients (n, P).
        prototypes: (P, h, w) float32.
        reading: the picture's place in the network's.
    """
    network_wh, placement = reading.network_wh, reading.placement
    assert network_wh is not None  # recognise asked for it
    regions = mask_regions(found.boxes, picture_size(reading))
    count, height, width = prototypes.shape
    flat = prototypes.reshape(count, -1)
    masks = []
    for start in range(0, len(regions), _AT_ONCE):
        with np.errstate(over="ignore", invalid="ignore"):  # infinities are warned of elsewhere
            planes = (found.more[start : start + _AT_ONCE] @ flat).reshape(-1, height, width)
        for plane, (left, top, right, bottom) in zip(
            planes, regions[start : start + _AT_ONCE].tolist(), strict=True
        ):
            there = Placement(
                placement.scale_x,
                placement.scale_y,
                placement.offset_x + left * placement.scale_x,
                placement.offset_y + top * placement.scale_y,
            )
            values = there.plane_to_picture(plane, network_wh, (right - left, bottom - top))
            masks.append(Mask(left, top, values > 0))
    return masks
