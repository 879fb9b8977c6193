"""Masks beside finished boxes: over the whole picture or over each box, named or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.modelfile.metadata import Metadata
from core.predictions import Segment
from core.recipes import Resize
from core.tasks import Choices, Decoded, Reading, decode, guess_task, ways_to_read
from core.tensors import Shape
from tests.unit.shape_heads import NETWORK, PICTURES, RESIZES, SIDE, by_hand, placed

READING = Reading(picture_wh=NETWORK, network_wh=NETWORK)
NAMES = ("boxes", "labels", "scores", "masks")
NUMBERS = ("6568", "6570", "6572", "6887")  # of the Mask R-CNN in ONNX's model zoo


def outputs_of(
    boxes: list[list[float]], masks: np.ndarray, names: tuple[str, ...] = NAMES
) -> dict[str, np.ndarray]:
    """Objects of class 5, 6, ..., at scores of 0.9, 0.8, ..."""
    count = len(boxes)
    arrays = (
        np.array(boxes, np.float32).reshape(-1, 4),
        np.arange(5, 5 + count, dtype=np.int64),
        np.linspace(0.9, 0.9 - 0.1 * (count - 1), count, dtype=np.float32),
        masks.astype(np.float32),
    )
    return dict(zip(names, arrays, strict=True))


def segments(decoded: Decoded) -> list[Segment]:
    assert (decoded.guess.task, decoded.guess.layout) == ("instance-segment", "masks")
    found = [one for one in decoded.predictions if isinstance(one, Segment)]
    assert len(found) == len(decoded.predictions)
    return found


def left_half(over: str, box: list[float]) -> np.ndarray:
    """(1, 1, h, w): the left half of a box, in the whole picture or in the box alone."""
    if over == "box":
        plane = np.zeros((28, 28), np.float32)
        plane[:, :14] = 1
    else:
        x1, y1, x2, y2 = (int(side) for side in box)
        plane = np.zeros((SIDE, SIDE), np.float32)
        plane[y1:y2, x1 : (x1 + x2) // 2] = 1
    return plane[None, None]


@pytest.mark.parametrize("names", [NAMES, NUMBERS])
@pytest.mark.parametrize("over", ["box", "picture"])
def test_half_a_box_is_masked_to_the_pixel(over: str, names: tuple[str, ...]) -> None:
    box = [60.0, 20.0, 140.0, 76.0]
    [found] = segments(decode(outputs_of([box], left_half(over, box), names), READING))
    assert (found.class_id, found.box) == (5, tuple(box))
    assert (found.mask.left, found.mask.top, found.mask.bits.shape) == (60, 20, (56, 80))
    assert found.mask.bits[:, :40].all()
    assert not found.mask.bits[:, 40:].any()


@pytest.mark.parametrize("over", ["box", "picture"])
@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("picture_wh", PICTURES[:4])
def test_the_border_comes_back_where_it_is_in_the_picture(
    picture_wh: tuple[int, int], resize: Resize, over: str
) -> None:
    """Boxes of whole network pixels within the picture; the middle of each is the border."""
    scale, offset = by_hand(picture_wh, resize)
    first = np.ceil(offset + np.array(picture_wh) * scale * 0.25)
    size = np.maximum(np.floor(np.array(picture_wh) * scale * 0.5 / 4) * 4, 4)
    box = [*first.tolist(), *(first + size).tolist()]
    reading = Reading(
        picture_wh=picture_wh, network_wh=NETWORK, placement=placed(picture_wh, resize)
    )
    [found] = segments(decode(outputs_of([box], left_half(over, box)), reading))
    wanted = (first[0] + size[0] / 2 - offset[0]) / scale[0]
    columns = found.mask.left + np.flatnonzero(found.mask.bits[len(found.mask.bits) // 2])
    assert abs(columns.max() + 1 - wanted) <= max(1.0, 0.5 / scale[0])
    assert abs(columns.min() - (first[0] - offset[0]) / scale[0]) <= max(1.0, 0.5 / scale[0])


def test_each_object_has_its_own_mask_best_first() -> None:
    boxes = [[0.0, 0, 20, 20], [40.0, 40, 60, 60], [80.0, 80, 100, 100]]
    masks = np.stack([np.full((1, 28, 28), share) for share in (0.0, 1.0, 1.0)])
    outputs = outputs_of(boxes, masks)
    outputs["scores"] = np.array([0.3, 0.9, 0.1], np.float32)
    found = segments(decode(outputs, READING))
    assert [(one.class_id, bool(one.mask.bits.all())) for one in found] == [(6, True), (5, False)]
    turned = outputs | {"masks": outputs["masks"].transpose(1, 0, 2, 3)}  # (1, K, h, w)
    assert [one.class_id for one in segments(decode(turned, READING))] == [6, 5]
    outputs["boxes"][1, 0] = np.nan  # its row goes, and the others keep their masks
    [found_one] = segments(decode(outputs, READING))
    assert (found_one.class_id, found_one.mask.bits.any()) == (5, False)


def test_nothing_found_is_no_mistake() -> None:
    decoded = decode(outputs_of([], np.zeros((0, 1, 28, 28))), READING)
    assert segments(decoded) == []
    assert not decoded.warnings


def test_masks_that_are_no_shares_leave_the_boxes() -> None:
    outputs = outputs_of([[60.0, 20, 140, 76]], np.full((1, 1, 28, 28), 7.0))
    decoded = decode(outputs, READING)
    assert decoded.guess.task == "detect"
    asked = replace(READING, choices=Choices(task="instance-segment"))
    assert decode(outputs, asked).guess.task == "tensors"


@pytest.mark.parametrize(
    ("shapes", "metadata", "certainty"),
    [
        ([(None, 4), (None,), (None,), (None, 1, None, None)], None, "likely"),
        ([(1, 100, 4), (1, 100), (1, 100), (1, 100, 28, 28)], None, "likely"),
        ([(1, 100, 4), (1, 100), (1, 100), (100, 1, 28, 28)], None, "likely"),
        ([(1, 100, 4), (1, 100), (1, 100), (1, 90, 28, 28)], None, None),
        ([(1, 100, 4), (1, 100), (1, 90), (1, 100, 28, 28)], None, None),
        ([(1, 100, 5), (1, 100), (1, 100), (1, 100, 28, 28)], None, None),
        ([(1, 100, 4), (1, 100), (1, 100), (1, 100, 28)], None, None),
        ([(1, 100, 4), (1, 100), (1, 100), (1, 100, 28, 28)], Metadata(task="detect"), None),
    ],
)
def test_masks_are_told_by_their_number(
    shapes: list[Shape], metadata: Metadata | None, certainty: str | None
) -> None:
    reading = replace(READING, metadata=metadata or Metadata())
    for names in (NAMES, NUMBERS):
        named = list(zip(names, shapes, strict=True))
        ways = {way.layout: way for way in ways_to_read(named, reading)}
        assert (ways["masks"].certainty if "masks" in ways else None) == certainty
        if certainty:
            assert guess_task(named, reading).task == "instance-segment"
