"""What outputs are taken for, and how they are read: tensors worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import core.tasks
from core.modelfile.metadata import Metadata
from core.placement import Placement
from core.predictions import Detection, TensorSummary
from core.preprocess import prepare
from core.recipes import Recipe
from core.tasks import Choices, Decoded, Evidence, Reading, decode, guess_task
from core.tensors import Shape
from tests.unit.onnx_models import detector_head

NETWORK = (64, 64)
READING = Reading(picture_wh=NETWORK, network_wh=NETWORK)
CELLS = 84  # 8*8 + 4*4 + 2*2
Box = tuple[float, float, float, float]


def detections(decoded: Decoded) -> list[Detection]:
    assert decoded.guess.task == "detect"
    found = [one for one in decoded.predictions if isinstance(one, Detection)]
    assert len(found) == len(decoded.predictions)
    return found


def to_cxcywh(box: np.ndarray) -> list[float]:
    x1, y1, x2, y2 = (float(value) for value in box)
    return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]


# Detection, raw grid


@pytest.mark.parametrize("picture_wh", [(200, 100), (100, 200), (64, 64), (31, 7), (1999, 1501)])
def test_boxes_put_into_the_grid_come_back_in_picture_pixels(picture_wh: tuple[int, int]) -> None:
    width, height = picture_wh
    recipe = Recipe(input="images", layout="NCHW", size_wh=NETWORK, resize="letterbox")
    placement = prepare(np.zeros((height, width, 3), np.uint8), recipe).placement
    # By hand: the longer side fills 64, the shorter is centred.
    ratio = 64 / max(width, height)
    offset = np.array([(64 - width * ratio) / 2, (64 - height * ratio) / 2] * 2)
    wanted = np.array([
        [0.25 * width, 0.2 * height, 0.75 * width, 0.8 * height],
        [0, 0, 0.5 * width, 0.5 * height],
    ])  # fmt: skip
    head = detector_head(
        [to_cxcywh(box * ratio + offset) for box in wanted], class_ids=[1, 0], scores=[0.6, 0.9]
    )
    reading = replace(READING, picture_wh=picture_wh, placement=placement)
    found = detections(decode({"output0": head}, reading))
    assert [(one.class_id, round(one.score, 6)) for one in found] == [(0, 0.9), (1, 0.6)]
    tolerance = max(1.0, 1.0 / ratio)  # one pixel of the network, where that is larger
    np.testing.assert_allclose([one.box for one in found], wanted[[1, 0]], atol=tolerance)


SAME = [32.0, 32.0, 20.0, 20.0]
NEAR = [33.0, 32.0, 20.0, 20.0]  # overlaps SAME by 380 of 420: IoU 0.905
HALF = [42.0, 32.0, 20.0, 20.0]  # overlaps SAME by 200 of 600: IoU 0.333
FAR = [10.0, 10.0, 8.0, 8.0]


@pytest.mark.parametrize(
    ("boxes", "classes", "scores", "kept"),
    [
        ([SAME, NEAR], [0, 0], [0.8, 0.9], [0.9]),
        ([SAME, NEAR], [0, 1], [0.8, 0.9], [0.9, 0.8]),
        ([SAME, HALF], [0, 0], [0.8, 0.9], [0.9, 0.8]),
        ([SAME, FAR, NEAR], [0, 0, 0], [0.7, 0.8, 0.9], [0.9, 0.8]),
        ([SAME, FAR], [0, 0], [0.2, 0.3], [0.3]),
        ([SAME], [0], [0.0], []),
    ],
    ids=["same class", "other class", "little overlap", "three", "below threshold", "none"],
)
def test_overlapping_boxes_of_a_class_leave_the_best(
    boxes: list[list[float]], classes: list[int], scores: list[float], kept: list[float]
) -> None:
    found = detections(decode({"output0": detector_head(boxes, classes, scores)}, READING))
    assert [round(one.score, 6) for one in found] == kept


def test_boxes_half_outside_the_picture_are_not_taken_for_another_classs() -> None:
    head = detector_head([[49, 49, 30, 30], [-14, -14, 30, 30]], [0, 1], [0.9, 0.8])
    found = detections(decode({"output0": head}, READING))
    assert [one.box for one in found] == [(34.0, 34.0, 64.0, 64.0), (0.0, 0.0, 1.0, 1.0)]


def test_thresholds_and_the_number_of_boxes_are_the_readings() -> None:
    head = detector_head([SAME, HALF, FAR], [0, 0, 0], [0.9, 0.8, 0.1])
    for change, kept in (
        ({"score_threshold": 0.05}, [0.9, 0.8, 0.1]),
        ({"iou_threshold": 0.3}, [0.9]),
        ({"max_detections": 1}, [0.9]),
    ):
        found = detections(decode({"output0": head}, replace(READING, choices=Choices(**change))))
        assert [round(one.score, 6) for one in found] == kept


def test_classes_are_named_by_the_metadata_and_by_number_without() -> None:
    head = detector_head([SAME, FAR], [1, 0], [0.9, 0.8])
    named = replace(READING, metadata=Metadata(names=("cat", "dog")))
    assert [one.label for one in detections(decode({"output0": head}, named))] == ["dog", "cat"]
    assert [one.label for one in detections(decode({"output0": head}, READING))] == ["1", "0"]


def test_boxes_are_clipped_to_the_picture_and_those_outside_are_dropped() -> None:
    head = detector_head([[0, 0, 40, 40], [-20, -20, 10, 10]], [0, 1], [0.9, 0.8])
    [found] = detections(decode({"output0": head}, READING))
    assert found.box == (0.0, 0.0, 20.0, 20.0)


@pytest.mark.parametrize(
    ("network_wh", "shape"),
    [
        ((640, 640), (1, 84, 8400)),
        ((640, 640), (1, 5, 8400)),
        ((640, 384), (1, 84, 5040)),
        ((640, 640), (1, 84, 34000)),  # P2 to P5
        ((1280, 1280), (1, 84, 34000)),  # P3 to P6
        ((640, 640), (None, 84, 8400)),
    ],
)
def test_a_column_for_each_cell_is_a_detectors_grid(
    network_wh: tuple[int, int], shape: Shape
) -> None:
    guess = guess_task([("output0", shape)], Reading(network_wh=network_wh))
    assert guess.task == "detect"
    assert f"(1, 4 + {(shape[1] or 0) - 4}, {shape[2]})" in guess.evidence


def test_metadata_makes_a_detector_of_a_grid_with_unknown_cells() -> None:
    reading = Reading(network_wh=(640, 640), metadata=Metadata(task="detect", names=("a", "b")))
    guess = guess_task([("output0", (None, 6, None))], reading)
    assert guess.task == "detect"
    assert guess.evidence.startswith("metadata says detect")


# Detection, finished boxes


def end_to_end(*rows: list[float], count: int = 300) -> np.ndarray:
    output = np.zeros((1, count, 6), np.float32)
    output[0, : len(rows)] = rows
    return output


def test_finished_boxes_are_read_without_another_suppression() -> None:
    output = end_to_end([10, 12, 30, 32, 0.5, 1], [10, 12, 30, 32, 0.75, 1], [1, 2, 3, 4, 0.1, 0])
    reading = replace(
        READING, picture_wh=(128, 128), placement=Placement(0.5, 0.5, 0, 0),
        metadata=Metadata(names=("cat", "dog")),
    )  # fmt: skip
    found = detections(decode({"output0": output}, reading))
    assert found == [
        Detection("dog", 1, 0.75, (20.0, 24.0, 60.0, 64.0)),
        Detection("dog", 1, 0.5, (20.0, 24.0, 60.0, 64.0)),
    ]


@pytest.mark.parametrize("count", [50, 100, 300, 1000])
def test_a_few_hundred_rows_of_six_are_finished_boxes(count: int) -> None:
    assert guess_task([("output0", (1, count, 6))], READING).task == "detect"


# Detection: values that are none


@pytest.mark.parametrize(
    "output",
    [
        detector_head([SAME], [0], [7.5]),
        detector_head([SAME], [0], [-0.5]) - np.float32(0.5),
        end_to_end([1, 2, 3, 4, 12.0, 0]),
        end_to_end([1, 2, 3, 4, 0.9, 0.5]),
        end_to_end([1, 2, 3, 4, 0.9, -1]),
    ],
    ids=["score above 1", "score below 0", "finished: score", "half a class", "negative class"],
)
def test_values_that_contradict_the_shape_are_shown_as_tensors_with_a_warning(
    output: np.ndarray,
) -> None:
    decoded = decode({"output0": output}, READING)
    assert decoded.guess.task == "tensors"
    assert "contradict detect" in decoded.guess.evidence
    [warning] = decoded.warnings
    assert "not its values" in warning
    [summary] = decoded.predictions
    assert isinstance(summary, TensorSummary)
    assert summary.shape == output.shape


def test_a_pose_head_without_metadata_is_not_taken_for_many_classes() -> None:
    """(1, 4 + 1 + 17 * 3, cells) has a grid's shape; its keypoints are pixels, not scores."""
    head = detector_head([SAME], [0], [0.9], classes=52)
    head[0, 5:, 0] = np.linspace(10, 60, 51)
    assert decode({"output0": head}, READING).guess.task == "tensors"


