"""Detection, boxes, scores and classes in outputs of their own, the suppression done.

TensorFlow's detectors: detection_boxes (1, K, 4) as y1, x1, y2, x2 in 0..1, detection_scores and
detection_classes (1, K), num_detections (1,). Source: tensorflow/models
research/object_detection/exporter_lib_v2.py and core/standard_fields.py.
torchvision's and ONNX's model zoo: boxes (K, 4) or (1, K, 4) as x1, y1, x2, y2, scores and labels
(K) or (1, K). Source: pytorch/vision torchvision/models/detection; onnx/models ssd/README.md.
Boxes are in the network's pixels or fractions of it, told by the values. Class numbers are the
model's own; TensorFlow's count from 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import Detection
from core.sessions.base import Arrays
from core.tasks.detect.boxes import detections, in_pixels, plausible_corners
from core.tasks.detect.parts import Finished, Parts, parts_of, read_parts
from core.tasks.reading import Evidence, Named, Reading

TASK, LAYOUT = "detect", "ssd-finished"


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """By their names, or by shapes that hardly anything else has; the values tell which is what."""
    if reading.network_wh is None or reading.metadata.task not in (None, "detect"):
        return None
    parts = parts_of(outputs, reading.batch)
    if parts is None:
        return None
    if not parts.named:
        if parts.count is not None:
            return None
        words = f"{parts.boxes}, {' and '.join(parts.vectors)} are shaped like finished detections"
        return Evidence(f"{words}: boxes, and two numbers for each")
    words = f"{parts.boxes}, {' and '.join(parts.vectors)} are named as"
    if parts.as_tensorflow:
        return Evidence(f"{words} by TensorFlow's detectors")
    if parts.count is None:
        return Evidence(f"{words} finished detections")
    return None


def decode(outputs: Arrays, reading: Reading) -> list[Detection] | None:
    """Boxes in the picture's pixels, best first; None when the values are no detections."""
    shapes = [(name, array.shape) for name, array in outputs.items()]
    parts = parts_of(shapes, reading.batch)
    finished = None if parts is None else read_parts(outputs, parts)
    boxes = None if parts is None or finished is None else boxes_of(finished, parts, reading)
    if finished is None or boxes is None:
        return None
    keep = finished.scores >= reading.choices.score_threshold
    names = reading.given_names
    return detections(boxes[keep], finished.scores[keep], finished.class_ids[keep], names, reading)


def boxes_of(finished: Finished, parts: Parts, reading: Reading) -> np.ndarray | None:
    """The boxes in the network's pixels (n, 4), x1 y1 x2 y2; None when they are no boxes."""
    if not plausible_corners(finished.boxes):
        return None
    boxes = in_pixels(finished.boxes, reading)
    if parts.as_tensorflow:
        if boxes is finished.boxes and len(boxes):
            return None  # TensorFlow's are fractions
        boxes = in_pixels(finished.boxes[:, [1, 0, 3, 2]], reading)
    return boxes
