"""Detection, a pair of scores (1, N, C) and boxes (1, N, 4), as SSD and its relatives give.

Boxes are x1, y1, x2, y2 in 0..1, or in the network's pixels (YOLO-NAS, PP-YOLOE), told by the
values; (1, N, 1, 4) too (pytorch-YOLOv4). Scores are probabilities; where those of each box add
up to 1, column 0 is the background, as in every softmax over classes and nothing. Class numbers
are the column numbers. Sources: Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB
vision/ssd/mb_tiny_fd.py; qfgaohao/pytorch-ssd vision/ssd/predictor.py; Deci-AI/super-gradients
YOLONAS export; PaddlePaddle/PaddleDetection ppdet/modeling/heads/ppyoloe_head.py (exclude_nms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.predictions import Detection
from core.sessions.base import Arrays
from core.tasks.detect.boxes import (
    detections,
    in_pixels,
    plausible_corners,
    plausible_scores,
    suppress,
)
from core.tasks.detect.parts import plain_name
from core.tasks.detect.ultralytics import STRIDE_SETS, cells
from core.tasks.reading import Certainty, Evidence, Named, Reading
from core.tensors import Shape

TASK, LAYOUT = "detect", "ssd"

_SCORE_WORDS = ("score", "conf", "prob", "cls")
_BOX_WORDS = ("box", "loc")


@dataclass(frozen=True, slots=True)
class Pair:
    """Which output is what, and how the scores lie."""

    scores: str
    boxes: str
    count: int | None  # boxes
    columns: int  # scores a box
    turned: bool  # scores are (1, C, N)
    named: bool  # names told which is which


def pair_of(outputs: Sequence[Named], batch: int) -> Pair | None:
    """Two outputs that are scores and boxes by their shapes, and by names where these could be."""
    if len(outputs) != 2:
        return None
    pairs = [_pair(outputs[0], outputs[1], batch), _pair(outputs[1], outputs[0], batch)]
    fitting = [pair for pair in pairs if pair is not None]
    named = [pair for pair in fitting if pair.named]
    return next(iter(named or (fitting if len(fitting) == 1 else [])), None)


def _pair(scores: Named, boxes: Named, batch: int) -> Pair | None:
    (score_name, score_shape), (box_name, box_shape) = scores, boxes
    if not _is_boxes(box_shape) or len(score_shape) != 3:
        return None
    if any(shape[0] not in (None, batch) for shape in (score_shape, box_shape)):
        return None
    count, (_, rows, columns) = box_shape[1], score_shape
    turned = rows != count and columns == count
    if turned:
        rows, columns = columns, rows
    if rows != count or columns is None or columns < 1:
        return None
    named = _has(score_name, _SCORE_WORDS) and _has(box_name, _BOX_WORDS)
    return Pair(score_name, box_name, rows, columns, turned, named)


def _is_boxes(shape: Shape) -> bool:
    return shape[-1:] == (4,) and (len(shape) == 3 or (len(shape) == 4 and shape[2] == 1))


def _has(name: str, words: Sequence[str]) -> bool:
    return any(word in plain_name(name) for word in words)


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """As many rows of scores as of boxes."""
    network_wh, metadata = reading.network_wh, reading.metadata
    if network_wh is None or metadata.task not in (None, "detect"):
        return None
    pair = pair_of(outputs, reading.batch)
    if pair is None:
        return None
    if metadata.names and len(metadata.names) not in (pair.columns, pair.columns - 1):
        return None
    words = f"{pair.scores} and {pair.boxes} are {pair.columns} scores and a box"
    words = f"{words} for each of {pair.count or 'N'}"
    certainty: Certainty = "possible"
    if any(pair.count == cells(network_wh, strides) for strides in STRIDE_SETS):
        words, certainty = f"{words} cells of a detector's grids", "likely"
    elif pair.named:
        words, certainty = f"{words}, by names and shapes", "likely"
    if metadata.task == "detect":
        words, certainty = f"metadata says detect and {words}", "certain"
    return Evidence(words, certainty)


def decode(outputs: Arrays, reading: Reading) -> list[Detection] | None:
    """Boxes in the picture's pixels, best first; None when they are no scores or corners."""
    shapes = [(name, array.shape) for name, array in outputs.items()]
    pair = pair_of(shapes, reading.batch)
    if pair is None:
        return None
    scores = outputs[pair.scores][0].astype(np.float32, copy=False)
    scores = scores.T if pair.turned else scores
    boxes = outputs[pair.boxes][0].reshape(-1, 4).astype(np.float32)
    if not (plausible_scores(scores) and plausible_corners(boxes)):
        return None
    boxes = in_pixels(boxes, reading)
    background = _has_background(scores)
    first = 1 if background else 0
    best = scores[:, first:].max(axis=1, initial=0)  # NaN where one is, and above nothing
    rows = np.flatnonzero(best >= reading.choices.score_threshold)
    rows = rows[np.isfinite(boxes[rows]).all(axis=1)]
    found = scores[rows, first:]
    class_ids = found.argmax(axis=1) + first if rows.size else np.empty(0, int)
    best = best[rows]
    kept = suppress(boxes[rows], best, class_ids, reading)
    names = reading.fitting_names(pair.columns)
    if background and not names and (others := reading.fitting_names(pair.columns - 1)):
        names = ("background", *others)
    names = names or reading.names(pair.columns)
    return detections(boxes[rows][kept], best[kept], class_ids[kept], names, reading)


def _has_background(scores: np.ndarray) -> bool:
    """Whether the scores of each box (N, C) add up to 1."""
    if scores.shape[1] < 2:
        return False
    sums = scores.sum(axis=1)
    sums = sums[np.isfinite(sums)]
    return bool(sums.size and np.abs(np.median(sums) - 1) < 0.01)
