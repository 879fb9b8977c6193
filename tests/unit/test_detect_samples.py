"""Real detectors that others made: they find what their authors say, and what plain loops find."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.model import Model
from core.predictions import Detection
from core.results import TestResult
from tests.unit.sample_files import sample

Row = tuple[int, float, list[float]]
"""Class, score, box x1 y1 x2 y2 in the picture's pixels."""

# As the samples' README.md says their authors use them.
YOLOX: dict[str, Any] = {"resize": "letterbox-top-left", "pad": 114, "color": "bgr", "scale": 1.0}
ULTRAFACE: dict[str, Any] = {"resize": "stretch", "scale": 1.0, "mean": (127.0,), "std": (128.0,)}


def run(model: str, recipe: dict[str, Any], image: str) -> TestResult:
    with Model.open(sample(f"models/{model}.onnx")) as opened:
        assert opened.recipe is not None
        opened.recipe = replace(opened.recipe, **recipe)
        return opened.test(sample(f"images/{image}"))


def rows_of(result: TestResult) -> list[Row]:
    assert result.guess.task == "detect"
    found = [one for one in result.predictions if isinstance(one, Detection)]
    return [(one.class_id, one.score, list(one.box)) for one in found]


def is_close(row: Row, class_id: int, score: float, box: Sequence[float] | None) -> bool:
    near = box is None or np.abs(np.array(row[2]) - box).max() <= 3
    return row[0] == class_id and abs(row[1] - score) <= 0.02 and near


@pytest.mark.parametrize(
    ("image", "seen"),
    [
        ("trtcn_dog.png", [(16, 0.92, [154, 40, 490, 461])]),
        ("fastestdet_1.jpg", [(5, 0.96, [49, 80, 602, 423])]),
        ("fastestdet_3.jpg", [(0, score, None) for score in (0.90, 0.84, 0.65, 0.46)]),
    ],
)
def test_yolox_nano_finds_what_was_seen(
    image: str, seen: list[tuple[int, float, list[float] | None]]
) -> None:
    result = run("yolox_nano_coco80_416", YOLOX, image)
    assert (result.guess.layout, result.guess.certainty) == ("yolox", "likely")
    rows = rows_of(result)
    for class_id, score, box in seen:
        assert any(is_close(row, class_id, score, box) for row in rows), (score, rows)
    if image == "fastestdet_3.jpg":
        assert sorted(row[0] for row in rows) == [0] * 4 + [29] * 4  # people and frisbees


def test_ultraface_finds_four_faces() -> None:
    result = run("ultraface_RFB-320", ULTRAFACE, "linzaer_faces_2.jpg")
    assert result.guess.layout == "ssd"
    rows = rows_of(result)
    assert [row[0] for row in rows] == [1] * 4  # column 1 is the face
    assert min(row[1] for row in rows) > 0.7


# The same numbers from plain code


def suppressed(rows: list[Row], limit: float) -> list[Row]:
    kept: list[Row] = []
    for row in sorted(rows, key=lambda one: -one[1]):
        if all(row[0] != other[0] or overlap(row[2], other[2]) <= limit for other in kept):
            kept.append(row)
    return kept


def overlap(one: list[float], other: list[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def plain_yolox(output: np.ndarray) -> list[Row]:
    """Boxes in the network's pixels."""
    rows: list[Row] = []
    numbers = iter(output[0].astype(float).tolist())
    for stride in (8, 16, 32):
        for y in range(416 // stride):
            for x in range(416 // stride):
                row = next(numbers)
                score, class_id = max((row[4] * p, -k) for k, p in enumerate(row[5:]))
                if score < 0.25:
                    continue
                cx, cy = (row[0] + x) * stride, (row[1] + y) * stride
                w, h = math.exp(row[2]) * stride, math.exp(row[3]) * stride
                rows.append((-class_id, score, [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]))
    assert next(numbers, None) is None
    return suppressed(rows, 0.45)


def assert_same(found: list[Row], plain: list[Row], scale_xy: tuple[float, float],
                size_wh: tuple[int, int]) -> None:  # fmt: skip
    assert len(found) == len(plain) > 0
    for (class_id, score, box), (plain_id, plain_score, plain_box) in zip(
        found, plain, strict=True
    ):
        assert class_id == plain_id
        assert score == pytest.approx(plain_score, abs=1e-5)
        scaled = [value / scale_xy[i % 2] for i, value in enumerate(plain_box)]
        clipped = [min(max(value, 0), size_wh[i % 2]) for i, value in enumerate(scaled)]
        np.testing.assert_allclose(box, clipped, atol=0.01)


@pytest.mark.parametrize("image", ["trtcn_dog.png", "fastestdet_1.jpg", "fastestdet_3.jpg"])
def test_yolox_boxes_are_those_of_plain_loops_over_the_same_output(image: str) -> None:
    result = run("yolox_nano_coco80_416", YOLOX, image)
    width, height = result.image.size_wh  # type: ignore[union-attr]
    ratio = min(416 / width, 416 / height)
    scale = (int(width * ratio + 1e-6) / width, int(height * ratio + 1e-6) / height)
    assert_same(rows_of(result), plain_yolox(result.outputs["output"]), scale, (width, height))


@pytest.mark.parametrize("image", ["linzaer_faces_2.jpg", "fastestdet_3.jpg"])
def test_faces_are_those_of_plain_loops_over_the_same_outputs(image: str) -> None:
    result = run("ultraface_RFB-320", ULTRAFACE, image)
    width, height = result.image.size_wh  # type: ignore[union-attr]
    pairs = zip(result.outputs["scores"][0].tolist(), result.outputs["boxes"][0].tolist(),
                strict=True)  # fmt: skip
    rows: list[Row] = [(1, face, box) for (_, face), box in pairs if face >= 0.25]
    plain = suppressed(rows, 0.45)
    assert_same(rows_of(result), plain, (1 / width, 1 / height), (width, height))
