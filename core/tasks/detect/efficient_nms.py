"""Detection, TensorRT's NMS plugins: number, boxes, scores and classes, the suppression done.

num_dets (1, 1) int32, boxes (1, K, 4), scores (1, K), classes (1, K) int32 (float32 from
BatchedNMS). Boxes are x1, y1, x2, y2 in the network's pixels, or fractions of it, told by the
values. Source: NVIDIA/TensorRT plugin/efficientNMSPlugin/README.md and
plugin/batchedNMSPlugin/README.md (isNormalized).
"""

from __future__ import annotations

from collections.abc import Sequence

from core.predictions import Detection
from core.sessions.base import Arrays
from core.tasks.detect.boxes import detections, in_pixels
from core.tasks.detect.parts import parts_of, read_parts
from core.tasks.reading import Evidence, Named, Reading

TASK, LAYOUT = "detect", "efficient-nms"


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """Four outputs by their names, or by shapes that hardly anything else has."""
    if reading.network_wh is None or reading.metadata.task not in (None, "detect"):
        return None
    parts = parts_of(outputs, reading.batch)
    if parts is None or parts.count is None:
        return None
    if parts.as_tensorflow and parts.count_dims == 1:
        return None
    words = f"{parts.count}, {parts.boxes}, {' and '.join(parts.vectors)} are"
    if parts.named or parts.count_dims == 2:
        how = "named" if parts.named else "shaped"
        return Evidence(f"{words} {how} as the four outputs of TensorRT's NMS plugins")
    return Evidence(f"{words} shaped like a number, boxes, scores and classes", "possible")


def decode(outputs: Arrays, reading: Reading) -> list[Detection] | None:
    """Boxes in the picture's pixels, best first; None when the values are no detections."""
    shapes = [(name, array.shape) for name, array in outputs.items()]
    parts = parts_of(shapes, reading.batch)
    finished = None if parts is None else read_parts(outputs, parts)
    if parts is None or finished is None:
        return None
    boxes = in_pixels(finished.boxes, reading)
    if parts.as_tensorflow and boxes is not finished.boxes:
        return None  # fractions under TensorFlow's names are TensorFlow's: y before x
    keep = finished.scores >= reading.choices.score_threshold
    names = reading.given_names
    return detections(boxes[keep], finished.scores[keep], finished.class_ids[keep], names, reading)
