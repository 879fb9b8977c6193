"""Poses: keypoints that come back, and heads that are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.modelfile.metadata import Metadata, parse_metadata
from core.predictions import Pose
from core.recipes import Resize
from core.tasks import Choices, Decoded, Reading, decode, guess_task, pose, ways_to_read
from core.tensors import Shape
from tests.unit.onnx_models import detector_head
from tests.unit.shape_heads import (
    NETWORK,
    PICTURES,
    RESIZES,
    by_hand,
    finished_head,
    placed,
    raw_head,
)  # fmt: skip

POSE = Metadata(task="pose")
READING = Reading(picture_wh=NETWORK, network_wh=NETWORK)
PERSON = 4 + 1 + 17 * 3


def poses(decoded: Decoded) -> list[Pose]:
    assert decoded.guess.task == "pose"
    found = [one for one in decoded.predictions if isinstance(one, Pose)]
    assert len(found) == len(decoded.predictions)
    return found


def pose_metadata(points: int, numbers: int, names: str = "{0: 'person'}") -> Metadata:
    return parse_metadata({"task": "pose", "names": names, "kpt_shape": f"[{points}, {numbers}]"})


@pytest.mark.parametrize("is_finished", [False, True])
@pytest.mark.parametrize("numbers", [2, 3])
@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("picture_wh", PICTURES)
def test_keypoints_come_back_in_picture_pixels(
    picture_wh, resize: Resize, numbers: int, is_finished: bool
) -> None:
    scale, offset = by_hand(picture_wh, resize)
    rng = np.random.default_rng(0)
    places = rng.random((5, 2)) * picture_wh
    places[4] = np.array(picture_wh) * [1.1, -0.1]  # beside the picture
    seen = rng.random((5, 1)) if numbers == 3 else np.ones((5, 1))
    points = np.concatenate([places * scale + offset, seen], axis=1)[:, :numbers].ravel()
    box = np.array([0.1, 0.2, 0.9, 0.7]) * np.tile(picture_wh, 2)
    x1, y1, x2, y2 = box * np.tile(scale, 2) + np.tile(offset, 2)
    if is_finished:
        head = finished_head([[x1, y1, x2, y2, 0.8, 0, *points]], 6 + 5 * numbers)
    else:
        cxcywh = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
        head = raw_head([[*cxcywh, 0.8, *points]], 5 + 5 * numbers)
    reading = Reading(
        picture_wh=picture_wh, network_wh=NETWORK, placement=placed(picture_wh, resize),
        metadata=pose_metadata(5, numbers),
    )  # fmt: skip
    [found] = poses(decode({"output0": head}, reading))
    assert (found.label, found.class_id, round(found.score, 6)) == ("person", 0, 0.8)
    np.testing.assert_allclose(found.box, box, atol=0.05)
    wanted = np.concatenate([places, seen], axis=1)
    np.testing.assert_allclose(found.keypoints, wanted, atol=0.05)


def person(x: float, score: float) -> list[float]:
    """A column: a box of 20 x 40 around (x, 100), each keypoint at its middle, half seen."""
    return [x, 100, 20, 40, score, *[x, 100, 0.5] * 17]


def test_overlapping_people_leave_the_best_and_keep_their_own_keypoints() -> None:
    head = raw_head([person(50, 0.6), person(51, 0.9), person(200, 0.7)], PERSON)
    found = poses(decode({"output0": head}, READING))
    assert [round(one.score, 6) for one in found] == [0.9, 0.7]
    assert [one.keypoints[16] for one in found] == [(51, 100, 0.5), (200, 100, 0.5)]
    best = replace(READING, choices=Choices(max_detections=1))
    assert len(poses(decode({"output0": head}, best))) == 1


def test_finished_people_are_not_suppressed_and_of_several_classes() -> None:
    rows = [[0, 0, 20, 40, 0.6, 0, *[9, 9, 1] * 17], [0, 0, 20, 40, 0.9, 1, *[9, 9, 1] * 17]]
    reading = replace(READING, metadata=pose_metadata(17, 3, "{0: 'cat', 1: 'dog'}"))
    found = poses(decode({"output0": finished_head(rows, 57)}, reading))
    assert [one.label for one in found] == ["dog", "cat"]


def test_without_a_shape_in_the_metadata_the_names_tell_how_many_keypoints_there_are() -> None:
    column = [50, 100, 20, 40, 0, 0.9, *[50, 100, 0.5] * 4]
    reading = replace(READING, metadata=Metadata(task="pose", names=("cat", "dog")))
    [found] = poses(decode({"output0": raw_head([column], 4 + 2 + 12)}, reading))
    assert (found.label, len(found.keypoints)) == ("dog", 4)


def crowd_of_classes() -> np.ndarray:
    """A detector of 52 classes: the same shape, scores where a person's keypoints would be."""
    head = detector_head(
        [[50, 50, 20, 20], [200, 200, 30, 30]], [0, 30], [0.9, 0.8],
        classes=52, size_wh=NETWORK,
    )  # fmt: skip
    assert head.shape[1] == PERSON
    return head


