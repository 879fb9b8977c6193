"""Detectors' outputs in each layout: by hand, and there and back."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from core.modelfile.metadata import Metadata
from core.placement import Placement
from core.predictions import Detection
from core.preprocess import prepare
from core.recipes import Recipe
from core.tasks import Choices, Decoded, Reading, decode
from tests.unit.detection_outputs import WRITERS, Object

NETWORK = (320, 256)
READING = Reading(picture_wh=NETWORK, network_wh=NETWORK)
Box = tuple[float, float, float, float]


def found(decoded: Decoded) -> list[Detection]:
    assert decoded.guess.task == "detect"
    return [one for one in decoded.predictions if isinstance(one, Detection)]


def summary(decoded: Decoded) -> list[tuple[int, float, list[float]]]:
    return [
        (one.class_id, round(one.score, 4), [round(value, 3) for value in one.box])
        for one in found(decoded)
    ]


# There and back


def into_network(box: Box, picture_wh: tuple[int, int], resize: str) -> Box:
    """Where a box of the picture lies in the network's picture, by plain arithmetic."""
    (width, height), (across, down) = picture_wh, NETWORK
    left = top = 0
    if resize == "stretch":
        new_w, new_h = across, down
    else:
        ratio = min(across / width, down / height)
        whole = int if resize == "letterbox-top-left" else round
        new_w, new_h = max(whole(width * ratio), 1), max(whole(height * ratio), 1)
        if resize == "letterbox":
            left, top = (across - new_w) // 2, (down - new_h) // 2
    x1, y1, x2, y2 = box
    return (
        x1 * new_w / width + left,
        y1 * new_h / height + top,
        x2 * new_w / width + left,
        y2 * new_h / height + top,
    )


@lru_cache
def placement_of(picture_wh: tuple[int, int], resize: Any) -> Placement:
    recipe = Recipe(input="images", layout="NCHW", size_wh=NETWORK, resize=resize)
    return prepare(np.zeros((*picture_wh[::-1], 3), np.uint8), recipe).placement


@pytest.mark.parametrize("resize", ["letterbox", "letterbox-top-left", "stretch"])
@pytest.mark.parametrize(
    "picture_wh", [(1500, 60), (60, 1500), (9, 7), (6000, 4500), NETWORK], ids=str
)
@pytest.mark.parametrize("name", WRITERS)
def test_boxes_put_into_an_output_come_back_within_a_pixel(
    name: str, picture_wh: tuple[int, int], resize: str
) -> None:
    layout, writer, shift = WRITERS[name]
    width, height = picture_wh
    wanted = [
        (2, 0.9, (0.05 * width, 0.1 * height, 0.5 * width, 0.45 * height)),
        (0, 0.7, (0.4 * width, 0.5 * height, 0.95 * width, 0.9 * height)),
        (1, 0.4, (0.6 * width, 0.05 * height, 0.8 * width, 0.4 * height)),
    ]
    objects = [
        Object(into_network(box, picture_wh, resize), class_id, score)
        for class_id, score, box in wanted
    ]
    placement = placement_of(picture_wh, resize)
    reading = replace(READING, picture_wh=picture_wh, placement=placement)
    decoded = decode(writer(objects, NETWORK), reading)
    assert decoded.guess.layout == layout
    back = found(decoded)
    assert [one.class_id - shift for one in back] == [2, 0, 1]
    np.testing.assert_allclose([one.score for one in back], [0.9, 0.7, 0.4], atol=1e-4)
    np.testing.assert_allclose([one.box for one in back], [box for _, _, box in wanted], atol=1.0)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("name", WRITERS)
def test_other_precisions_give_the_same_boxes(name: str, dtype: str) -> None:
    _, writer, shift = WRITERS[name]
    box = (32.0, 40.0, 160.0, 104.0)
    outputs = {
        key: array.astype(dtype) if array.dtype == np.float32 else array
        for key, array in writer([Object(box, 1, 0.75)], NETWORK).items()
    }
    [one] = found(decode(outputs, READING))
    assert one.class_id == 1 + shift
    assert one.score == pytest.approx(0.75, abs=2e-3)
    np.testing.assert_allclose(one.box, box, atol=0.5)


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_in_the_picture_is_nothing_found(name: str) -> None:
    layout, writer, _ = WRITERS[name]
    decoded = decode(writer([], NETWORK), READING)
    assert (decoded.guess.layout, decoded.predictions) == (layout, ())


@pytest.mark.parametrize("name", WRITERS)
def test_thresholds_and_numbers_are_the_readings_in_every_layout(name: str) -> None:
    _, writer, _ = WRITERS[name]
    objects = [
        Object((10, 10, 90, 90), 0, 0.9),
        Object((100, 100, 190, 190), 1, 0.5),
        Object((200, 20, 300, 90), 2, 0.15),
    ]
    outputs = writer(objects, NETWORK)
    for change, scores in (
        ({}, [0.9, 0.5]),
        ({"score_threshold": 0.1}, [0.9, 0.5, 0.15]),
        ({"score_threshold": 0.6}, [0.9]),
        ({"max_detections": 1}, [0.9]),
    ):
        decoded = decode(outputs, replace(READING, choices=Choices(**change)))
        np.testing.assert_allclose([one.score for one in found(decoded)], scores, atol=1e-4)


