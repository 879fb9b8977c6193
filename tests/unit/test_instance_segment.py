"""Masks from coefficients and prototypes: circles and rectangles that come back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError
from core.modelfile.metadata import Metadata, parse_metadata
from core.placement import Placement
from core.predictions import Segment
from core.recipes import Resize
from core.tasks import Choices, Decoded, Reading, decode, guess_task, instance_segment, ways_to_read
from core.tensors import Shape
from tests.unit.shape_heads import (
    CELLS,
    NETWORK,
    PICTURES,
    RESIZES,
    SIDE,
    by_hand,
    finished_head,
    placed,
    raw_head,
)  # fmt: skip

CELL = 4  # network pixels a prototype's cell is wide
READING = Reading(picture_wh=NETWORK, network_wh=NETWORK)


def prototypes() -> np.ndarray:
    """(1, 32, 80, 80): 1, x, y, x * x and y * y at the cells' middles, in network pixels."""
    y, x = (np.mgrid[: SIDE // CELL, : SIDE // CELL] + 0.5) * CELL
    planes = np.zeros((1, 32, *x.shape), np.float32)
    planes[0, :5] = np.ones_like(x), x, y, x * x, y * y
    return planes


def ellipse(middle: np.ndarray, radii: np.ndarray) -> list[float]:
    """Coefficients for 1 - ((x - cx) / rx)^2 - ((y - cy) / ry)^2: above 0 within the ellipse."""
    (cx, cy), (rx, ry) = middle.tolist(), (radii * radii).tolist()
    whole = 1 - cx * cx / rx - cy * cy / ry
    return [whole, 2 * cx / rx, 2 * cy / ry, -1 / rx, -1 / ry]


EVERYWHERE = [1.0, 0, 0, 0, 0]


def segments(decoded: Decoded) -> list[Segment]:
    assert decoded.guess.task == "instance-segment"
    found = [one for one in decoded.predictions if isinstance(one, Segment)]
    assert len(found) == len(decoded.predictions)
    return found


def raw(box_xyxy: np.ndarray, coefficients: list[float], score: float = 0.9) -> np.ndarray:
    x1, y1, x2, y2 = box_xyxy.tolist()
    box = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
    return raw_head([[*box, 0, score, *coefficients]], 4 + 2 + 32)


def finished(box_xyxy: np.ndarray, coefficients: list[float], score: float = 0.9) -> np.ndarray:
    return finished_head([[*box_xyxy.tolist(), score, 1, *coefficients]], 6 + 32)


def yolov5(box_xyxy: np.ndarray, coefficients: list[float], score: float = 0.9) -> np.ndarray:
    """Objectness 0.9, and the class such that their product is the score."""
    x1, y1, x2, y2 = box_xyxy.tolist()
    head = np.zeros((1, 3 * CELLS, 5 + 2 + 32), np.float32)
    box = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
    head[0, 40, : 7 + len(coefficients)] = [*box, 0.9, 0, score / 0.9, *coefficients]
    return head


def test_yolov5s_rows_are_read_where_names_tell_the_number_of_classes() -> None:
    """As the raw head of half a box below; the score is objectness * class."""
    output = yolov5(np.array([60.0, 20, 140, 50]), [100.0, -1, 0, 0, 0], 0.54)
    named = replace(READING, metadata=Metadata(names=("cat", "dog")))
    decoded = decode({"output0": output, "output1": prototypes()}, named)
    [found] = segments(decoded)
    assert (found.label, found.score) == ("dog", pytest.approx(0.54))
    assert (found.mask.left, found.mask.top, found.mask.bits.shape) == (60, 20, (30, 80))
    assert found.mask.bits[:, :40].all()
    assert not found.mask.bits[:, 40:].any()
    assert decoded.guess.certainty == "certain"
    assert "2 class names, and the outputs are (1, 6300, 5 + 2 + 32)" in decoded.guess.evidence
    output[0, 40, 4] = 0.2  # objectness: 0.2 * 0.6 is below the threshold
    assert segments(decode({"output0": output, "output1": prototypes()}, named)) == []
    output[0, 41, 4] = 7  # no probability
    decoded = decode({"output0": output, "output1": prototypes()}, named)
    assert decoded.guess.task == "tensors"
    assert decoded.warnings


@pytest.mark.parametrize("head", [raw, finished])
@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("picture_wh", PICTURES)
def test_a_circle_of_the_picture_comes_back(picture_wh, resize: Resize, head) -> None:
    size = np.array(picture_wh, float)
    scale, offset = by_hand(picture_wh, resize)
    radius, middle = 0.4 * size.min(), size * [0.45, 0.5]
    box = np.concatenate([middle - radius, middle + radius])
    output = head(
        box * np.tile(scale, 2) + np.tile(offset, 2),
        ellipse(middle * scale + offset, radius * scale),
    )
    reading = replace(READING, picture_wh=picture_wh, placement=placed(picture_wh, resize))
    [found] = segments(decode({"output0": output, "output1": prototypes()}, reading))
    assert (found.class_id, round(found.score, 6)) == (1, 0.9)
    one_network_pixel = max(1.0, *(1 / scale))
    np.testing.assert_allclose(found.box, np.clip(box, 0, np.tile(size, 2)), atol=0.01)

    mask = found.mask
    height, width = mask.bits.shape
    assert mask.bits.dtype == bool
    assert 0 <= mask.left <= mask.left + width <= picture_wh[0]
    assert 0 <= mask.top <= mask.top + height <= picture_wh[1]
    y, x = np.mgrid[:height, :width] + 0.5
    distance = np.hypot(x + mask.left - middle[0], y + mask.top - middle[1]) - radius
    assert mask.bits[distance < -one_network_pixel].all()
    assert not mask.bits[distance > one_network_pixel].any()
    if picture_wh != (333, 1):  # where a circle is less than a pixel
        area = np.pi * radius * radius
        assert abs(mask.bits.sum() - area) <= 2 * np.pi * radius * one_network_pixel * 0.5


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("picture_wh", PICTURES)
def test_a_mask_ends_where_its_box_does(picture_wh, resize: Resize) -> None:
    size = np.array(picture_wh, float)
    scale, offset = by_hand(picture_wh, resize)
    box = np.concatenate([size * 0.2, size * 0.7])
    output = raw(box * np.tile(scale, 2) + np.tile(offset, 2), EVERYWHERE)
    reading = replace(READING, picture_wh=picture_wh, placement=placed(picture_wh, resize))
    [found] = segments(decode({"output0": output, "output1": prototypes()}, reading))
    height, width = found.mask.bits.shape
    edges = [
        found.mask.left, found.mask.top, found.mask.left + width, found.mask.top + height
    ]  # fmt: skip
    np.testing.assert_allclose(edges, box, atol=1)
    assert found.mask.bits.all()


def test_half_a_box_is_masked_where_the_prototypes_say_so() -> None:
    """100 - x is above 0 left of x = 100, so in 40 of the box's 80 columns."""
    output = raw(np.array([60.0, 20, 140, 50]), [100.0, -1, 0, 0, 0])
    [found] = segments(decode({"output0": output, "output1": prototypes()}, READING))
    assert (found.mask.left, found.mask.top, found.mask.bits.shape) == (60, 20, (30, 80))
    assert found.mask.bits[:, :40].all()
    assert not found.mask.bits[:, 40:].any()


def test_boxes_as_fractions_of_the_picture_have_their_masks_too() -> None:
    output = raw(np.array([60.0, 20, 140, 50]), [100.0, -1, 0, 0, 0])
    output[:, :4] /= SIDE
    [found] = segments(decode({"output0": output, "output1": prototypes()}, READING))
    assert found.box == pytest.approx((60, 20, 140, 50), abs=1e-3)
    assert found.mask.bits[:, :40].all()
    assert not found.mask.bits[:, 40:].any()


def test_each_object_has_its_own_mask_best_first_and_overlaps_are_suppressed() -> None:
    rows = [
        [40.0, 40, 20, 20, 0, 0.6, *EVERYWHERE],
        [41.0, 40, 20, 20, 0, 0.5, *EVERYWHERE],  # nearly the first, of its class
        [200.0, 200, 40, 40, 0.9, 0, -1.0, 0, 0, 0, 0],  # masked nowhere
    ]
    outputs = {"output1": prototypes(), "output0": raw_head(rows, 38)}  # in any order
    found = segments(decode(outputs, READING))
    assert [(one.class_id, round(one.score, 6)) for one in found] == [(0, 0.9), (1, 0.6)]
    assert [int(one.mask.bits.sum()) for one in found] == [0, 400]
    best = replace(READING, choices=Choices(max_detections=1))
    assert [one.class_id for one in segments(decode(outputs, best))] == [0]


def test_finished_boxes_are_not_suppressed_and_named() -> None:
    rows = [[10.0, 10, 20, 20, 0.5, 1, *EVERYWHERE], [10, 10, 20, 20, 0.75, 0, *EVERYWHERE]]
    outputs = {"output0": finished_head(rows, 38), "output1": prototypes()}
    reading = replace(READING, metadata=Metadata(task="segment", names=("cat", "dog")))
    assert [one.label for one in segments(decode(outputs, reading))] == ["cat", "dog"]


def test_half_precision_outputs_are_read_alike() -> None:
    output = raw(np.array([60.0, 20, 140, 50]), [1.0, 0, 0, 0, 0]).astype(np.float16)
    planes = np.clip(prototypes(), 0, 60000).astype(np.float16)
    [found] = segments(decode({"output0": output, "output1": planes}, READING))
    assert found.mask.bits.sum() == 80 * 30


def test_objects_outside_of_the_picture_are_left_out() -> None:
    reading = replace(READING, picture_wh=(320, 160), placement=Placement(1, 1, 0, 80))
    output = raw(np.array([10.0, 10, 50, 70]), EVERYWHERE)  # in the letterbox's bar
    assert segments(decode({"output0": output, "output1": prototypes()}, reading)) == []


def test_masks_that_would_fill_the_memory_are_refused_with_a_way_out() -> None:
    rows = [[0.0, 0, 320, 320, 0.9, index, 1] for index in range(20)]
    outputs = {"output0": finished_head(rows, 38), "output1": prototypes()}
    reading = replace(READING, picture_wh=(10000, 10000), placement=Placement(0.032, 0.032, 0, 0))
    with pytest.raises(InputError, match="take 2") as caught:
        decode(outputs, reading)
    assert caught.value.kind == "masks-too-large"
    assert "score threshold" in caught.value.hint


@pytest.mark.parametrize(
    "head",
    [
        raw(np.array([10.0, 10, 50, 70]), EVERYWHERE, score=3.0),
        raw(np.array([10.0, 10, 50, 70]), EVERYWHERE, score=-3.0),
        finished(np.array([10.0, 10, 50, 70]), EVERYWHERE, score=3.0),
        finished_head([[10, 10, 50, 70, 0.9, 0.5]], 38),
    ],
    ids=["raw score above 1", "raw score below 0", "finished score", "half a class"],
)
def test_values_that_are_no_scores_are_no_objects(head: np.ndarray) -> None:
    outputs = {"output0": head, "output1": prototypes()}
    assert instance_segment.decode(outputs, READING) is None
    assert decode(outputs, READING).guess.task == "tensors"


def test_nan_hides_only_the_object_that_has_it() -> None:
    rows = [[40.0, 40, 20, 20, 0, 0.6, np.nan], [200.0, 200, 40, 40, 0.9, 0, *EVERYWHERE]]
    [found] = segments(decode({"output0": raw_head(rows, 38), "output1": prototypes()}, READING))
    assert found.class_id == 0
    planes = np.full_like(prototypes(), np.nan)
    [found] = segments(decode({"output0": raw_head(rows, 38), "output1": planes}, READING))
    assert not found.mask.bits.any()


PROTOTYPES = (1, 32, 160, 160)
SEGMENT = Metadata(task="segment")


@pytest.mark.parametrize(
    ("outputs", "metadata", "certainty"),
    [
        ([(1, 116, 8400), PROTOTYPES], None, "likely"),
        ([PROTOTYPES, (1, 116, 8400)], None, "likely"),
        ([(1, 37, 8400), PROTOTYPES], None, "likely"),
        ([(1, 116, 8400), PROTOTYPES], SEGMENT, "certain"),
        ([(None, 116, None), (None, 32, None, None)], SEGMENT, "certain"),
        ([(None, 116, None), (None, 32, None, None)], None, "possible"),
        ([(1, 116, 8401), PROTOTYPES], None, "possible"),  # no grid that is known
        ([(1, 300, 38), PROTOTYPES], None, "likely"),
        ([(1, 300, 38), PROTOTYPES], SEGMENT, "certain"),
        ([(1, 20, 38), PROTOTYPES], SEGMENT, "certain"),
        ([(1, 20, 38), PROTOTYPES], None, None),
        ([(1, 100, 8400), (1, 16, 160, 160)], SEGMENT, "certain"),
        ([(1, 100, 8400), (1, 16, 160, 160)], None, None),  # another number of prototypes
        ([(1, 36, 8400), PROTOTYPES], SEGMENT, None),  # no class
        ([(1, 116, 8400), PROTOTYPES], Metadata(task="detect"), None),
        ([(1, 116, 8400), PROTOTYPES], Metadata(task="segment", names=("a", "b")), None),
        ([(1, 38, 8400), PROTOTYPES], Metadata(task="segment", names=("a", "b")), "certain"),
        ([(1, 116, 8400), (1, 32, 160, 80)], None, None),  # another shape than the picture's
        ([(1, 116, 8400), (1, 32, 150, 150)], None, None),  # no whole fraction of it
        ([(2, 116, 8400), PROTOTYPES], None, None),  # another batch
        ([(1, 25200, 117), PROTOTYPES], None, None),  # YOLOv5's
        ([(1, 116, 8400), (1, 21, 640, 640)], None, None),
        ([(1, 116, 8400)], SEGMENT, None),
        ([(1, 4420, 2), (1, 4420, 4)], None, None),
        ([(1, 116, 8400), PROTOTYPES, (1, 10)], None, None),
    ],
)
def test_outputs_are_instance_segmentation_where_one_has_the_prototypes(
    outputs: list[Shape], metadata: Metadata | None, certainty: str | None
) -> None:
    named = [(f"output{index}", shape) for index, shape in enumerate(outputs)]
    reading = Reading(network_wh=(640, 640), metadata=metadata or Metadata())
    ways = {way.task: way for way in ways_to_read(named, reading)}
    assert (certainty is None) == ("instance-segment" not in ways)
    if certainty is not None:
        assert ways["instance-segment"].certainty == certainty
        assert "prototypes of masks" in ways["instance-segment"].evidence
    chosen = guess_task(named, reading).task
    assert (chosen == "instance-segment") == (certainty in ("certain", "likely"))


def test_what_the_exporter_writes_makes_it_certain() -> None:
    metadata = parse_metadata({"task": "segment", "names": "{0: 'cat', 1: 'dog'}"})
    reading = replace(READING, metadata=metadata)
    guess = guess_task([("a", (1, 38, CELLS)), ("b", (1, 32, 80, 80))], reading)
    assert (guess.task, guess.certainty) == ("instance-segment", "certain")
    assert guess.evidence.startswith("metadata says segment and the outputs are (1, 4 + 2 + 32,")
