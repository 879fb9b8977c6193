"""Oriented boxes: corners worked out by turning them again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.modelfile.metadata import Metadata
from core.predictions import OrientedBox
from core.recipes import Resize
from core.tasks import Choices, Decoded, Reading, decode, guess_task, obb, ways_to_read
from core.tensors import Shape
from tests.unit.shape_heads import (
    CELLS,
    NETWORK,
    PICTURES,
    RESIZES,
    by_hand,
    finished_head,
    placed,
    raw_head,
)  # fmt: skip

OBB = Metadata(task="obb")
READING = Reading(picture_wh=NETWORK, network_wh=NETWORK, metadata=OBB)
ROWS = 4 + 2 + 1


def boxes(decoded: Decoded) -> list[OrientedBox]:
    assert decoded.guess.task == "obb"
    found = [one for one in decoded.predictions if isinstance(one, OrientedBox)]
    assert len(found) == len(decoded.predictions)
    return found


def test_a_turned_box_has_the_corners_of_ultralytics_convention() -> None:
    """Turned by 90 degrees, the width of 40 points down and the height of 20 to the left."""
    column = [100, 80, 40, 20, 0, 0.9, np.pi / 2]
    [found] = boxes(decode({"output0": raw_head([column], ROWS)}, READING))
    # middle + along + across, + along - across, - along - across, - along + across
    wanted = [(90, 100), (110, 100), (110, 60), (90, 60)]
    np.testing.assert_allclose(found.corners, wanted, atol=1e-4)
    np.testing.assert_allclose(found.box, (90, 60, 110, 100), atol=1e-4)


def test_a_positive_angle_turns_clockwise_as_seen() -> None:
    """By 45 degrees, a width of 2 * sqrt(2) goes 1 to the right and 1 down, and back."""
    column = [100, 80, 2 * np.sqrt(8), 1e-3, 0, 0.9, np.pi / 4]
    [found] = boxes(decode({"output0": raw_head([column], ROWS)}, READING))
    np.testing.assert_allclose(found.corners[0], (102, 82), atol=0.01)
    np.testing.assert_allclose(found.corners[2], (98, 78), atol=0.01)


@pytest.mark.parametrize("is_finished", [False, True])
@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("picture_wh", PICTURES)
def test_a_box_turned_in_the_network_comes_back_in_picture_pixels(
    picture_wh, resize: Resize, is_finished: bool
) -> None:
    scale, offset = by_hand(picture_wh, resize)
    middle = np.array(picture_wh) * [0.4, 0.6] * scale + offset
    side = (np.array(picture_wh) * scale).min() * 0.5
    turn = 0.7
    if is_finished:
        head = finished_head([[*middle, side, side / 2, 0.8, 1, turn]], 7)
    else:
        head = raw_head([[*middle, side, side / 2, 0, 0.8, turn]], ROWS)
    reading = replace(READING, picture_wh=picture_wh, placement=placed(picture_wh, resize))
    [found] = boxes(decode({"output0": head}, reading))
    assert (found.class_id, round(found.score, 6)) == (1, 0.8)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    flat = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) * [side / 2, side / 4]
    wanted = (flat @ rotation.T + middle - offset) / scale
    np.testing.assert_allclose(found.corners, wanted, atol=0.05)
    around = np.concatenate([wanted.min(axis=0), wanted.max(axis=0)])
    np.testing.assert_allclose(found.box, np.clip(around, 0, np.tile(picture_wh, 2)), atol=0.05)


@pytest.mark.parametrize(
    ("second", "class_id", "kept"),
    [
        ([100, 100, 80, 20, 0.0], 0, 1),  # the same
        ([100, 100, 20, 80, np.pi / 2], 0, 1),  # the same, said otherwise
        ([100, 100, 80, 20, np.pi], 0, 1),
        ([100, 100, 80, 20, 0.0], 1, 2),  # of another class
        # A cross: 20 * 20 of 2 * 1600 - 400 in common, 0.14; upright boxes would be one.
        ([100, 100, 80, 20, np.pi / 2], 0, 2),
        ([100, 110, 80, 20, 0.0], 0, 2),  # 80 * 10 of 2400 in common: 0.33
        ([100, 106, 80, 20, 0.0], 0, 1),  # 80 * 14 of 2080 in common: 0.54
        ([300, 300, 80, 20, 0.0], 0, 2),
    ],
)
def test_boxes_are_suppressed_by_the_overlap_of_what_is_turned(
    second: list[float], class_id: int, kept: int
) -> None:
    first = [100, 100, 80, 20, 0.9, 0, 0.0]
    scores = [0.8, 0] if class_id == 0 else [0, 0.8]
    head = raw_head([first, [*second[:4], *scores, second[4]]], ROWS)
    found = boxes(decode({"output0": head}, READING))
    assert [round(one.score, 6) for one in found] == [0.9, 0.8][:kept]


def test_diagonal_neighbours_stay_though_the_boxes_around_them_overlap() -> None:
    """Two thin bars at 45 degrees, 30 apart: the boxes around them share more than half."""
    bars = [[100, 100, 200, 10, 0.9, 0, np.pi / 4], [121, 79, 200, 10, 0.8, 0, np.pi / 4]]
    assert len(boxes(decode({"output0": raw_head(bars, ROWS)}, READING))) == 2


def test_of_a_thousand_overlapping_candidates_the_best_few_are_found() -> None:
    """Fewer than the best 4 * max_detections stay at first, so more must be looked at."""
    crowd = [[40, 40, 20, 20, 0.9 - index * 1e-3, 0, 0.1] for index in range(100)]
    other = [200, 200, 20, 20, 0.5, 0, 0.1]
    reading = replace(READING, choices=Choices(max_detections=2))
    found = boxes(decode({"output0": raw_head([*crowd, other], ROWS)}, reading))
    assert [round(one.score, 6) for one in found] == [0.9, 0.5]


def test_finished_boxes_are_not_suppressed() -> None:
    rows = [[100, 100, 80, 20, 0.7, 0, 0], [100, 100, 80, 20, 0.8, 0, 0], [9, 9, 2, 2, 0.1, 0, 0]]
    found = boxes(decode({"output0": finished_head(rows, 7)}, READING))
    assert [round(one.score, 6) for one in found] == [0.8, 0.7]


def test_a_box_beside_the_picture_is_left_out_and_one_across_its_edge_keeps_its_corners() -> None:
    rows = [[-50, 50, 20, 20, 0.9, 0, 0], [0, 50, 40, 20, 0.8, 0, 0]]
    [found] = boxes(decode({"output0": finished_head(rows, 7)}, READING))
    assert found.box == (0, 40, 20, 60)
    assert min(x for x, _ in found.corners) == -20


@pytest.mark.parametrize(
    "head",
    [
        raw_head([[9, 9, 5, 5, 0, 4.0, 0]], ROWS),
        raw_head([[9, 9, 5, 5, 0, 0.9, 30.0]], ROWS),
        raw_head([[9, 9, -5, 5, 0, 0.9, 0]], ROWS),
        finished_head([[9, 9, 5, 5, 0.9, 0.5, 0]], 7),
        finished_head([[9, 9, 5, 5, 0.9, 1, -10]], 7),
    ],
    ids=["score", "angle", "size", "half a class", "finished angle"],
)
def test_values_that_contradict_oriented_boxes_are_shown_as_tensors(head: np.ndarray) -> None:
    assert obb.decode({"output0": head}, READING) is None
    decoded = decode({"output0": head}, READING)
    assert decoded.guess.task == "tensors"
    assert "contradict obb" in decoded.guess.evidence


def test_nan_and_boxes_of_no_size_are_none() -> None:
    rows = [[np.nan, 9, 5, 5, 0.9, 0, 0], [9, 9, 0, 5, 0.9, 0, 0], [50, 50, 5, 5, 0.9, 1, np.nan]]
    assert boxes(decode({"output0": raw_head(rows, ROWS)}, READING)) == []


@pytest.mark.parametrize(
    ("shape", "metadata", "certainty"),
    [
        ((1, 20, 8400), OBB, "certain"),
        ((1, 20, 21504), OBB, "certain"),  # no grid of this picture: metadata is enough
        ((None, 20, None), OBB, "certain"),
        ((1, 300, 7), OBB, "certain"),
        ((1, 20, 7), OBB, "certain"),  # few rows
        ((1, 20, 8400), None, "possible"),
        ((1, 300, 7), None, "possible"),
        ((1, 20, 7), None, None),
        ((1, 5, 8400), OBB, None),  # no class
        ((1, 8400, 20), OBB, None),
        ((1, 20, 8400), Metadata(task="obb", names=("a", "b")), None),
        ((1, 7, 8400), Metadata(task="obb", names=("a", "b")), "certain"),
        ((1, 20, 8400), Metadata(task="detect"), None),
        ((2, 20, 8400), OBB, None),
        ((1, 20), OBB, None),
    ],
)
def test_oriented_boxes_are_claimed_only_where_metadata_says_so(
    shape: Shape, metadata: Metadata | None, certainty: str | None
) -> None:
    reading = Reading(network_wh=(640, 640), metadata=metadata or Metadata())
    ways = {way.task: way for way in ways_to_read([("output0", shape)], reading)}
    assert (ways["obb"].certainty if "obb" in ways else None) == certainty
    chosen = guess_task([("output0", shape)], reading).task
    assert (chosen == "obb") == (certainty == "certain")


def test_the_user_can_have_a_head_read_so_without_metadata() -> None:
    head = raw_head([[100, 80, 40, 20, 0, 0.9, 0.5]], ROWS, CELLS)
    reading = replace(READING, metadata=Metadata(), choices=Choices(task="obb"))
    [found] = boxes(decode({"output0": head}, reading))
    assert found.class_id == 1


def test_a_wild_angle_or_size_of_one_candidate_refutes_no_others() -> None:
    """YOLO26's heads bound neither, so that cells that mean nothing may have any."""
    rows = [
        [50, 50, 20, 10, 0.9, 0, 0.1],
        [99, 99, -3, 5, 0.5, 0, 0.1],
        [200, 99, 20, 10, 0.6, 0, 50],
    ]
    found = boxes(decode({"output0": raw_head(rows, ROWS)}, READING))
    assert [round(one.score, 6) for one in found] == [0.9, 0.6]


