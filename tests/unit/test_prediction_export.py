"""Predictions as JSON and COCO JSON, against the same worked out by plain code."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from core import coco_keypoints
from core.errors import InputError
from core.modelfile.metadata import Metadata
from core.prediction_export import coco_json, polygons, predictions_json
from core.predictions import (
    ClassScore,
    Detection,
    Mask,
    OrientedBox,
    Pose,
    Prediction,
    Segment,
    summarize,
)  # fmt: skip
from core.results import Stages, TestResult
from core.tasks import Reading, TaskGuess

STAGES = Stages(
    read=None, preprocess=None, host_to_device=None, compute=1.0, device_to_host=None,
    postprocess=1.0, total=2.0, clock="wall",
)  # fmt: skip


def result_of(
    source: str, *predictions: Prediction, names: tuple[str, ...] = (), size: Any = (640, 480)
) -> TestResult:
    return TestResult(
        source=source, image=None, recipe=None, inputs={}, outputs={}, summaries=(),
        reading=Reading(picture_wh=size, metadata=Metadata(names=names)),
        guess=TaskGuess("detect", "because", "ultralytics"), alternatives=(),
        predictions=predictions, warnings=("careful",), stages=STAGES, is_first=False,
    )  # fmt: skip


def filled(bits: np.ndarray) -> np.ndarray:
    """A mask without holes: all that a walk from outside, side by side, does not reach."""
    around = np.pad(bits, 1)
    outside = np.zeros_like(around)
    waiting = [(0, 0)]
    while waiting:
        y, x = waiting.pop()
        inside = 0 <= y < around.shape[0] and 0 <= x < around.shape[1]
        if inside and not around[y, x] and not outside[y, x]:
            outside[y, x] = True
            waiting += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
    return ~outside[1:-1, 1:-1]


def covers(polygon: list[float], x: float, y: float) -> bool:
    """Whether a ray to the right crosses the polygon an odd number of times."""
    corners = list(zip(polygon[::2], polygon[1::2], strict=True))
    crossings = 0
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            crossings += 1
    return crossings % 2 == 1


def area(polygon: list[float]) -> float:
    corners = list(zip(polygon[::2], polygon[1::2], strict=True))
    following = corners[1:] + corners[:1]
    return (
        abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(corners, following, strict=True)))
        / 2
    )


def ring() -> np.ndarray:
    y, x = np.mgrid[:20, :20] + 0.5
    distance = np.hypot(x - 10, y - 10)
    return (distance < 9) & (distance > 4)


@pytest.mark.parametrize(
    "bits",
    [
        np.ones((1, 1), bool),
        np.ones((3, 5), bool),
        np.eye(4, dtype=bool),
        np.array([[1, 1], [1, 0]], bool),
        np.zeros((3, 3), bool),
        ring(),
        *[np.random.default_rng(seed).random((12, 15)) > 0.4 for seed in range(8)],
    ],
)
def test_polygons_hold_exactly_the_pixels_of_a_mask_and_of_its_holes(bits: np.ndarray) -> None:
    found = polygons(Mask(100, 50, bits))
    whole = filled(bits)
    again = np.array([
        [sum(covers(one, 100.5 + x, 50.5 + y) for one in found) for x in range(bits.shape[1])]
        for y in range(bits.shape[0])
    ])  # fmt: skip
    np.testing.assert_array_equal(again, whole)
    assert sum(area(one) for one in found) == whole.sum()
    assert all(len(one) >= 8 for one in found)


def test_a_rectangles_polygon_is_its_four_corners() -> None:
    [found] = polygons(Mask(7, 3, np.ones((2, 4), bool)))
    corners = set(zip(found[::2], found[1::2], strict=True))
    assert corners == {(7, 3), (11, 3), (11, 5), (7, 5)}
    assert len(found) == 8


def test_boxes_in_coco_are_corner_and_size_with_ids_from_1() -> None:
    names = ("cat", "dog")
    answer: Any = coco_json([
        result_of("a/one.jpg", Detection("dog", 1, 0.75, (10, 20.5, 40, 60.5)), names=names),
        result_of("a/two.jpg", names=names, size=(100, 50)),
        result_of("three.jpg", Detection("cat", 0, 0.5, (0, 0, 1, 2)), names=names),
    ])  # fmt: skip
    assert answer["images"] == [
        {"id": 1, "file_name": "one.jpg", "width": 640, "height": 480},
        {"id": 2, "file_name": "two.jpg", "width": 100, "height": 50},
        {"id": 3, "file_name": "three.jpg", "width": 640, "height": 480},
    ]
    assert answer["categories"] == [
        {"id": 1, "name": "cat", "supercategory": ""},
        {"id": 2, "name": "dog", "supercategory": ""},
    ]
    first, second = answer["annotations"]
    assert first == {
        "id": 1, "image_id": 1, "category_id": 2, "bbox": [10, 20.5, 30, 40], "area": 1200,
        "segmentation": [], "iscrowd": 0, "score": 0.75,
    }  # fmt: skip
    assert (second["id"], second["image_id"], second["category_id"]) == (2, 3, 1)
    json.dumps(answer)


def test_classes_without_names_are_called_by_their_numbers() -> None:
    answer: Any = coco_json([result_of("a.jpg", Detection("7", 7, 0.5, (0, 0, 1, 2)))])
    assert answer["categories"] == [{"id": 8, "name": "7", "supercategory": ""}]


def test_segments_and_oriented_boxes_have_polygons_and_their_own_area() -> None:
    bits = np.zeros((10, 10), bool)
    bits[2:5, 3:9] = True
    diamond = ((10.0, 0.0), (20.0, 10.0), (10.0, 20.0), (0.0, 10.0))
    answer: Any = coco_json([
        result_of(
            "a.jpg",
            Segment("x", 0, 0.5, (100, 100, 110, 110), Mask(100, 100, bits)),
            OrientedBox("y", 1, 0.5, (0, 0, 20, 20), diamond),
        )
    ])  # fmt: skip
    segment, box = answer["annotations"]
    [polygon] = segment["segmentation"]
    assert (segment["area"], area(polygon)) == (18, 18)
    assert (min(polygon[::2]), max(polygon[::2])) == (103, 109)
    assert (min(polygon[1::2]), max(polygon[1::2])) == (102, 105)
    assert box["segmentation"] == [[10, 0, 20, 10, 10, 20, 0, 10]]
    assert box["area"] == area(box["segmentation"][0]) == 200
    json.dumps(answer)


def test_keypoints_are_written_as_coco_writes_them() -> None:
    points = tuple((float(index), index + 0.5, 0.9 if index else 0.1) for index in range(17))
    answer: Any = coco_json([result_of("a.jpg", Pose("person", 0, 0.5, (0, 0, 20, 20), points))])
    [annotation] = answer["annotations"]
    assert annotation["keypoints"][:6] == [0, 0, 0, 1, 1.5, 2]
    assert len(annotation["keypoints"]) == 51
    assert annotation["num_keypoints"] == 16
    [category] = answer["categories"]
    assert category["keypoints"][0] == "nose"
    assert category["keypoints"][16] == "right_ankle"
    joined = {frozenset(pair) for pair in category["skeleton"]}
    names = category["keypoints"]
    for one, other in (
        ("left_ankle", "left_knee"), ("left_hip", "right_hip"), ("right_elbow", "right_wrist"),
        ("nose", "left_eye"),
    ):  # fmt: skip
        assert {names.index(one) + 1, names.index(other) + 1} in joined
    assert len(joined) == 19


def test_other_keypoints_are_numbered() -> None:
    found = Pose("hand", 0, 0.5, (0, 0, 20, 20), ((1.0, 2.0, 1.0), (3.0, 4.0, 1.0)))
    answer: Any = coco_json([result_of("a.jpg", found)])
    assert answer["categories"][0]["keypoints"] == ["1", "2"]


def test_each_limb_joins_two_keypoints_and_the_left_ones_mirror_the_right_ones() -> None:
    names = coco_keypoints.NAMES
    limbs = {frozenset((names[one], names[other])) for one, other in coco_keypoints.LIMBS}
    assert all(len(limb) == 2 for limb in limbs)
    swap = {"left": "right", "right": "left"}
    mirrored = {
        frozenset("_".join(swap.get(part, part) for part in name.split("_")) for name in limb)
        for limb in limbs
    }
    assert mirrored == limbs


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    answer: Any = coco_json([result_of("a/x.jpg"), result_of("b/x.jpg"), result_of("b/y.jpg")])
    assert [image["file_name"] for image in answer["images"]] == ["a/x.jpg", "b/x.jpg", "y.jpg"]


def test_what_has_no_place_is_left_out_and_no_picture_is_refused() -> None:
    answer: Any = coco_json([result_of("a.jpg", ClassScore("cat", 0, 0.5))])
    assert answer["annotations"] == []
    with pytest.raises(InputError) as caught:
        coco_json([result_of("random input", size=None)])
    assert caught.value.kind == "no-picture"


def test_plain_json_tells_every_prediction_with_its_mask() -> None:
    segment = Segment("x", 0, 0.5, (1, 2, 3, 4), Mask(1, 2, np.ones((2, 2), bool)))
    answer: Any = predictions_json([
        result_of("a.jpg", segment, ClassScore("cat", 0, 0.5)),
        result_of("random input", summarize("out", np.zeros(3)), size=None),
    ])  # fmt: skip
    first, second = answer["images"]
    assert (first["path"], first["width"], first["height"]) == ("a.jpg", 640, 480)
    assert (first["task"], first["layout"], first["evidence"]) == (
        "detect", "ultralytics", "because",
    )  # fmt: skip
    assert first["warnings"] == ["careful"]
    [polygon] = first["predictions"][0]["polygons"]
    assert sorted(zip(polygon[::2], polygon[1::2], strict=True)) == [(1, 2), (1, 4), (3, 2), (3, 4)]
    assert first["predictions"][1] == {"label": "cat", "class_id": 0, "score": 0.5}
    assert (second["width"], second["predictions"][0]["name"]) == (None, "out")
    json.dumps(answer)