def test_a_detector_of_52_classes_is_read_as_one() -> None:
    decoded = decode({"output0": crowd_of_classes()}, READING)
    assert decoded.guess.task == "detect"
    assert [getattr(one, "class_id", None) for one in decoded.predictions] == [0, 30]


@pytest.mark.parametrize(
    "head",
    [
        raw_head([[50, 50, 9, 9, 4.0, *[50, 50, 0.5] * 17]], PERSON),
        raw_head([[50, 50, 9, 9, 0.9, *[50, 50, 7.0] * 17]], PERSON),
        raw_head([[50, 50, 9, 9, 0.9, *[0.5, 0.5, 0.5] * 17]], PERSON),
        finished_head([[1, 1, 9, 9, 0.9, 0.5, *[50, 50, 0.5] * 17]], 57),
        finished_head([[1, 1, 9, 9, 0.9, 0, *[50, 50, -1] * 17]], 57),
    ],
    ids=["score", "keypoint's score", "no place in a picture", "half a class", "finished"],
)
def test_values_that_contradict_a_pose_are_none(head: np.ndarray) -> None:
    reading = replace(READING, metadata=POSE)
    assert pose.decode({"output0": head}, reading) is None
    assert decode({"output0": head}, reading).guess.task == "tensors"


def test_an_empty_picture_has_nobody_and_nan_is_nobody() -> None:
    head = raw_head([], PERSON)
    assert poses(decode({"output0": head}, READING)) == []
    broken = raw_head([person(50, 0.6), person(200, 0.7)], PERSON)
    broken[0, 20, 7] = np.nan
    [found] = poses(decode({"output0": broken}, READING))
    assert round(found.score, 6) == 0.7


@pytest.mark.parametrize(
    ("shape", "metadata", "certainty"),
    [
        ((1, 56, 8400), None, "likely"),
        ((None, 56, 8400), None, "likely"),
        ((1, 56, 8400), POSE, "certain"),
        ((1, 56, 8400), pose_metadata(17, 3), "certain"),
        ((1, 56, 8400), pose_metadata(17, 2), None),
        ((1, 39, 8400), pose_metadata(17, 2), "certain"),
        ((1, 57, 8400), pose_metadata(17, 3, "{0: 'a', 1: 'b'}"), "certain"),
        ((1, 56, 8400), pose_metadata(17, 3, "{0: 'a', 1: 'b'}"), None),
        ((None, 56, None), POSE, "certain"),
        ((1, 300, 57), pose_metadata(17, 3), "certain"),
        ((1, 20, 57), pose_metadata(17, 3), "certain"),
        ((1, 300, 57), None, "possible"),
        ((1, 20, 57), None, None),
        ((1, 56, 8401), None, None),
        ((1, 20, 8400), None, "possible"),  # 5 keypoints, or 16 classes
        ((1, 13, 8400), None, "possible"),  # 4 keypoints of x and y, or 9 classes
        ((1, 11, 8400), None, None),
        ((1, 84, 8400), None, None),  # 79 numbers are no keypoints
        ((1, 56, 8400), Metadata(task="detect"), None),
        ((1, 5, 8400), POSE, None),
        ((2, 56, 8400), None, None),
        ((1, 56), POSE, None),
    ],
)
def test_a_pose_is_claimed_where_metadata_or_a_persons_keypoints_say_so(
    shape: Shape, metadata: Metadata | None, certainty: str | None
) -> None:
    reading = Reading(network_wh=(640, 640), metadata=metadata or Metadata())
    ways = {way.task: way for way in ways_to_read([("output0", shape)], reading)}
    assert (ways["pose"].certainty if "pose" in ways else None) == certainty
    chosen = guess_task([("output0", shape)], reading).task
    assert (chosen == "pose") == (certainty in ("certain", "likely"))


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("[17, 3]", (17, 3)), ([21, 2], (21, 2)), ("(5, 3)", (5, 3)), ("[17, 4]", None),
        ("[17]", None), ("17 x 3", None), (None, None), ([-17, 3], None), ("[17, True]", None),
    ],
)  # fmt: skip
def test_the_keypoints_shape_is_read_from_the_metadata(value: object, shape: object) -> None:
    assert Metadata(raw={"kpt_shape": value}).keypoint_shape == shape


@pytest.mark.parametrize(
    ("shapes", "task"),
    [
        ([(1, 0, 57)], "pose"),
        ([(1, 56, 0)], "pose"),
        ([(1, 0, 7)], "obb"),
        ([(1, 0, 38), (1, 32, 80, 80)], "segment"),
    ],
)
def test_heads_that_found_nothing_are_no_mistake(shapes: list[tuple[int, ...]], task: str) -> None:
    outputs = {f"out{index}": np.zeros(shape, np.float32) for index, shape in enumerate(shapes)}
    decoded = decode(outputs, replace(READING, metadata=Metadata(task=task)))
    assert decoded.predictions == () or decoded.guess.task == "tensors"
    assert not decoded.warnings