def test_nan_scores_find_nothing_and_hide_nothing_else() -> None:
    head = detector_head([SAME, FAR], [0, 1], [0.9, 0.8])
    head[0, 4:, 1] = np.nan
    [found] = detections(decode({"output0": head}, READING))
    assert found.class_id == 0
    assert detections(decode({"output0": np.full_like(head, np.nan)}, READING)) == []


@pytest.mark.parametrize("column", [0, 4, 5])
def test_a_finished_box_with_nan_in_it_is_none(column: int) -> None:
    broken = [1.0, 2.0, 30.0, 40.0, 0.9, 1.0]
    broken[column] = np.nan
    output = end_to_end(broken, [5, 5, 20, 20, 0.8, 0])
    [found] = detections(decode({"output0": output}, READING))
    assert found.box == (5.0, 5.0, 20.0, 20.0)


# What must not be claimed


@pytest.mark.parametrize(
    ("outputs", "network_wh", "metadata"),
    [
        ({"output": (1, 8400, 84)}, (640, 640), None),
        ({"out": (1, 3, 64, 32)}, NETWORK, None),  # another shape than the input's
        ({"out": (1, 3, 640, 640)}, NETWORK, None),  # ten times the input
        ({"embedding": (1, 512, 7, 7)}, (224, 224), None),
        ({"score": (1, 1)}, NETWORK, None),
        ({"words": (1, 77, 512)}, NETWORK, None),
        ({"rows": (1, 20, 6)}, NETWORK, None),  # too few rows for a detector's end
        ({"rows": (1, 5000, 6)}, NETWORK, None),
        ({"output0": (1, 4, CELLS)}, NETWORK, None),  # boxes without classes
        ({"output0": (1, 84, 8400)}, (640, 640), Metadata(names=("a", "b"))),
        ({"output0": (1, 116, 8400)}, (640, 640), Metadata(task="segment")),
        ({"out": (1, 3, 64, 64)}, NETWORK, Metadata(task="segment")),
        ({"out": (1, 10)}, NETWORK, Metadata(task="detect")),
        ({"out": ()}, NETWORK, None),
        ({"a": (1, 10), "b": (1, 10)}, NETWORK, None),
        ({}, NETWORK, None),
    ],
)
def test_a_layout_that_is_not_known_is_shown_as_numbers(
    outputs: dict[str, Shape], network_wh: tuple[int, int], metadata: Metadata | None
) -> None:
    reading = Reading(network_wh=network_wh, metadata=metadata or Metadata())
    guess = guess_task(list(outputs.items()), reading)
    assert guess.task == "tensors"
    assert "no layout that Enginebay reads" in guess.evidence


