"""Whether an engine sees the same in a picture as its ONNX: classes, boxes, maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from core.predictions import ClassMap, ClassScore, Embedding, Located, Prediction

_TIED = 0.02  # two best classes whose scores are nearer are a tie
_SAME_PIXELS = 0.99
_SAME_DIRECTION = 0.99
_MOST_COMPARED = 500  # boxes


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both see. `agrees` is None where that tells nothing."""

    agrees: bool | None
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """The object `predictions` of a first run."""
        return {"agree": self.agrees, "sentence": self.sentence}


def agreement(
    reference: Sequence[Prediction],
    found: Sequence[Prediction],
    threshold: float,
    *,
    pixels: float = 2.0,
    margin: float = 0.05,
) -> Agreement | None:
    """Compare the predictions of the same picture.

    Args:
        reference: the ONNX's, best first.
        found: the engine's, best first.
        threshold: the score below which neither lists anything.
        pixels: of the picture, that a box's edge may be off.
        margin: a score so little above the threshold may fall below it in the other.

    Returns:
        None where the outputs are not read as something that can agree.
    """
    both = [*reference, *found]
    if not both:
        return Agreement(None, "Neither sees anything in the picture.")
    if all(isinstance(one, ClassScore) for one in both) and reference and found:
        return _classes(reference, found)
    if all(isinstance(one, get_args(Located)) for one in both):
        return _boxes(reference, found, threshold + margin, pixels)
    if len(reference) == len(found) == 1:
        one, other = reference[0], found[0]
        if isinstance(one, ClassMap) and isinstance(other, ClassMap):
            return _maps(one, other)
        if isinstance(one, Embedding) and isinstance(other, Embedding):
            return _vectors(one, other)
    return None


def _classes(reference: Sequence[Any], found: Sequence[Any]) -> Agreement:
    right, own = reference[0], found[0]
    if right.class_id == own.class_id:
        return Agreement(
            True,
            f"Both see {right.label!r} first: {right.score:.3f} by the ONNX, {own.score:.3f} by "
            "the engine.",
        )
    second = reference[1] if len(reference) > 1 else None
    is_tie = (
        second is not None
        and second.class_id == own.class_id
        and right.score - second.score < _TIED
    )
    tie = " They are as good as tied in the ONNX." if is_tie else ""
    return Agreement(
        is_tie,
        f"The ONNX sees {right.label!r} first ({right.score:.3f}), the engine {own.label!r} "
        f"({own.score:.3f}).{tie}",
    )


def _boxes(
    reference: Sequence[Any], found: Sequence[Any], sure_from: float, pixels: float
) -> Agreement:
    """Match each of the ONNX's with the nearest of the engine's of its class, best first."""
    left = list(found[:_MOST_COMPARED])
    matched, unmatched, furthest = 0, [], 0.0
    for one in reference[:_MOST_COMPARED]:
        same = [other for other in left if other.class_id == one.class_id]
        nearest = min(same, key=lambda other: _apart(one, other), default=None)
        if nearest is None or _apart(one, nearest) > pixels:
            unmatched.append(one)
            continue
        left.remove(nearest)
        matched += 1
        furthest = max(furthest, _apart(one, nearest))
    sure = [one for one in (*unmatched, *left) if one.score >= sure_from]
    near = len(unmatched) + len(left) - len(sure)
    if not sure and not matched:
        return Agreement(None, "Both see only what is hardly above the score threshold.")
    also = f" Near the score threshold one of them has {_boxes_text(near)} more." if near else ""
    if not sure:
        return Agreement(
            True,
            f"Both find the same {_boxes_text(matched)}, at most {furthest:.2g} pixels "
            f"apart.{also}",
        )
    best = max(sure, key=lambda one: one.score)
    whose = "the ONNX" if any(best is one for one in unmatched) else "the engine"
    return Agreement(
        False,
        f"{_boxes_text(matched).capitalize()} within {pixels:g} pixels of each other, "
        f"{len(sure):,} without a partner: the best of them is {best.label!r} ({best.score:.3f}), "
        f"found by {whose} alone.{also}",
    )


def _boxes_text(count: int) -> str:
    return "1 box" if count == 1 else f"{count:,} boxes"


def _apart(one: Any, other: Any) -> float:
    """The largest distance between two boxes' edges, in pixels."""
    return max(float(abs(a - b)) for a, b in zip(one.box, other.box, strict=True))


def _maps(one: ClassMap, other: ClassMap) -> Agreement | None:
    if one.class_ids.shape != other.class_ids.shape:
        return None
    same = float((one.class_ids == other.class_ids).mean())
    return Agreement(
        same >= _SAME_PIXELS, f"{same * 100:.4g} % of the picture's pixels have the same class."
    )


def _vectors(one: Embedding, other: Embedding) -> Agreement | None:
    a, b = one.values.astype(np.float64), other.values.astype(np.float64)
    lengths = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    if a.shape != b.shape or not np.isfinite(lengths) or not lengths:
        return None
    cosine = float(a @ b) / lengths
    return Agreement(cosine >= _SAME_DIRECTION, f"The embeddings' cosine is {cosine:.5f}.")