SUPPRESSED_HERE = ["ultralytics", "yolov5", "yolox", "yolox, decoded", "ssd", "scores in pixels"]


@pytest.mark.parametrize("name", WRITERS)
def test_only_layouts_with_overlapping_boxes_are_suppressed(name: str) -> None:
    _, writer, shift = WRITERS[name]
    # Shifted by 10 of 100: IoU 90 / 110 = 0.82. Middles are in different cells at all strides.
    objects = [
        Object((100, 100, 200, 200), 1, 0.8),
        Object((110, 100, 210, 200), 1, 0.9),
        Object((120, 100, 220, 200), 2, 0.7),
    ]
    back = [one.class_id - shift for one in found(decode(writer(objects, NETWORK), READING))]
    here = name in (*SUPPRESSED_HERE, "yolov5, fractions", "ultralytics, fractions")
    assert back == ([1, 2] if here else [1, 1, 2])


@pytest.mark.parametrize("name", WRITERS)
def test_classes_are_named_in_every_layout(name: str) -> None:
    _, writer, _ = WRITERS[name]
    names = ("cat", "dog", "cow")
    outputs = writer([Object((10, 10, 90, 90), 1, 0.9)], NETWORK)
    for reading in (
        replace(READING, choices=Choices(class_names=names)),
        replace(READING, metadata=Metadata(names=names)),
    ):
        assert [one.label for one in found(decode(outputs, reading))] == ["dog"]


# By hand


def test_yolov5_multiplies_objectness_and_class() -> None:
    head = np.zeros((1, 3 * (32 * 40 + 16 * 20 + 8 * 10), 7), np.float32)
    head[0, 5] = [100, 80, 40, 20, 0.5, 0.25, 0.75]  # 0.375, class 1
    head[0, 9] = [200, 80, 40, 20, 0.25, 0.75, 0.5]  # 0.1875: below 0.25
    assert summary(decode({"output": head}, READING)) == [(1, 0.375, [80, 70, 120, 90])]


def test_yolox_adds_the_cell_and_multiplies_by_the_stride() -> None:
    head = np.zeros((1, 1680, 7), np.float32)
    # Row 1280 + 320 + 3 * 10 + 4: stride 32, cell (4, 3). 40 columns at stride 8, 20 at 16.
    head[0, 1634] = [0.5, 0.25, np.log(2), np.log(1.5), 0.8, 0.1, 0.9]
    # cx = 4.5 * 32 = 144, cy = 3.25 * 32 = 104, w = 64, h = 48, score = 0.72
    head[0, 41] = [0.0, 0.5, 0.0, np.log(3), 0.5, 1.0, 0.0]
    # stride 8, cell (1, 1): cx = 8, cy = 12, w = 8, h = 24, score = 0.5
    assert summary(decode({"output": head}, READING)) == [
        (1, 0.72, [112, 80, 176, 128]),
        (0, 0.5, [4, 0, 12, 24]),
    ]


def test_yolov7s_rows_of_other_pictures_are_left_out() -> None:
    rows = np.array([[0, 10, 20, 30, 40, 5, 0.5], [1, 1, 2, 3, 4, 5, 0.9]], np.float32)
    assert summary(decode({"output": rows}, READING)) == [(5, 0.5, [10, 20, 30, 40])]


@pytest.mark.parametrize("row", [[0, 10, 20, 30, 40, 2, 0.75], [10, 20, 30, 40, 0.75, 2]])
def test_one_box_found_is_not_taken_for_scores(row: list[float]) -> None:
    decoded = decode({"output": np.array([row], np.float32)}, READING)
    assert summary(decoded) == [(2, 0.75, [10, 20, 30, 40])]


@pytest.mark.parametrize("count", [6, 7])
def test_scores_of_six_or_seven_classes_stay_scores(count: int) -> None:
    logits = np.linspace(-3, 4, count, dtype=np.float32)[None]
    assert decode({"output": logits}, READING).guess.task == "classify"


def test_tensorflows_boxes_have_y_first() -> None:
    outputs = {
        "detection_boxes": np.array([[[0.25, 0.125, 0.75, 0.5]]], np.float32),
        "detection_scores": np.array([[0.75]], np.float32),
        "detection_classes": np.array([[18]], np.float32),
        "num_detections": np.array([1], np.float32),
    }
    wanted = [(18, 0.75, [40, 64, 160, 192])]
    assert summary(decode(outputs, READING)) == wanted
    outputs["num_detections"] = np.array([[1]], np.int32)  # EfficientNMS under such names
    assert summary(decode(outputs, READING)) == wanted
    outputs["detection_boxes"] = np.array([[[40, 64, 160, 192]]], np.float32)
    assert summary(decode(outputs, READING)) == wanted


