"""Detection, DETR and its relatives: a class and a box for each query, nothing to suppress.

logits (1, Q, C) and pred_boxes (1, Q, 4) as cx, cy, w, h in 0..1. Logits of DETR go through
softmax and have "no object" last; those of RT-DETR, Deformable DETR and DINO go through a sigmoid
and have not. Ultralytics' RT-DETR gives both in one output, (1, Q, 4 + C), with scores for logits.
RF-DETR calls the boxes dets and the logits labels. Sources: facebookresearch/detr
models/detr.py, PostProcess; lyuwenyu/RT-DETR rtdetr_postprocessor.py;
ultralytics/models/rtdetr/predict.py; roboflow/rf-detr rfdetr/export/main.py (output_names).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import Detection
from core.sessions.base import Arrays
from core.tasks.detect.boxes import corners_of, detections, plausible_scores
from core.tasks.detect.parts import agree, plain_name
from core.tasks.reading import Evidence, Named, Reading

TASK, LAYOUT = "detect", "detr"

_USUAL_QUERIES = range(10, 1001)
_ULTRALYTICS_QUERIES = 300  # ultralytics/nn/modules/head.py, RTDETRDecoder (nq)


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """Logits and boxes by their names; one output is claimed only where the metadata agrees."""
    metadata = reading.metadata
    if reading.network_wh is None or metadata.task not in (None, "detect"):
        return None
    if len(outputs) == 1:
        shape = outputs[0][1]
        if not _is_joined(shape, reading):
            return None
        words = f"the output (1, {shape[1] or 'N'}, 4 + {(shape[2] or 4) - 4})"
        if metadata.task is None or not metadata.names:
            return Evidence(f"{words} may have a row for each query", "possible")
        return Evidence(f"metadata says detect and {words} has a row for each query", "certain")
    pair = _pair_of(outputs, reading.batch)
    if pair is None:
        return None
    logits, boxes, named = pair
    queries, columns = logits[1][1:]
    if metadata.names and columns not in (len(metadata.names), len(metadata.names) + 1):
        return None
    words = f"{logits[0]} and {boxes[0]} are {columns} scores and a box"
    words = f"{words} for each of {queries or 'N'}"
    if metadata.task == "detect":
        return Evidence(f"metadata says detect and {words} queries", "certain")
    if named:
        return Evidence(f"{words} queries, named as DETR's")
    return Evidence(words, "possible")


def _is_joined(shape: Sequence[int | None], reading: Reading) -> bool:
    if len(shape) != 3 or shape[0] not in (None, reading.batch):
        return False
    queries, columns = shape[1:]
    if reading.metadata.names:
        fits = columns == 4 + len(reading.metadata.names)
    else:
        # More than the six numbers of finished boxes.
        fits = columns is not None and columns > 6 and queries == _ULTRALYTICS_QUERIES
    return fits and (queries is None or queries in _USUAL_QUERIES)


def _pair_of(outputs: Sequence[Named], batch: int) -> tuple[Named, Named, bool] | None:
    """Logits, boxes, and whether names told them; hidden states beside named ones are let be."""
    three = [one for one in outputs if len(one[1]) == 3 and one[1][0] in (None, batch)]
    names = {plain_name(name) for name, _ in outputs}
    as_rf_detr = names == {"dets", "labels"}
    logit_names = ("labels",) if as_rf_detr else ("logits", "pred_logits")
    box_names = ("dets",) if as_rf_detr else ("pred_boxes", "boxes")
    logits = [one for one in three if plain_name(one[0]) in logit_names]
    boxes = [one for one in three if plain_name(one[0]) in box_names]
    named = len(logits) == len(boxes) == 1 and len(three) == len(outputs)
    if not named:
        if len(outputs) != 2 or len(three) != 2:
            return None
        boxes = [one for one in three if one[1][2] == 4]
        logits = [one for one in three if one[1][2] != 4]
        if len(boxes) != 1 or (boxes[0][1][1] or 10) not in _USUAL_QUERIES:
            return None
    if boxes[0][1][2] != 4 or logits[0][1][2] is None:
        return None
    if not agree(logits[0][1][:2], boxes[0][1][:2]):
        return None
    return logits[0], boxes[0], named


def decode(outputs: Arrays, reading: Reading) -> list[Detection] | None:
    """Boxes in the picture's pixels, best first; None when boxes are no fractions."""
    arrays = _arrays(outputs, reading)
    if arrays is None or reading.network_wh is None:
        return None
    logits, boxes = arrays
    known = boxes[np.isfinite(boxes)]
    if known.size and (known.min() < -0.01 or known.max() > 1.5):
        return None
    probabilities = _probabilities(logits, reading)
    fine = np.isfinite(boxes).all(axis=1) & np.isfinite(probabilities).all(axis=1)
    best = probabilities.max(axis=1, initial=0)
    rows = np.flatnonzero(fine & (best >= reading.choices.score_threshold))
    class_ids = probabilities[rows].argmax(axis=1) if rows.size else np.empty(0, int)
    scale = np.array([*reading.network_wh] * 2, np.float32)
    names = reading.names(probabilities.shape[1])
    return detections(corners_of(boxes[rows] * scale), best[rows], class_ids, names, reading)


def _arrays(outputs: Arrays, reading: Reading) -> tuple[np.ndarray, np.ndarray] | None:
    """Logits (Q, C) and boxes (Q, 4) of the first picture, float32."""
    if len(outputs) == 1:
        both = next(iter(outputs.values()))
        if not _is_joined(both.shape, reading):
            return None
        first = both[0].astype(np.float32)
        return (first[:, 4:], first[:, :4]) if plausible_scores(first[:, 4:]) else None
    pair = _pair_of([(name, array.shape) for name, array in outputs.items()], reading.batch)
    if pair is None:
        return None
    logits, boxes, _ = pair
    return outputs[logits[0]][0].astype(np.float32), outputs[boxes[0]][0].astype(np.float32)


def _probabilities(logits: np.ndarray, reading: Reading) -> np.ndarray:
    """Each class's probability, (Q, C) or without "no object" (Q, C - 1)."""
    columns = logits.shape[1]
    if plausible_scores(logits):
        return logits  # the sigmoid is in the export; no logits stay within 0..1
    if _has_no_object(logits, reading):
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: np.ndarray = (exponents / exponents.sum(axis=1, keepdims=True))[:, : columns - 1]
        return shares
    # tanh does not overflow.
    sigmoid: np.ndarray = 0.5 * (1 + np.tanh(logits / 2))
    return sigmoid


def _has_no_object(logits: np.ndarray, reading: Reading) -> bool:
    """Whether the last column is "no object": by the number of names, else by the values.

    Most queries of a picture find nothing: then "no object" is the largest and above 0, while
    for a sigmoid all are far below 0.
    """
    columns: int = logits.shape[1]
    for names in (reading.choices.class_names, reading.metadata.names):
        if names and columns - len(names) in (0, 1):
            return columns == len(names) + 1
    known = logits[np.isfinite(logits).all(axis=1)]
    if columns == 1 or len(known) == 0:
        return False
    last = known[:, -1]
    usually_largest = bool(np.mean(last >= known.max(axis=1)) > 0.5)
    middling = float(np.median(last))
    return usually_largest and middling > 0