def test_the_suppression_is_the_plain_one_whatever_is_looked_at() -> None:
    """The same by comparing each with each, the overlaps from OpenCV's own polygons."""
    import cv2

    rng = np.random.default_rng(3)
    count = 120
    rectangles = np.column_stack([
        rng.uniform(60, 260, (count, 2)),
        rng.uniform(20, 90, (count, 2)),
        rng.uniform(-0.7, 2.3, count),
    ])  # fmt: skip
    scores = rng.permutation(count) / count * 0.7 + 0.28
    class_ids = rng.integers(0, 2, count)
    rows = [
        [*one[:4], *(np.eye(2)[class_id] * score), one[4]]
        for one, score, class_id in zip(rectangles, scores, class_ids, strict=True)
    ]
    reading = replace(READING, choices=Choices(max_detections=15))
    found = boxes(decode({"output0": raw_head(rows, ROWS)}, reading))

    def turned(index: int) -> tuple[object, ...]:
        x, y, width, height, turn = rectangles[index].tolist()
        return (x, y), (width, height), float(np.degrees(turn))

    def iou(one: int, other: int) -> float:
        _, points = cv2.rotatedRectangleIntersection(turned(one), turned(other))
        common = 0.0 if points is None else cv2.contourArea(cv2.convexHull(points))
        areas = rectangles[[one, other], 2:4].prod(axis=1).sum()
        return common / (areas - common)

    kept: list[int] = []
    for index in np.argsort(-scores):
        rivals = [one for one in kept if class_ids[one] == class_ids[index]]
        if all(iou(one, index) <= 0.45 for one in rivals):
            kept.append(index)
    assert 15 < len(kept) < count
    wanted = [(int(class_ids[index]), round(float(scores[index]), 4)) for index in kept[:15]]
    assert [(one.class_id, round(one.score, 4)) for one in found] == wanted