@pytest.mark.parametrize(
    ("shape", "task"),
    [((2, 6, CELLS), "detect"), ((2, 300, 6), "detect"), ((2, 10), "classify"),
     ((2, 3, 64, 64), "image")],
)  # fmt: skip
def test_the_first_dimension_must_be_the_inputs_batch(shape: tuple[int, ...], task: str) -> None:
    for batch, expected in ((2, task), (1, "tensors"), (4, "tensors")):
        reading = replace(READING, batch=batch)
        assert decode({"out": np.zeros(shape, np.float32)}, reading).guess.task == expected


@pytest.mark.parametrize("shape", [(0, 7), (0, 3, 64, 64), (0, 300, 6), (1, 0, 6), (1, 0), (0,)])
def test_empty_outputs_are_no_mistake(shape: tuple[int, ...]) -> None:
    """Data-dependent outputs may have found nothing."""
    for metadata in (Metadata(), Metadata(task="detect")):
        reading = replace(READING, metadata=metadata)
        decoded = decode({"found": np.zeros(shape, np.float32)}, reading)
        assert decoded.guess.task in ("tensors", "detect")


@pytest.mark.parametrize("shape", [(1, 84, 8400), (1, 300, 6), (1, 10), (1, 3, 64, 64)])
def test_without_a_picture_nothing_is_claimed(shape: Shape) -> None:
    assert guess_task([("out", shape)], Reading()).task == "tensors"