@pytest.mark.parametrize(
    ("scores", "dtype"), [([0.75, 0.5], "float32"), ([1.0, 1.0], "int32")], ids=["values", "dtype"]
)
def test_unnamed_scores_and_classes_are_told_apart(scores: list[float], dtype: str) -> None:
    outputs = {
        "a": np.array([[3, 4]], dtype),
        "b": np.array([[2]], np.int32),
        "c": np.array([scores], np.float32),
        "d": np.array([[[10, 20, 30, 40], [50, 60, 70, 80]]], np.float32),
    }
    for order in ("abcd", "dcba"):
        decoded = decode({name: outputs[name] for name in order}, READING)
        assert [one[:2] for one in summary(decoded)] == [(3, scores[0]), (4, scores[1])]


def test_the_background_is_no_class_and_the_others_keep_their_columns() -> None:
    scores = np.array([[[0.9, 0.1], [0.25, 0.75], [0.6, 0.4]]], np.float32)
    boxes = np.array([[[0, 0, 1, 1], [0.25, 0.5, 0.5, 0.75], [0.5, 0, 1, 0.5]]], np.float32)
    reading = replace(READING, choices=Choices(class_names=("face",)))
    back = found(decode({"scores": scores, "boxes": boxes}, reading))
    assert [(one.label, one.class_id, one.box) for one in back] == [
        ("face", 1, (80.0, 128.0, 160.0, 192.0)),
        ("face", 1, (160.0, 0.0, 320.0, 128.0)),
    ]


def test_detrs_no_object_takes_its_share() -> None:
    # e^2 : e^1 : e^1 = 7.389 : 2.718 : 2.718, so 0.5761 for class 0
    logits = np.full((1, 100, 3), -4, np.float32)
    logits[..., 2] = 6
    logits[0, 7] = [2, 1, 1]
    boxes = np.full((1, 100, 4), 0.5, np.float32)
    boxes[0, 7] = [0.5, 0.25, 0.5, 0.25]
    outputs = {"logits": logits, "pred_boxes": boxes}
    assert summary(decode(outputs, READING)) == [(0, 0.5761, [80, 32, 240, 96])]


def test_the_number_of_names_says_whether_the_last_column_is_no_object() -> None:
    logits = np.full((1, 100, 3), -4, np.float32)
    logits[0, 7] = [2, 1, 1]
    outputs = {"logits": logits, "pred_boxes": np.full((1, 100, 4), 0.5, np.float32)}
    for names, score in ((("a", "b", "c"), 0.8808), (("a", "b"), 0.5761)):  # sigmoid(2), softmax
        reading = replace(READING, metadata=Metadata(names=names), choices=Choices(
            score_threshold=0.5))  # fmt: skip
        assert [one[:2] for one in summary(decode(outputs, reading))] == [(0, score)]


def test_ultralytics_rt_detr_has_scores_and_fractions_in_one_output() -> None:
    head = np.zeros((1, 300, 7), np.float32)
    head[0, 3] = [0.5, 0.5, 0.25, 0.5, 0.1, 0.8, 0.2]
    metadata = Metadata(task="detect", names=("a", "b", "c"))
    decoded = decode({"output0": head}, replace(READING, metadata=metadata))
    assert (decoded.guess.layout, decoded.guess.certainty) == ("detr", "certain")
    assert summary(decoded) == [(1, 0.8, [120, 64, 200, 192])]


def test_a_turned_ultralytics_head_is_read_where_the_names_say_so() -> None:
    head = np.zeros((1, 1680, 6), np.float32)
    head[0, 11] = [100, 80, 40, 20, 0.25, 0.75]
    metadata = Metadata(task="detect", names=("a", "b"))
    decoded = decode({"output0": head}, replace(READING, metadata=metadata))
    assert (decoded.guess.layout, decoded.guess.certainty) == ("ultralytics", "certain")
    assert summary(decoded) == [(1, 0.75, [80, 70, 120, 90])]


@pytest.mark.parametrize("limit", [0.6, 0.05])  # the second leaves less than is asked for
def test_a_threshold_of_0_gives_the_same_best_boxes_as_a_whole_suppression(limit: float) -> None:
    """Of 5,000 boxes, the best 300 that plain loops leave."""
    rng = np.random.default_rng(3)
    head = np.zeros((1, 5040, 6), np.float32)  # three anchors a cell
    head[0, :, :4] = rng.uniform(20, 230, (5040, 4)) * [1, 1, 0.5, 0.5]
    head[0, :, 4] = rng.permutation(5040) / 5040
    head[0, :, 5] = 1
    reading = replace(READING, choices=Choices(score_threshold=0.0, iou_threshold=limit))
    kept: list[list[float]] = []
    for cx, cy, w, h, *_ in sorted(head[0].astype(float).tolist(), key=lambda row: -row[4]):
        box = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
        if all(overlap(box, other) <= limit for other in kept):
            kept.append(box)
        if len(kept) == 300:
            break
    clipped = [[min(max(v, 0), side) for v, side in zip(box, NETWORK * 2, strict=True)]
               for box in kept]  # fmt: skip
    np.testing.assert_allclose(
        [one.box for one in found(decode({"output": head}, reading))], clipped, atol=0.01
    )


def overlap(one: list[float], other: list[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)
