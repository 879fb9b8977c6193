"""Detection, Ultralytics' raw heads: (1, 4 + classes, N).

cx, cy, w, h in the network's pixels (fractions of it in the exports to TensorFlow), then a score
a class, for N = the sum of the grids at each stride; the suppression is done here. Some turn it
to (1, N, 4 + classes). Source: ultralytics/nn/modules/head.py, Detect.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import Detection
from core.sessions.base import Arrays
from core.tasks.detect.boxes import (
    columns_in_pixels,
    corners_of,
    detections,
    plausible_scores,
    suppress,
)
from core.tasks.reading import Certainty, Evidence, Named, Reading

TASK, LAYOUT = "detect", "ultralytics"

# Grids of the detection heads that Ultralytics ships: P3-P5, P2-P5 and P3-P6.
STRIDE_SETS = ((8, 16, 32), (4, 8, 16, 32), (8, 16, 32, 64))


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """A row for each box number and class, a column for each cell of the grids."""
    network_wh, metadata = reading.network_wh, reading.metadata
    if len(outputs) != 1 or network_wh is None or len(outputs[0][1]) != 3:
        return None
    if metadata.task not in (None, "detect"):
        return None
    batch, rows, columns = outputs[0][1]
    turned = _is_turned(rows, columns, network_wh)
    if turned:
        rows, columns = columns, rows
    if batch not in (None, reading.batch) or rows is None or rows < 5:
        return None
    classes = rows - 4
    if metadata.names and len(metadata.names) != classes:
        return None
    said = "metadata says detect and " if metadata.task == "detect" else ""
    certainty: Certainty = "certain" if said else "likely"
    if turned and not metadata.names:
        certainty = "possible"  # as much YOLOX's rows of 5 + classes
    for strides in STRIDE_SETS:
        if columns == cells(network_wh, strides):
            steps = ", ".join(str(stride) for stride in strides)
            return Evidence(
                f"{said}the output {_form(classes, columns, turned)} has a "
                f"{'row' if turned else 'column'} for each cell at strides {steps}",
                certainty,
                reading.assumed(classes, "coco"),
            )
    if said and (columns is None or columns > rows):
        words = f"{said}the output is (1, 4 + {classes}, {columns or 'N'})"
        return Evidence(words, "certain", reading.assumed(classes, "coco"))
    return None


def _form(classes: int, cells: int | None, turned: bool) -> str:
    return f"(1, {cells}, 4 + {classes})" if turned else f"(1, 4 + {classes}, {cells})"


def _is_turned(rows: int | None, columns: int | None, network_wh: tuple[int, int]) -> bool:
    counts = [cells(network_wh, strides) for strides in STRIDE_SETS]
    return rows in counts and columns not in counts and columns is not None


def cells(network_wh: tuple[int, int], strides: Sequence[int]) -> int:
    """How many cells the grids at these strides have together."""
    width, height = network_wh
    return sum((width // stride) * (height // stride) for stride in strides)


def decode(outputs: Arrays, reading: Reading) -> list[Detection] | None:
    """Boxes in the picture's pixels, best first; None when the values are no scores."""
    head = next(iter(outputs.values()))[0].astype(np.float32, copy=False)
    if reading.network_wh and _is_turned(len(head), head.shape[1], reading.network_wh):
        head = head.T
    scores = head[4:].max(axis=0)
    if not plausible_scores(scores):
        return None
    keep = np.flatnonzero(scores >= reading.choices.score_threshold)
    found = head[:, keep]  # a column for each
    if not np.isfinite(found).all():
        fine = np.isfinite(found).all(axis=0)
        keep, found = keep[fine], found[:, fine]
    scores = scores[keep]
    class_ids = found[4:].argmax(axis=0) if keep.size else np.empty(0, int)
    boxes = corners_of(columns_in_pixels(head, keep, reading))
    kept = suppress(boxes, scores, class_ids, reading)
    names = reading.names(len(head) - 4, assume="coco")
    return detections(boxes[kept], scores[kept], class_ids[kept], names, reading)