def test_unknown_shapes_claim_nothing_until_the_values_are_there() -> None:
    assert guess_task([("out", (None, None))], READING).task == "tensors"
    assert guess_task([("out", (None, 3, None, None))], READING).task == "tensors"


def test_plain_tensors_are_told_in_the_models_order() -> None:
    outputs = {"z": np.zeros((1, 2, 3)), "a": np.ones((4, 5), np.int64)}
    decoded = decode(outputs, READING)
    found = [one for one in decoded.predictions if isinstance(one, TensorSummary)]
    assert [(one.name, one.shape, one.dtype) for one in found] == [
        ("z", (1, 2, 3), "float64"),
        ("a", (4, 5), "int64"),
    ]
    assert decoded.warnings == ()


# Asking the readers


class CountingReader:
    """Takes everything, and counts how often it is asked; forgets what it was given."""

    TASK, LAYOUT = "tensors", ""

    def __init__(self) -> None:
        self.asked: list[Reading] = []

    def recognise(self, outputs: object, reading: Reading) -> Evidence:
        self.asked.append(reading)
        return Evidence("it takes everything")

    def decode(self, outputs: object, reading: Reading) -> list[TensorSummary]:
        return []


def test_readers_are_asked_once_for_pictures_that_are_read_in_one_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = CountingReader()
    monkeypatch.setattr(core.tasks, "READERS", (reader,))
    monkeypatch.setattr(core.tasks, "_last", None)
    one = {"counted": np.zeros((1, 5), np.float32)}
    for width in (10, 20):
        decode(one, replace(READING, picture_wh=(width, 10), placement=Placement(width, 1, 0, 0)))
    assert [asked.picture_wh for asked in reader.asked] == [None]
    decode({"counted": np.zeros((1, 6), np.float32)}, READING)
    decode({"other": np.zeros((1, 6), np.float32)}, READING)
    for changed in (
        replace(READING, network_wh=(32, 32)),
        replace(READING, channels=1),
        replace(READING, batch=2),
        replace(READING, metadata=Metadata(task="detect")),
        replace(READING, choices=Choices(class_names=("a",))),
    ):
        decode({"other": np.zeros((1, 6), np.float32)}, changed)
    assert len(reader.asked) == 8


def test_outputs_that_a_reader_knows_are_not_said_to_be_unknown_when_shown_as_numbers() -> None:
    head = detector_head([SAME], [0], [0.9])
    chosen = replace(READING, choices=Choices(task="tensors"))
    guess = decode({"output0": head}, chosen).guess
    assert (guess.task, guess.evidence) == ("tensors", "the outputs as numbers, whatever they mean")
