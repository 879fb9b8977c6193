"""Detectors' outputs with known boxes in them, written in each layout by plain loops."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

CLASSES = 3


@dataclass(frozen=True)
class Object:
    """What is to be found: x1 y1 x2 y2 in the network's pixels."""

    box: tuple[float, float, float, float]
    class_id: int
    score: float

    @property
    def cxcywh(self) -> list[float]:
        x1, y1, x2, y2 = self.box
        return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]


Size = tuple[int, int]
Outputs = dict[str, np.ndarray]
Writer = Callable[[Sequence[Object], Size], Outputs]


def fractions(numbers: Sequence[float], size_wh: Size) -> list[float]:
    width, height = size_wh
    return [numbers[0] / width, numbers[1] / height, numbers[2] / width, numbers[3] / height]


def cells(size_wh: Size) -> list[tuple[int, int, int]]:
    """Each row's stride and cell: level after level, line after line."""
    return [
        (stride, x, y)
        for stride in (8, 16, 32)
        for y in range(size_wh[1] // stride)
        for x in range(size_wh[0] // stride)
    ]


def ultralytics(objects: Sequence[Object], size_wh: Size) -> Outputs:
    head = np.zeros((1, 4 + CLASSES, len(cells(size_wh))), np.float32)
    for column, one in enumerate(objects):
        head[0, :4, column] = one.cxcywh
        head[0, 4 + one.class_id, column] = one.score
    return {"output0": head}


def ultralytics_fractions(objects: Sequence[Object], size_wh: Size) -> Outputs:
    head = ultralytics(objects, size_wh)["output0"]
    head[:, :4] /= np.array([*size_wh, *size_wh], np.float32)[:, None]
    return {"output0": head}


def yolov5(objects: Sequence[Object], size_wh: Size) -> Outputs:
    head = np.zeros((1, 3 * len(cells(size_wh)), 5 + CLASSES), np.float32)
    for row, one in enumerate(objects):
        head[0, row, :5] = [*one.cxcywh, 0.96]
        head[0, row, 5 + one.class_id] = one.score / 0.96
    return {"output": head}


def yolov5_fractions(objects: Sequence[Object], size_wh: Size) -> Outputs:
    head = yolov5(objects, size_wh)["output"]
    head[..., :4] /= [*size_wh, *size_wh]
    return {"output": head}


def yolox(objects: Sequence[Object], size_wh: Size) -> Outputs:
    """Raw: each object in the cell of its middle, the levels by turns."""
    rows = cells(size_wh)
    head = np.zeros((1, len(rows), 5 + CLASSES), np.float32)
    head[0, :, :4] = [0.5, 0.5, 1.0, 1.0]
    for turn, one in enumerate(objects):
        cx, cy, width, height = one.cxcywh
        stride = (8, 16, 32)[turn % 3]
        x = min(int(cx // stride), size_wh[0] // stride - 1)
        y = min(int(cy // stride), size_wh[1] // stride - 1)
        raw = [cx / stride - x, cy / stride - y, math.log(width / stride)]
        raw += [math.log(height / stride), 0.96]
        head[0, rows.index((stride, x, y)), :5] = raw
        head[0, rows.index((stride, x, y)), 5 + one.class_id] = one.score / 0.96
    return {"output": head}


def yolox_decoded(objects: Sequence[Object], size_wh: Size) -> Outputs:
    head = yolox(objects, size_wh)["output"]
    for row, (stride, x, y) in zip(head[0], cells(size_wh), strict=True):
        row[:4] = [
            (row[0] + x) * stride,
            (row[1] + y) * stride,
            math.exp(row[2]) * stride,
            math.exp(row[3]) * stride,
        ]
    return {"output": head}


def end_to_end(objects: Sequence[Object], size_wh: Size) -> Outputs:
    head = np.zeros((1, 300, 6), np.float32)
    for row, one in enumerate(objects):
        head[0, row] = [*one.box, one.score, one.class_id]
    return {"output0": head}


def class_before_score(objects: Sequence[Object], size_wh: Size) -> Outputs:
    rows = [[*one.box, one.class_id, one.score] for one in objects]
    return {"output": np.array(rows, np.float32).reshape(-1, 6)}


def yolov7_end_to_end(objects: Sequence[Object], size_wh: Size) -> Outputs:
    rows = [[0, *one.box, one.class_id, one.score] for one in objects]
    return {"output": np.array(rows, np.float32).reshape(-1, 7)}


def dets_and_labels(objects: Sequence[Object], size_wh: Size) -> Outputs:
    dets = np.zeros((1, len(objects) + 1, 5), np.float32)
    labels = np.full((1, len(objects) + 1), -1, np.int64)  # the last one fills up
    for row, one in enumerate(objects):
        dets[0, row], labels[0, row] = [*one.box, one.score], one.class_id
    return {"dets": dets, "labels": labels}


def detection_output(objects: Sequence[Object], size_wh: Size) -> Outputs:
    rows = [[0, one.class_id, one.score, *fractions(one.box, size_wh)] for one in objects]
    rows += [[-1, 0, 0, 0, 0, 0, 0], [0, 0, 0.99, 0, 0, 1, 1]]  # after the end: left over
    return {"detection_out": np.array([[rows]], np.float32)}


def _parts(objects: Sequence[Object], room: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    boxes = np.full((1, room, 4), 7, np.float32)  # what lies behind the number is left over
    scores = np.full((1, room), 0.99, np.float32)
    classes = np.ones((1, room), np.int32)
    for index, one in enumerate(objects):
        boxes[0, index], scores[0, index], classes[0, index] = one.box, one.score, one.class_id
    return boxes, scores, classes


def efficient_nms(objects: Sequence[Object], size_wh: Size) -> Outputs:
    boxes, scores, classes = _parts(objects, 100)
    return {
        "num_dets": np.array([[len(objects)]], np.int32),
        "det_boxes": boxes,
        "det_scores": scores,
        "det_classes": classes,
    }


def efficient_nms_unnamed(objects: Sequence[Object], size_wh: Size) -> Outputs:
    boxes, scores, classes = _parts(objects, 100)
    count = np.array([[len(objects)]], np.int32)
    return {"a": classes, "b": count, "c": scores, "d": boxes}


def batched_nms(objects: Sequence[Object], size_wh: Size) -> Outputs:
    boxes, scores, classes = _parts(objects, 100)
    return {
        "num_detections": np.array([[len(objects)]], np.int32),
        "nmsed_boxes": boxes / np.array([*size_wh, *size_wh], np.float32),
        "nmsed_scores": scores,
        "nmsed_classes": classes.astype(np.float32),
    }


def tensorflow(objects: Sequence[Object], size_wh: Size) -> Outputs:
    boxes, scores, classes = _parts(objects, 100)
    boxes /= np.array([*size_wh, *size_wh], np.float32)
    return {
        "detection_boxes:0": boxes[..., [1, 0, 3, 2]],
        "detection_classes:0": classes.astype(np.float32),
        "detection_scores:0": scores,
        "num_detections:0": np.array([len(objects)], np.float32),
    }


def torchvision(objects: Sequence[Object], size_wh: Size) -> Outputs:
    boxes, scores, classes = (array[0] for array in _parts(objects, len(objects)))
    return {"boxes": boxes, "labels": classes.astype(np.int64), "scores": scores}


def ssd(objects: Sequence[Object], size_wh: Size) -> Outputs:
    """Softmax with the background in column 0, so class n stands in column n + 1."""
    scores = np.zeros((1, 400, 1 + CLASSES), np.float32)
    scores[..., 0] = 1
    boxes = np.zeros((1, 400, 4), np.float32)
    for row, one in enumerate(objects):
        scores[0, row, [0, 1 + one.class_id]] = [1 - one.score, one.score]
        boxes[0, row] = fractions(one.box, size_wh)
    return {"scores": scores, "boxes": boxes}


def scores_in_pixels(objects: Sequence[Object], size_wh: Size) -> Outputs:
    """As YOLO-NAS: a row a cell, no background, the scores lie across as in PP-YOLOE."""
    count = len(cells(size_wh))
    scores = np.zeros((1, CLASSES, count), np.float32)
    boxes = np.zeros((1, count, 4), np.float32)
    for row, one in enumerate(objects):
        scores[0, one.class_id, row], boxes[0, row] = one.score, one.box
    return {"904": boxes, "913": scores}


def detr(objects: Sequence[Object], size_wh: Size) -> Outputs:
    """Softmax, "no object" last: logits are logarithms of shares, and 9 more, which is nothing."""
    shares = np.full((1, 100, CLASSES + 1), 1e-6)
    shares[..., -1] = 1
    boxes = np.full((1, 100, 4), 0.5, np.float32)
    for row, one in enumerate(objects):
        shares[0, row] = [1e-9] * CLASSES + [1 - one.score]
        shares[0, row, one.class_id] = one.score
        boxes[0, row] = fractions(one.cxcywh, size_wh)
    return {"logits": (np.log(shares) + 9).astype(np.float32), "pred_boxes": boxes}


def rt_detr(objects: Sequence[Object], size_wh: Size) -> Outputs:
    """A sigmoid for each class."""
    logits = np.full((1, 300, CLASSES), -5, np.float32)
    boxes = np.full((1, 300, 4), 0.5, np.float32)
    for row, one in enumerate(objects):
        logits[0, row, one.class_id] = math.log(one.score / (1 - one.score))
        boxes[0, row] = fractions(one.cxcywh, size_wh)
    return {"pred_logits": logits, "pred_boxes": boxes}


def rf_detr(objects: Sequence[Object], size_wh: Size) -> Outputs:
    """As RT-DETR, by other names."""
    outputs = rt_detr(objects, size_wh)
    return {"dets": outputs["pred_boxes"], "labels": outputs["pred_logits"]}


def torchvision_unnamed(objects: Sequence[Object], size_wh: Size) -> Outputs:
    """As the Faster R-CNN of ONNX's model zoo: boxes, labels and scores without names."""
    outputs = torchvision(objects, size_wh)
    names = {"boxes": "6379", "labels": "6381", "scores": "6383"}
    return {names[name]: outputs[name] for name in names}


WRITERS: dict[str, tuple[str, Writer, int]] = {
    "ultralytics": ("ultralytics", ultralytics, 0),
    "ultralytics, fractions": ("ultralytics", ultralytics_fractions, 0),
    "yolov5": ("yolov5", yolov5, 0),
    "yolov5, fractions": ("yolov5", yolov5_fractions, 0),
    "yolox": ("yolox", yolox, 0),
    "yolox, decoded": ("yolox", yolox_decoded, 0),
    "end to end": ("end-to-end", end_to_end, 0),
    "class before score": ("end-to-end", class_before_score, 0),
    "yolov7 end to end": ("end-to-end", yolov7_end_to_end, 0),
    "dets and labels": ("end-to-end", dets_and_labels, 0),
    "DetectionOutput": ("end-to-end", detection_output, 0),
    "EfficientNMS": ("efficient-nms", efficient_nms, 0),
    "EfficientNMS, unnamed": ("efficient-nms", efficient_nms_unnamed, 0),
    "BatchedNMS": ("efficient-nms", batched_nms, 0),
    "tensorflow": ("ssd-finished", tensorflow, 0),
    "torchvision": ("ssd-finished", torchvision, 0),
    "torchvision, unnamed": ("ssd-finished", torchvision_unnamed, 0),
    "ssd": ("ssd", ssd, 1),
    "scores in pixels": ("ssd", scores_in_pixels, 0),
    "detr": ("detr", detr, 0),
    "rt-detr": ("detr", rt_detr, 0),
    "rf-detr": ("detr", rf_detr, 0),
}
"""By a name for people: the layout, the writer, and what the class numbers have on top."""
