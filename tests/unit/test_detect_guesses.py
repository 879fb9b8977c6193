"""Described models: what their outputs are taken for as detectors, how surely, and what refutes."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import InputError
from core.modelfile.metadata import Metadata
from core.tasks import Choices, Reading, decode, guess_task, ways_to_read
from core.tensors import Shape
from tests.unit.detection_outputs import WRITERS, Object

VGA = (640, 640)
COCO = tuple(f"class {number}" for number in range(80))
DETECT = Metadata(task="detect", names=COCO)
NAMED = Metadata(names=COCO)

Outputs = dict[str, Shape]

MODELS: list[tuple[str, Outputs, tuple[int, int], Metadata | None, str, str]] = [
    ("yolov8n", {"output0": (1, 84, 8400)}, VGA, DETECT, "ultralytics", "certain"),
    ("yolov8n bare", {"output0": (1, 84, 8400)}, VGA, None, "ultralytics", "likely"),
    ("yolov8n turned", {"output0": (1, 8400, 84)}, VGA, NAMED, "ultralytics", "likely"),
    ("yolov10n", {"output0": (1, 300, 6)}, VGA, DETECT, "end-to-end", "certain"),
    ("yolov10n bare", {"output0": (1, 300, 6)}, VGA, None, "end-to-end", "likely"),
    ("yolov5s", {"output0": (1, 25200, 85)}, VGA, NAMED, "yolov5", "certain"),
    ("yolov5s bare", {"output": (1, 25200, 85)}, VGA, None, "yolov5", "likely"),
    ("yolov5s wide", {"output": (1, 15120, 85)}, (640, 384), None, "yolov5", "likely"),
    ("yolov5s6", {"output": (1, 102000, 85)}, (1280, 1280), None, "yolov5", "likely"),
    ("yolov5s free", {"output": (None, None, 85)}, VGA, NAMED, "yolov5", "likely"),
    ("yolov7 of one class", {"output": (1, 25200, 6)}, VGA, None, "yolov5", "likely"),
    (
        "yolov7 with its heads",
        {
            "output": (1, 25200, 85),
            "516": (1, 3, 80, 80, 85),
            "528": (1, 3, 40, 40, 85),
            "540": (1, 3, 20, 20, 85),
        },
        VGA, None, "yolov5", "likely",
    ),
    ("yolov7 end to end", {"output": (12, 7)}, VGA, None, "end-to-end", "likely"),
    (
        "yolov7 with EfficientNMS",
        {
            "num_dets": (1, 1),
            "det_boxes": (1, 100, 4),
            "det_scores": (1, 100),
            "det_classes": (1, 100),
        },
        VGA, None, "efficient-nms", "likely",
    ),
    (
        "BatchedNMS",
        {
            "num_detections": (1, 1),
            "nmsed_boxes": (1, 100, 4),
            "nmsed_scores": (1, 100),
            "nmsed_classes": (1, 100),
        },
        VGA, None, "efficient-nms", "likely",
    ),
    (
        "an NMS plugin with free names",
        {"o1": (1, 1), "o2": (1, 50, 4), "o3": (1, 50), "o4": (1, 50)},
        VGA, None, "efficient-nms", "likely",
    ),
    ("yolox_nano", {"output": (1, 3549, 85)}, (416, 416), None, "yolox", "likely"),
    ("yolox_s", {"output": (1, 8400, 85)}, VGA, None, "yolox", "likely"),
    ("yolox_s with names", {"output": (1, 8400, 85)}, VGA, NAMED, "yolox", "certain"),
    ("yolov6n", {"outputs": (1, 8400, 85)}, VGA, None, "yolox", "likely"),
    (
        "ultraface",
        {"scores": (1, 4420, 2), "boxes": (1, 4420, 4)}, (320, 240), None, "ssd", "likely",
    ),
    (
        "pytorch-ssd",
        {"boxes": (1, 3000, 4), "scores": (1, 3000, 21)}, (300, 300), None, "ssd", "likely",
    ),
    (
        "pytorch-yolov4",
        {"boxes": (1, 10647, 1, 4), "confs": (1, 10647, 80)}, (416, 416), None, "ssd", "likely",
    ),
    (
        "yolo-nas",
        {"913": (1, 8400, 80), "904": (1, 8400, 4)}, VGA, None, "ssd", "likely",
    ),
    (
        "ssd_mobilenet",
        {
            "num_detections:0": (1,),
            "detection_boxes:0": (1, None, 4),
            "detection_scores:0": (1, None),
            "detection_classes:0": (1, None),
        },
        (300, 300), None, "ssd-finished", "likely",
    ),
    (
        "fasterrcnn_resnet50_fpn",
        {"boxes": (None, 4), "labels": (None,), "scores": (None,)},
        VGA, None, "ssd-finished", "likely",
    ),
    (
        "rtmdet by mmdeploy",
        {"dets": (1, None, 5), "labels": (1, None)}, VGA, None, "end-to-end", "likely",
    ),
    (
        "person-detection-0200",
        {"detection_out": (1, 1, 200, 7)}, (256, 256), None, "end-to-end", "likely",
    ),
    (
        "detr-resnet-50",
        {"logits": (1, 100, 92), "pred_boxes": (1, 100, 4)}, VGA, None, "detr", "likely",
    ),
    (
        "detr with hidden states",
        {
            "logits": (1, 100, 92),
            "pred_boxes": (1, 100, 4),
            "last_hidden_state": (1, 100, 256),
            "encoder_last_hidden_state": (1, 400, 256),
        },
        VGA, None, "detr", "likely",
    ),
    ("rtdetr-l", {"output0": (1, 300, 84)}, VGA, DETECT, "detr", "certain"),
    ("rf-detr", {"dets": (1, 300, 4), "labels": (1, 300, 91)}, VGA, None, "detr", "likely"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("outputs", "network_wh", "metadata", "layout", "certainty"),
    [pytest.param(*model[1:], id=model[0]) for model in MODELS],
)
def test_a_detector_is_known_by_its_outputs(
    outputs: Outputs,
    network_wh: tuple[int, int],
    metadata: Metadata | None,
    layout: str,
    certainty: str,
) -> None:
    reading = Reading(network_wh=network_wh, metadata=metadata or Metadata())
    guess = guess_task(list(outputs.items()), reading)
    assert (guess.task, guess.layout, guess.certainty) == ("detect", layout, certainty)
    assert guess.evidence


@pytest.mark.parametrize(
    ("name", "evidence"),
    [
        ("yolov8n", "metadata says detect and the output (1, 4 + 80, 8400) has a column for each "
         "cell at strides 8, 16, 32"),
        ("yolov5s", "metadata names the classes and the output (1, 25200, 5 + 80) has a row for "
         "each of 3 anchors in each cell at strides 8, 16, 32"),
        ("yolov5s6", "the output (1, 102000, 5 + 80) has a row for each of 3 anchors in each "
         "cell at strides 8, 16, 32, 64"),
        ("yolox_nano", "the output (1, 3549, 5 + 80) has a row for each cell at strides 8, 16, "
         "32; whether its boxes are raw or in pixels is told by their values"),
        ("yolov7 end to end", "the output (12, 7) is an end-to-end detector's"),
        ("yolov7 with EfficientNMS", "num_dets, det_boxes, det_scores and det_classes are named "
         "as the four outputs of TensorRT's NMS plugins"),
        ("ultraface", "scores and boxes are 2 scores and a box for each of 4420, by names and "
         "shapes"),
        ("ssd_mobilenet", "detection_boxes:0, detection_scores:0 and detection_classes:0 are "
         "named as by TensorFlow's detectors"),
        ("detr-resnet-50", "logits and pred_boxes are 92 scores and a box for each of 100 "
         "queries, named as DETR's"),
        ("rtdetr-l", "metadata says detect and the output (1, 300, 4 + 80) has a row for each "
         "query"),
    ],
)  # fmt: skip
def test_the_evidence_says_what_was_seen(name: str, evidence: str) -> None:
    [(_, outputs, network_wh, metadata, *_)] = [model for model in MODELS if model[0] == name]
    reading = Reading(network_wh=network_wh, metadata=metadata or Metadata())
    assert guess_task(list(outputs.items()), reading).evidence == evidence


STRANGERS: list[tuple[str, Outputs, tuple[int, int], Metadata | None, bool]] = [
    ("words", {"tokens": (1, 77, 512)}, (224, 224), None, False),
    ("yolov5's rows at another size", {"output": (1, 25200, 85)}, (416, 416), None, False),
    ("yolox's rows at another size", {"output": (1, 8400, 85)}, (416, 416), None, False),
    ("other names than classes", {"output": (1, 25200, 85)}, VGA, Metadata(names=("a",)), False),
    ("yolov5 for segmentation", {"a": (1, 25200, 117), "b": (1, 32, 160, 160)}, VGA, None, False),
    ("a pose head", {"output0": (1, 25200, 57)}, VGA, Metadata(task="pose"), False),
    ("yolov5's rows of free number", {"output": (1, None, 85)}, VGA, None, True),
    ("yolox or a turned yolov8", {"output": (1, 8400, 84)}, VGA, None, True),
    ("rtdetr-l bare", {"output0": (1, 300, 84)}, VGA, None, True),
    ("few rows of six", {"rows": (1, 20, 6)}, VGA, None, True),
    ("free rows of six", {"output": (None, 6)}, VGA, None, True),
    ("patches", {"features": (1, 197, 768)}, (224, 224), None, False),
    ("two embeddings", {"image": (1, 512), "text": (1, 512)}, (224, 224), None, False),
    ("two sequences", {"a": (1, 50, 768), "b": (1, 50, 768)}, (224, 224), None, False),
    ("a pair without names", {"a": (1, 3000, 21), "b": (1, 3000, 4)}, (300, 300), None, True),
    ("queries without names", {"a": (1, 100, 92), "b": (1, 100, 4)}, VGA, None, True),
    ("which are the boxes?", {"a": (1, 3000, 4), "b": (1, 3000, 4)}, (300, 300), None, False),
    (
        "retinaface, offsets from anchors",
        {"bbox": (1, 16800, 4), "confidence": (1, 16800, 2), "landmark": (1, 16800, 10)},
        VGA, None, False,
    ),
    (
        "a quartet without boxes",
        {"a": (1, 1), "b": (1, 50, 5), "c": (1, 50), "d": (1, 50)}, VGA, None, False,
    ),
    (
        "a quartet that may be TensorFlow's",
        {"a": (1,), "b": (1, 50, 4), "c": (1, 50), "d": (1, 50)}, VGA, None, True,
    ),
    ("another task", {"output": (1, 25200, 85)}, VGA, Metadata(task="segment"), False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("outputs", "network_wh", "metadata", "offered"),
    [pytest.param(*model[1:], id=model[0]) for model in STRANGERS],
)
def test_what_is_only_like_a_detector_is_not_claimed(
    outputs: Outputs, network_wh: tuple[int, int], metadata: Metadata | None, offered: bool
) -> None:
    reading = Reading(network_wh=network_wh, metadata=metadata or Metadata())
    assert guess_task(list(outputs.items()), reading).task != "detect"
    ways = [guess.task for guess in ways_to_read(list(outputs.items()), reading)]
    assert ("detect" in ways) == offered


@pytest.mark.parametrize("name", WRITERS)
def test_without_a_picture_no_layout_is_claimed(name: str) -> None:
    outputs = WRITERS[name][1]([Object((1, 2, 3, 4), 0, 0.9)], VGA)
    ways = ways_to_read([(key, array.shape) for key, array in outputs.items()], Reading())
    assert [guess.task for guess in ways] == ["tensors"]


# What is possible can be chosen


def test_a_layout_that_is_only_possible_is_read_where_the_user_says_so() -> None:
    head = np.zeros((1, 8400, 84), np.float32)
    head[0, 70, :6] = [100, 80, 40, 20, 0, 0.75]
    by_layout = {}
    for layout in ("yolox", "ultralytics"):
        choices = Choices(task="detect", layout=layout)
        decoded = decode({"out": head}, Reading(network_wh=VGA, choices=choices))
        assert decoded.guess.layout == layout
        by_layout[layout] = len(decoded.predictions)
    assert by_layout == {"yolox": 0, "ultralytics": 1}  # objectness 0, or class 0's score


def test_a_layout_that_cannot_be_is_refused() -> None:
    choices = Choices(task="detect", layout="yolov5")
    with pytest.raises(InputError, match="cannot be read as detect \\(yolov5\\)"):
        decode({"out": np.zeros((1, 8400, 85), np.float32)},
               Reading(network_wh=VGA, choices=choices))  # fmt: skip


# Values that are none


OBJECTS = [Object((100, 100, 200, 200), 1, 0.8), Object((300, 100, 400, 200), 0, 0.6)]
PIXELS = np.array([[[1, 2, 30, 40]] * 100])
WRONG: dict[str, tuple[str, dict[str, float | np.ndarray]]] = {
    "a probability of 3": ("yolov5", {"output": 3.0}),
    "a score of -2": ("ssd", {"scores": -2.0}),
    "half a class": ("EfficientNMS", {"det_classes": np.full((1, 100), 0.5, np.float32)}),
    "a negative class": ("torchvision", {"labels": np.full(2, -1)}),
    "more than there is room for": ("EfficientNMS", {"num_dets": np.array([[101]])}),
    "fewer than none": ("BatchedNMS", {"num_detections": np.array([[-1]])}),
    "half a number": ("tensorflow", {"num_detections:0": np.array([1.5], np.float32)}),
    "pixels for fractions": ("tensorflow", {"detection_boxes:0": PIXELS}),
    "corners the wrong way round": ("ssd", {"boxes": np.array([[[0.6, 0.6, 0.2, 0.1]] * 400])}),
    "finished corners the wrong way round": (
        "end to end", {"output0": np.array([[[60.0, 60, 20, 10, 0.9, 1]] * 300])}
    ),
    "queries in pixels": ("detr", {"pred_boxes": np.array([[[100.0, 50, 20, 10]] * 100])}),
    "a row of numbers": ("yolov7 end to end", {"output": np.full((2, 7), 0.3, np.float32)}),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_values_that_are_no_detections_are_shown_as_tensors_with_a_warning(what: str) -> None:
    name, changes = WRONG[what]
    outputs = WRITERS[name][1](OBJECTS, VGA)
    reading = Reading(picture_wh=VGA, network_wh=VGA)
    assert len(decode(outputs, reading).predictions) == 2
    for key, value in changes.items():
        if isinstance(value, np.ndarray):
            assert value.shape == outputs[key].shape
            outputs[key] = value
        else:
            outputs[key].reshape(-1)[-1] = value
    decoded = decode(outputs, reading)
    assert decoded.guess.task == "tensors"
    assert len(decoded.warnings) == 1


FIXED = [
    name
    for name, (_, writer, _) in WRITERS.items()
    if all(
        one.shape == other.shape
        for one, other in zip(
            writer(OBJECTS, VGA).values(), writer(OBJECTS[:1], VGA).values(), strict=True
        )
    )
]


@pytest.mark.parametrize("name", FIXED)
def test_nan_in_one_box_hides_no_other(name: str) -> None:
    """Whatever the second object changed in a tensor becomes NaN: the first is still found."""
    writer = WRITERS[name][1]
    outputs, alone = writer(OBJECTS, VGA), writer(OBJECTS[:1], VGA)
    reading = Reading(picture_wh=VGA, network_wh=VGA)
    first, _ = decode(outputs, reading).predictions
    floats = [key for key, one in outputs.items() if one.dtype.kind == "f" and one.size > 1]
    for key in floats:
        broken = np.where(outputs[key] != alone[key], np.float32(np.nan), outputs[key])
        if np.isnan(broken).any():  # a class of 1 may be what was left there
            assert decode({**outputs, key: broken}, reading).predictions == (first,)
