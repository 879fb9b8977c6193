"""The recipe that each kind of model gets, and the evidence that is given for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from core.errors import ModelError
from core.modelfile.metadata import parse_metadata
from core.recipe_check import check_recipe
from core.recipe_guess import guess_recipe, picture_inputs, values_for
from core.recipes import Recipe
from core.tasks import TaskGuess
from core.tensors import Profile, Shape, TensorSpec

ULTRALYTICS = {"task": "detect", "names": "{0: 'a', 1: 'b'}", "imgsz": "[320, 640]", "stride": "32"}
IMAGENET = {
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
    "resize": "center-crop",
    "scale": 1 / 255,
}


@dataclass(frozen=True)
class Described:
    """A model as the guess sees it, and what should come of it."""

    shape: Shape
    outputs: dict[str, Shape]
    expected: dict[str, Any]
    evidence: str
    dtype: str = "float32"
    metadata: dict[str, object] | None = None
    profiles: tuple[Profile, ...] = field(default=())


def profile(*shapes: tuple[int, ...]) -> tuple[Profile, ...]:
    return (Profile(*shapes),)


MODELS = {
    "yolov8 without metadata": Described(
        (1, 3, 640, 640),
        {"output0": (1, 84, 8400)},
        {
            "layout": "NCHW",
            "size_wh": (640, 640),
            "color": "rgb",
            "resize": "letterbox",
            "pad": 114,
            "scale": 1 / 255,
            "mean": (0.0,),
            "std": (1.0,),
            "batch": 1,
        },
        "the output (1, 4 + 80, 8400) has a column for each cell at strides 8, 16, 32, so "
        "letterboxed and 0 to 1 as Ultralytics does",
    ),
    "yolov8 of another size": Described(
        (1, 3, 384, 640),
        {"output0": (1, 6, 5040)},
        {"size_wh": (640, 384), "resize": "letterbox"},
        "(1, 4 + 2, 5040) has a column for each cell",
    ),
    "yolov10, boxes finished": Described(
        (1, 3, 640, 640),
        {"output0": (1, 300, 6)},
        {"resize": "letterbox", "scale": 1 / 255},
        "the output (1, 300, 6) is an end-to-end detector's",
    ),
    "Ultralytics detect with metadata, size free": Described(
        (None, 3, None, None),
        {"output0": (None, None, None)},
        {"size_wh": (640, 320), "resize": "letterbox", "batch": 1},
        "the file's metadata: exported by Ultralytics for detect",
        metadata=ULTRALYTICS,
    ),
    "Ultralytics classify": Described(
        (1, 3, 224, 224),
        {"output0": (1, 1000)},
        {"size_wh": (224, 224), "resize": "center-crop", "scale": 1 / 255, "mean": (0.0,)},
        "the file's metadata: exported by Ultralytics for classify",
        metadata=ULTRALYTICS | {"task": "classify", "imgsz": "[224, 224]"},
    ),
    "Ultralytics' RT-DETR, stretched": Described(
        (1, 3, 640, 640),
        {"output0": (1, 300, 84)},
        {"resize": "stretch", "color": "rgb", "scale": 1 / 255, "mean": (0.0,)},
        "exported by Ultralytics for detect, an RT-DETR, so stretched",
        metadata=ULTRALYTICS | {"names": str(dict(enumerate("abcdefgh" * 10)))},
    ),
    "Ultralytics, two classes end to end: no RT-DETR": Described(
        (1, 3, 640, 640),
        {"output0": (1, 300, 6)},
        {"resize": "letterbox"},
        "exported by Ultralytics for detect",
        metadata=ULTRALYTICS | {"names": "{0: 'cat', 1: 'dog'}"},
    ),
    "Ultralytics segment": Described(
        (1, 3, 640, 640),
        {"output0": (1, 116, 8400), "output1": (1, 32, 160, 160)},
        {"resize": "letterbox"},
        "exported by Ultralytics for segment",
        metadata=ULTRALYTICS | {"task": "segment"},
    ),
    "a torchvision classifier": Described(
        (1, 3, 224, 224),
        {"logits": (1, 1000)},
        IMAGENET,
        "1000 scores, so ImageNet's mean and deviation",
    ),
    "an ImageNet classifier with a background class and 4 dimensions": Described(
        (1, 224, 224, 3),
        {"logits": (1, 1001, 1, 1)},
        IMAGENET | {"layout": "NHWC"},
        "1000 scores and one more, a background's",
    ),
    "a classifier of ten classes": Described(
        (1, 3, 32, 32),
        {"logits": (1, 10)},
        {"resize": "stretch", "scale": 1 / 255, "mean": (0.0,), "std": (1.0,)},
        "only the input 1 x 3 x 32 x 32 is known: rgb, stretched, 0 to 1 is assumed",
    ),
    "MNIST": Described(
        (1, 1, 28, 28),
        {"Plus214": (1, 10)},
        {"color": "grey", "size_wh": (28, 28), "resize": "stretch", "scale": 1 / 255},
        "only the input 1 x 1 x 28 x 28 is known: grey",
    ),
    "a grey classifier of a thousand classes is no ImageNet": Described(
        (1, 1, 64, 64),
        {"logits": (1, 1000)},
        {"color": "grey", "mean": (0.0,), "resize": "stretch"},
        "only the input",
    ),
    "WinML, bytes in BGR": Described(
        (1, 3, 416, 416),
        {"grid": (1, 125, 13, 13)},
        {"color": "bgr", "scale": 1.0, "mean": (0.0,), "resize": "stretch"},
        "the file's image metadata: Bgr8, NominalRange_0_255",
        metadata={
            "Image.BitmapPixelFormat": "Bgr8",
            "Image.NominalPixelRange": "NominalRange_0_255",
        },
    ),
    "WinML, -1 to 1": Described(
        (1, 3, 64, 64),
        {"out": (1, 3, 64, 64)},
        {"color": "rgb", "scale": 1 / 127.5, "mean": (1.0,), "std": (1.0,)},
        "the file's image metadata: Rgb8, Normalized_1_1",
        metadata={
            "Image.BitmapPixelFormat": "Rgb8",
            "Image.NominalPixelRange": "Normalized_1_1",
        },
    ),
    "WinML, 0 to 1, grey": Described(
        (1, 1, 64, 64),
        {"out": (1, 7)},
        {"color": "grey", "scale": 1 / 255},
        "the file's image metadata: Gray8, Normalized_0_1",
        metadata={
            "Image.BitmapPixelFormat": "Gray8",
            "Image.NominalPixelRange": "Normalized_0_1",
        },
    ),
    "WinML, whose pixel format contradicts the channels": Described(
        (1, 3, 64, 64),
        {"out": (1, 7)},
        {"color": "rgb", "scale": 1.0},
        "the file's image metadata",
        metadata={"Image.BitmapPixelFormat": "Gray8"},
    ),
    "TensorFlow, bytes, channels last": Described(
        (1, 300, 300, 3),
        {"boxes": (1, 100, 4), "scores": (1, 100)},
        {"layout": "NHWC", "size_wh": (300, 300), "scale": 1.0, "color": "rgb"},
        "a uint8 input 1 x 300 x 300 x 3: pixels as they are",
        dtype="uint8",
    ),
    "channels last, a segmentation map": Described(
        (1, 512, 896, 3),
        {"map": (1, 512, 896, 4)},
        {"layout": "NHWC", "size_wh": (896, 512), "resize": "stretch"},
        "only the input 1 x 512 x 896 x 3 is known",
    ),
    "an engine with profiles: smallest batch, best size": Described(
        (None, 3, None, None),
        {"out": (None, 7)},
        {"size_wh": (512, 256), "batch": 2},
        "only the input ? x 3 x ? x ? is known",
        profiles=profile((2, 3, 64, 64), (4, 3, 256, 512), (8, 3, 512, 1024)),
    ),
    "metadata's size before the profile's": Described(
        (None, 3, None, None),
        {"out": (None, 84, None)},
        {"size_wh": (640, 320), "batch": 1},
        "Ultralytics",
        metadata=ULTRALYTICS,
        profiles=profile((1, 3, 32, 32), (1, 3, 256, 256), (8, 3, 1280, 1280)),
    ),
    "nothing known of the size": Described(
        (None, 3, None, None), {"out": (None, 7)}, {"size_wh": (640, 640), "batch": 1}, "only"
    ),
    "a fixed batch": Described(
        (4, 3, 64, 64), {"out": (4, 7)}, {"batch": 4, "size_wh": (64, 64)}, "only the input"
    ),
    "no batch dimension": Described(
        (3, 64, 96), {"out": (7,)}, {"layout": "CHW", "size_wh": (96, 64), "batch": 1}, "only"
    ),
    "half precision": Described(
        (1, 3, 64, 64), {"out": (1, 7)}, {"dtype": "float16"}, "only", dtype="float16"
    ),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_model_gets_its_recipe_and_the_evidence_for_it(model: Described) -> None:
    spec = TensorSpec(
        name="pixels",
        mode="input",
        dtype=model.dtype,
        shape=model.shape,
        profiles=model.profiles,
    )
    outputs = tuple(
        TensorSpec(name=name, mode="output", dtype="float32", shape=shape)
        for name, shape in model.outputs.items()
    )
    metadata = None if model.metadata is None else parse_metadata(model.metadata)
    recipe = guess_recipe((spec,), outputs, metadata)
    assert recipe.input == "pixels"
    assert recipe.dtype == model.dtype
    assert {key: getattr(recipe, key) for key in model.expected} == model.expected
    assert model.evidence in recipe.evidence


def inputs(*described: tuple[str, str, Shape]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name=name, mode="input", dtype=dtype, shape=shape)
        for name, dtype, shape in described
    )


HOST_PICTURE = TensorSpec(
    name="size", mode="input", dtype="float32", shape=(1, 3, 8, 8), location="host"
)


@pytest.mark.parametrize(
    ("specs", "kind", "words"),
    [
        (inputs(("ids", "int64", (1, 16))), "no-image-input", "ids int64 1 x 16"),
        (inputs(("x", "float32", (1, 4, 8, 8))), "no-image-input", "x float32 1 x 4 x 8 x 8"),
        ((), "no-image-input", "its inputs are: none"),
        ((HOST_PICTURE,), "no-image-input", "size float32"),
    ],
)
def test_a_model_that_a_picture_cannot_feed_says_what_it_needs(
    specs: tuple[TensorSpec, ...], kind: str, words: str
) -> None:
    with pytest.raises(ModelError) as caught:
        guess_recipe(specs, (), None)
    assert caught.value.kind == kind
    assert words in caught.value.message
    assert "--random" in caught.value.hint


def test_metadata_is_certain_bytes_are_likely_and_the_rest_is_a_guess() -> None:
    outputs = (TensorSpec(name="out", mode="output", dtype="float32", shape=(1, 7)),)
    [picture] = inputs(("x", "float32", (1, 3, 8, 8)))
    [pixels] = inputs(("x", "uint8", (1, 8, 8, 3)))
    by_exporter = parse_metadata(ULTRALYTICS | {"task": "classify"})
    assert guess_recipe((picture,), outputs, by_exporter).certainty == "certain"
    by_winml = parse_metadata({"Image.BitmapPixelFormat": "Bgr8"})
    assert guess_recipe((picture,), outputs, by_winml).certainty == "certain"
    assert guess_recipe((pixels,), outputs, None).certainty == "likely"
    assert guess_recipe((picture,), outputs, None).certainty == "guess"


# What follows from how the outputs are read, whichever module recognised that.

YOLO = {"resize": "letterbox", "color": "rgb", "scale": 1 / 255, "pad": 114, "mean": (0.0,)}
PLAIN = {"resize": "stretch", "color": "rgb", "scale": 1 / 255, "mean": (0.0,), "std": (1.0,)}
ULTRAFACE = {"resize": "stretch", "color": "rgb", "scale": 1 / 128, "mean": (127 / 128,)}
OPENVINO = {"resize": "stretch", "color": "bgr", "scale": 1.0, "mean": (0.0,), "std": (1.0,)}
YOLOX = {"resize": "letterbox-top-left", "color": "bgr", "scale": 1.0, "pad": 114, "mean": (0.0,)}
DETR = IMAGENET | {"resize": "stretch"}
READ = [
    # task, layout, input, outputs, expected, certainty, words
    ("detect", "yolov5", (1, 3, 640, 640), [(1, 25200, 85)], YOLO, "likely", "as Ultralytics"),
    ("detect", "yolov5", (1, 640, 640, 3), [(1, 25200, 85)], YOLO, "likely", "as Ultralytics"),
    ("detect", "ultralytics", (1, 3, 64, 64), [(1, 84, 84)], YOLO, "likely", "as Ultralytics"),
    ("detect", "end-to-end", (1, 3, 640, 640), [(1, 300, 6)], YOLO, "likely", "as Ultralytics"),
    ("pose", "", (1, 3, 640, 640), [(1, 56, 8400)], YOLO, "likely", "as Ultralytics"),
    ("obb", "", (1, 3, 1024, 1024), [(1, 20, 21504)], YOLO, "likely", "as Ultralytics"),
    (
        "instance-segment", "", (1, 3, 640, 640), [(1, 116, 8400), (1, 32, 160, 160)],
        YOLO, "likely", "as Ultralytics",
    ),
    ("detect", "yolox", (1, 3, 416, 416), [(1, 3549, 85)], YOLOX, "likely", "BGR, 0 to 255"),
    (
        "detect", "yolox", (1, 1, 416, 416), [(1, 3549, 85)],
        YOLOX | {"color": "grey"}, "likely", "grey, 0 to 255",
    ),
    (
        "detect", "ssd", (1, 3, 240, 320), [(1, 4420, 2), (1, 4420, 4)],
        ULTRAFACE, "likely", "(pixel - 127) / 128",
    ),
    (
        "detect", "ssd", (1, 3, 480, 640), [(1, 17640, 2), (1, 17640, 4)],
        ULTRAFACE, "likely", "UltraFace",
    ),
    (
        "detect", "ssd", (1, 3, 300, 300), [(1, 8732, 2), (1, 8732, 4)],
        PLAIN, "guess", "is assumed",
    ),
    (
        "detect", "ssd", (1, 3, 240, 320), [(1, 4420, 21), (1, 4420, 4)],
        PLAIN, "guess", "is assumed",
    ),
    (
        "detect", "detr", (1, 3, 800, 800), [(1, 100, 92), (1, 100, 4)],
        DETR, "likely", "as DETR has them",
    ),
    (
        "detect", "detr", (1, 3, 640, 640), [(1, 300, 80), (1, 300, 4)],
        PLAIN, "likely", "RT-DETR",
    ),
    (
        "detect", "efficient-nms", (1, 3, 640, 640),
        [(1, 1), (1, 100, 4), (1, 100), (1, 100)], YOLO, "likely", "as Ultralytics",
    ),
    (
        "detect", "efficient-nms", (1, 512, 512, 3),
        [(1, 1), (1, 100, 4), (1, 100), (1, 100)],
        {"resize": "letterbox-top-left", "color": "rgb", "scale": 1.0, "pad": 0},
        "guess", "EfficientDet",
    ),
    (
        "instance-segment", "masks", (1, 3, 600, 800), [(9, 4), (9,), (9,), (9, 1, 28, 28)],
        PLAIN, "guess", "is assumed",
    ),
    ("classify", "", (1, 3, 224, 224), [(1, 1000)], IMAGENET, "likely", "ImageNet"),
    ("classify", "", (1, 3, 224, 224), [(1, 1001, 1, 1)], IMAGENET, "likely", "ImageNet"),
    ("classify", "", (1, 3, 224, 224), [(1, 10)], PLAIN, "guess", "is assumed"),
    ("classify", "", (1, 1, 224, 224), [(1, 1000)], PLAIN | {"color": "grey"}, "guess", "grey"),
    ("semantic-segment", "", (1, 512, 896, 3), [(1, 512, 896, 4)], PLAIN, "guess", "is assumed"),
    ("dense", "", (1, 3, 256, 256), [(1, 256, 256)], PLAIN, "guess", "is assumed"),
    ("image", "", (1, 3, 224, 224), [(1, 3, 224, 224)], PLAIN, "guess", "is assumed"),
    ("embed", "", (1, 3, 112, 112), [(1, 512)], PLAIN, "guess", "is assumed"),
    ("tensors", "", (1, 224, 224, 3), [(1, 7, 7)], PLAIN, "guess", "is assumed"),
    ("detect", "a layout to come", (1, 3, 64, 64), [(1, 7, 7)], PLAIN, "guess", "is assumed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("task", "layout", "shape", "outputs", "expected", "certainty", "words"), READ
)
def test_values_follow_from_how_the_outputs_are_read(
    task: str,
    layout: str,
    shape: tuple[int, ...],
    outputs: list[tuple[int, ...]],
    expected: dict[str, Any],
    certainty: str,
    words: str,
) -> None:
    channels_last = shape[3] in (1, 3)
    height, width = shape[1:3] if channels_last else shape[2:]
    [spec] = inputs(("images", "float32", shape))
    base = Recipe(
        input="images",
        layout="NHWC" if channels_last else "NCHW",
        size_wh=(width, height),
        color="grey" if 1 in (shape[1], shape[3]) else "rgb",
    )
    given = tuple(
        TensorSpec(name=f"out{index}", mode="output", dtype="float32", shape=one)
        for index, one in enumerate(outputs)
    )
    recipe = values_for(TaskGuess(task, "the outputs say so", layout), base, spec, given)
    assert {key: getattr(recipe, key) for key in expected} == expected
    assert recipe.certainty == certainty
    assert words in recipe.evidence
    assert check_recipe(recipe, (spec,)) is spec
    assert recipe.shape == base.shape


def test_channels_last_called_data_is_taken_for_openvinos() -> None:
    [spec] = inputs(("data", "float32", (1, 512, 896, 3)))
    output = TensorSpec(name="map", mode="output", dtype="float32", shape=(1, 512, 896, 4))
    recipe = guess_recipe((spec,), (output,), None)
    assert {key: getattr(recipe, key) for key in OPENVINO} == OPENVINO
    assert recipe.certainty == "guess"
    assert "OpenVINO" in recipe.evidence


PICTURE = (1, 3, 8, 8)


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        (inputs(("images", "float32", PICTURE), ("sizes", "int64", (1, 2))), ["images"]),
        (inputs(("sizes", "int64", (1, 2)), ("x", "uint8", (1, 8, 8, 3))), ["x"]),
        (inputs(("left", "float32", PICTURE), ("right", "float32", PICTURE)), ["left", "right"]),
        (inputs(("mask", "float32", (1, 1, 8, 8)), ("x", "float32", PICTURE)), ["x"]),
        (inputs(("a", "float32", PICTURE), ("image", "float32", PICTURE)), ["image", "a"]),
        (inputs(("noise", "float32", PICTURE), ("mask", "float32", PICTURE)), ["noise"]),
        (inputs(("ids", "int64", (1, 16))), []),
    ],
)
def test_the_inputs_that_take_the_picture_are_told_by_shape_and_name(
    specs: tuple[TensorSpec, ...], expected: list[str]
) -> None:
    assert [spec.name for spec in picture_inputs(specs)] == expected
    if expected:
        assert guess_recipe(specs, (), None).input == expected[0]
