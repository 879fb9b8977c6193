"""Detection, YOLOX's heads: (1, N, 5 + classes), a row for each cell of the grids.

Four box numbers, objectness, class probabilities; score = objectness * class. The box numbers
are raw, xy = (o + cell) * stride and wh = exp(o) * stride, or cx, cy, w, h in the network's
pixels where the export decodes them (`--decode_in_inference`; YOLOv6's exports have that form
too): the values tell. Source: Megvii-BaseDetection/YOLOX yolox/models/yolo_head.py,
decode_outputs, and yolox/utils/demo_utils.py, demo_postprocess; meituan/YOLOv6
yolov6/models/effidehead.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from core.predictions import Detection
from core.sessions.base import Arrays
from core.tasks.detect.boxes import corners_of, detections, suppress
from core.tasks.detect.objectness import array_of, found_in, head_of
from core.tasks.detect.ultralytics import cells
from core.tasks.reading import Certainty, Evidence, Named, Reading

TASK, LAYOUT = "detect", "yolox"

_STRIDE_SETS = ((8, 16, 32), (8, 16, 32, 64))  # YOLOX has the first, its authors' P6 both
_COCO_CLASSES = 80
_RAW_LIMIT = 8.0  # in cells and as a logarithm: exp(8) cells are wider than any picture


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """A row for each cell."""
    head = head_of(outputs, reading)
    if head is None or reading.network_wh is None:
        return None
    _, rows, columns = head[1]
    classes = (columns or 0) - 5
    named = "metadata names the classes and " if reading.metadata.names else ""
    form = f"the output (1, {rows or 'N'}, 5 + {classes})"
    if rows is None:
        return Evidence(f"{named}{form} may have a row for each cell", "possible")
    strides = _strides(rows, reading.network_wh)
    if strides is None:
        return None
    certainty: Certainty = "certain" if named else "likely"
    if not named and classes == _COCO_CLASSES - 1:
        certainty = "possible"  # as much 4 + COCO's 80, an Ultralytics head turned
    steps = ", ".join(str(stride) for stride in strides)
    return Evidence(
        f"{named}{form} has a row for each cell at strides {steps}; whether its boxes are "
        "raw or in pixels is told by their values",
        certainty,
        reading.assumed(classes, "coco"),
    )


def decode(outputs: Arrays, reading: Reading) -> list[Detection] | None:
    """Boxes in the picture's pixels, best first; None when the values are no probabilities."""
    head = array_of(outputs, reading)
    if head is None or reading.network_wh is None:
        return None
    strides = _strides(len(head), reading.network_wh)
    found = found_in(head, reading)
    if strides is None or found is None:
        return None
    boxes = head[found.rows, :4]
    if is_raw(head):
        cell, stride = (part[found.rows] for part in _grid(reading.network_wh, strides))
        sizes = np.exp(np.minimum(boxes[:, 2:], 2 * _RAW_LIMIT))  # finite whatever comes
        boxes = np.concatenate([boxes[:, :2] + cell, sizes], axis=1) * stride
    boxes = corners_of(boxes)
    kept = suppress(boxes, found.scores, found.class_ids, reading)
    names = reading.names(head.shape[1] - 5, assume="coco")
    return detections(boxes[kept], found.scores[kept], found.class_ids[kept], names, reading)


def is_raw(head: np.ndarray) -> bool:
    """Whether boxes are offsets in cells and logarithms, and no pixels yet.

    Pixels count up to the picture's size over the rows; offsets stay small in all of them.

    Args:
        head: (N, 4 or more) float32; rows of zeros say nothing.
    """
    numbers = head[:, :4]
    largest = numbers.max(axis=1)
    largest = largest[(numbers != 0).any(axis=1) & np.isfinite(largest)]
    return bool(np.median(largest) <= _RAW_LIMIT) if largest.size else True


def _strides(rows: int, network_wh: tuple[int, int]) -> tuple[int, ...] | None:
    return next((one for one in _STRIDE_SETS if rows == cells(network_wh, one)), None)


@lru_cache(maxsize=8)
def _grid(network_wh: tuple[int, int], strides: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Each row's cell, (N, 2) x and y, and its stride, (N, 1); float32, level after level."""
    places, steps = [], []
    for stride in strides:
        width, height = (side // stride for side in network_wh)
        y, x = np.divmod(np.arange(width * height), width)
        places.append(np.stack([x, y], axis=1))
        steps.append(np.full((width * height, 1), stride))
    return np.concatenate(places).astype(np.float32), np.concatenate(steps).astype(np.float32)
