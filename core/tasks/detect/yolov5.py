"""Detection, YOLOv5's and YOLOv7's heads: (1, N, 5 + classes).

cx, cy, w, h in the network's pixels (fractions of it in the exports to TensorFlow), objectness,
class probabilities; score = objectness * class. N = three anchors for each cell of the grids.
Source: ultralytics/yolov5 models/yolo.py, Detect; WongKinYiu/yolov7 models/yolo.py, Detect.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.predictions import Detection
from core.sessions.base import Arrays
from core.tasks.detect.boxes import corners_of, detections, in_pixels, suppress
from core.tasks.detect.objectness import array_of, found_in, head_of
from core.tasks.detect.ultralytics import cells
from core.tasks.reading import Evidence, Named, Reading

TASK, LAYOUT = "detect", "yolov5"

_ANCHORS = 3  # a cell
_STRIDE_SETS = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))  # P3-P5, the P6 models, P2-P5


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """A row for each anchor of each cell."""
    head = head_of(outputs, reading)
    if head is None or reading.network_wh is None:
        return None
    _, rows, columns = head[1]
    classes = (columns or 0) - 5
    named = "metadata names the classes and " if reading.metadata.names else ""
    for strides in _STRIDE_SETS:
        if rows == _ANCHORS * cells(reading.network_wh, strides):
            steps = ", ".join(str(stride) for stride in strides)
            return Evidence(
                f"{named}the output (1, {rows}, 5 + {classes}) has a row for each of {_ANCHORS} "
                f"anchors in each cell at strides {steps}",
                "certain" if named else "likely",
                reading.assumed(classes, "coco"),
            )
    if rows is None:
        words = f"{named}the output is (1, N, 5 + {classes})"
        return Evidence(words, "likely" if named else "possible")
    return None


def decode(outputs: Arrays, reading: Reading) -> list[Detection] | None:
    """Boxes in the picture's pixels, best first; None when the values are no probabilities."""
    head = array_of(outputs, reading)
    found = None if head is None else found_in(head, reading)
    if head is None or found is None:
        return None
    # Over all rows the middles reach the picture's far edge, in pixels or in fractions.
    boxes = corners_of(in_pixels(head[:, :4], reading)[found.rows])
    kept = suppress(boxes, found.scores, found.class_ids, reading)
    names = reading.names(head.shape[1] - 5, assume="coco")
    return detections(boxes[kept], found.scores[kept], found.class_ids[kept], names, reading)
