"""The recipe that each kind of model gets, and the evidence that is given for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from core.errors import ModelError
from core.modelfile.metadata import parse_metadata
from core.recipe_guess import guess_recipe, picture_inputs
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
        "1000 scores",
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
