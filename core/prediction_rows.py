"""Predictions in words: the rows of the window's table and the lines of the commands."""

from __future__ import annotations

from typing import NamedTuple

from core.predictions import (
    ClassMap,
    ClassScore,
    DenseMap,
    Detection,
    Embedding,
    OrientedBox,
    OutputImage,
    Pose,
    Prediction,
    Segment,
    TensorSummary,
)
from core.tensors import shape_text


class PredictionRow(NamedTuple):
    """What was found, its score, where or how it is; "" where there is nothing to say."""

    what: str
    score: str
    place: str
    class_id: int | None = None  # None where it is of no class
    more: str = ""  # in more words


def prediction_rows(found: Prediction) -> list[PredictionRow]:
    """A prediction's rows: one, or one for each class of a map."""
    match found:
        case Detection() | Segment() | OrientedBox() | Pose():
            x1, y1, x2, y2 = found.box
            place = f"{x1:.0f}, {y1:.0f}, {x2:.0f}, {y2:.0f}"
            more = (
                f"{found.label} (class {found.class_id}), score {found.score:.4f}\n"
                f"x {x1:.1f} to {x2:.1f}, y {y1:.1f} to {y2:.1f}, in the picture's pixels"
            )
            return [PredictionRow(found.label, f"{found.score:.3f}", place, found.class_id, more)]
        case ClassScore():
            place = f"class {found.class_id}"
            return [PredictionRow(found.label, f"{found.score:.3f}", place, found.class_id)]
        case ClassMap():
            return [
                PredictionRow(one.label, "", f"{one.share:.1%} of the picture", one.class_id)
                for one in found.shares
            ]
        case DenseMap():
            height, width = found.values.shape
            place = f"{width} x {height}, {found.low:.4g} to {found.high:.4g}, {found.note}"
            return [PredictionRow(found.tensor, "", place)]
        case OutputImage():
            height, width = found.pixels.shape[:2]
            return [PredictionRow(found.tensor, "", f"{width} x {height}, {found.note}")]
        case Embedding():
            length = f"norm {found.norm:.4g}" if found.values.any() else "every one of them 0"
            place = f"{len(found.values)} numbers, {length}"
            return [PredictionRow(found.tensor, "", place)]
        case TensorSummary():
            return [PredictionRow(found.name, "", f"{shape_text(found.shape)}, {_numbers(found)}")]


def _numbers(found: TensorSummary) -> str:
    numbers = (
        "no finite values"
        if found.mean is None
        else f"min {found.min:.6g}, max {found.max:.6g}, mean {found.mean:.6g}"
    )
    return numbers + (
        f", {found.nan:,} NaN, {found.inf:,} infinite" if found.nan or found.inf else ""
    )
