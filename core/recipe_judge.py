"""How sure and how consistent outputs are: what a search for a recipe ranks by.

A rightly fed network is sure of what it sees, sees it again in the mirrored picture, and does
not see it in an empty one. A wrongly fed one fails in at least one of these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.predictions import ClassScore, Detection, Located, OrientedBox, Pose, Prediction, Segment
from core.sessions.base import Arrays

LOCATED = ("detect", "instance-segment", "obb", "pose")
"""Tasks whose predictions have boxes."""

_SAME_BOX = 0.5  # intersection over union from which two boxes are the same object, as COCO's AP50
_SATURATED = 0.99  # share of values at an end of their range


def judge_boxes(
    found: Sequence[Prediction],
    mirrored: Sequence[Prediction],
    empty: Sequence[Prediction],
    width: int,
) -> tuple[float, str]:
    """Score boxes by those found again in the mirrored picture.

    An object found in both counts with the product of its scores and its overlap; what is found
    in one of them only, or in an empty picture, counts against it, with half its score.

    Args:
        found: in the picture.
        mirrored: in the picture mirrored left to right.
        empty: in a picture of one grey.
        width: of the picture, pixels.

    Returns:
        The score, 0..1, and why.
    """
    here, there = _located(found), _located(mirrored)
    if not here:
        return 0.0, "no boxes"
    left = {index: _mirrored(one.box, width) for index, one in enumerate(there)}
    again, total, lost = 0, 0.0, 0.0
    for one in here:
        overlaps = {
            index: _overlap(one.box, box)
            for index, box in left.items()
            if there[index].class_id == one.class_id
        }
        best = max(overlaps, key=lambda index: overlaps[index], default=None)
        if best is None or overlaps[best] < _SAME_BOX:
            lost += one.score / 2
            continue
        again += 1
        total += one.score * there[best].score * overlaps[best]
        del left[best]
    lost += sum(there[index].score for index in left) / 2
    lost += sum(one.score for one in _located(empty)) / 2
    gain = max(total - lost, 0.0)
    score = gain / (1 + gain)
    mean = sum(one.score for one in here) / len(here)
    why = f"{len(here)} {'box' if len(here) == 1 else 'boxes'}, mean score {mean:.2f}; {again} of "
    return score, f"{why}them also in the mirrored picture"


def judge_classes(
    found: Sequence[Prediction],
    views: Sequence[Sequence[Prediction]],
    empty: Sequence[Prediction],
) -> tuple[float, str]:
    """Score class probabilities by how sure they are over several views of the picture.

    It is one less the entropy of the views' mean, relative to the largest possible; halved where
    an empty picture gives the same probabilities.

    Args:
        found: every class of the picture.
        views: every class of other views of it.
        empty: every class of a picture of one grey.

    Returns:
        The score, 0..1, and why.
    """
    distributions = [_by_class(one) for one in (found, *views, empty)]
    if len({len(one) for one in distributions}) > 1 or len(distributions[0]) < 2:
        return 0.0, "no finite scores"
    *seen, nothing = distributions
    mean = np.mean(seen, axis=0)
    filled = mean[mean > 0]
    entropy = float(-(filled * np.log(filled)).sum())
    sure = max(0.0, 1 - entropy / math.log(len(mean)))
    differs = float(np.abs(mean - nothing).sum()) / 2
    best = int(seen[0].argmax())
    agreeing = sum(int(one.argmax()) == best for one in seen[1:])
    why = (
        f"best class {seen[0].max():.2f}; the same in {agreeing} of {len(seen) - 1} other views; "
        f"an empty picture gives {nothing[best]:.2f}"
    )
    return min(sure * (1 + differs) / 2, 1.0), why


def judge_values(outputs: Arrays, task: str) -> tuple[float, str]:
    """Tell broken outputs from others; what is not broken is not ranked.

    Returns:
        A score, 0..0.5, and why.
    """
    arrays = [one.astype(np.float64) for one in outputs.values() if one.dtype.kind not in "OUSc"]
    values = np.concatenate([one.reshape(-1) for one in arrays]) if arrays else np.empty(0)
    if values.size == 0:
        return 0.0, "no numbers came out"
    finite = values[np.isfinite(values)]
    share = finite.size / values.size
    if share < 1:
        return share / 2, f"{1 - share:.1%} of the values are not finite"
    ends = float(((finite == finite.min()) | (finite == finite.max())).mean())
    if ends > _SATURATED and values.size > 2:
        return 0.25, f"{ends:.1%} of the values are the smallest or the largest"
    return 0.5, f"finite; {task} gives nothing more to rank by"


def _located(predictions: Sequence[Prediction]) -> list[Located]:
    return [one for one in predictions if isinstance(one, (Detection, Segment, OrientedBox, Pose))]


def _by_class(predictions: Sequence[Prediction]) -> np.ndarray:
    """(classes,) float64, by class id."""
    scores = {one.class_id: one.score for one in predictions if isinstance(one, ClassScore)}
    return np.array([scores[key] for key in sorted(scores)], np.float64)


Box = tuple[float, float, float, float]


def _mirrored(box: Box, width: int) -> Box:
    return width - box[2], box[1], width - box[0], box[3]


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return across * down / (areas - across * down)
