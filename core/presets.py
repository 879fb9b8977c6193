"""Named recipes: the preprocessing that families of models were trained with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from core.errors import InputError
from core.recipes import Recipe

_PLAIN: dict[str, Any] = {"mean": (0.0,), "std": (1.0,)}

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "ultralytics": _PLAIN
        | {
            "color": "rgb",
            "resize": "letterbox",
            "interpolation": "linear",
            "pad": 114,
            "scale": 1 / 255,
        },
        "yolox": _PLAIN
        | {
            "color": "bgr",
            "resize": "letterbox-top-left",
            "interpolation": "linear",
            "pad": 114,
            "scale": 1.0,
        },
        "imagenet": {
            "color": "rgb",
            "resize": "center-crop",
            "interpolation": "linear",
            "scale": 1 / 255,
            "mean": (0.485, 0.456, 0.406),
            "std": (0.229, 0.224, 0.225),
        },
        "caffe-bgr-mean": {
            "color": "bgr",
            "scale": 1.0,
            "mean": (103.939, 116.779, 123.68),
            "std": (1.0,),
        },
        "minus-one-to-one": {"scale": 1 / 127.5, "mean": (1.0,), "std": (1.0,)},
        "zero-to-one": _PLAIN | {"scale": 1 / 255},
        "zero-to-255": _PLAIN | {"scale": 1.0},
        "mnist": _PLAIN | {"color": "grey", "resize": "stretch", "scale": 1.0},
    }
)
"""The fields that each preset sets; it leaves the others as they are.

ultralytics: RGB, letterboxed in the middle with 114, 0 to 1. Source: ultralytics,
    data/augment.py (LetterBox) and engine/predictor.py (preprocess).
yolox: BGR, letterboxed to the top left with 114, 0 to 255. Source: YOLOX,
    yolox/data/data_augment.py (preproc).
imagenet: RGB, 0 to 1, less ImageNet's mean, over its deviation. Source: torchvision,
    transforms/_presets.py (ImageClassification). torchvision scales the shorter side to 256 and
    cuts 224 x 224 out of the middle; here the shorter side is scaled to the input's own size, so
    that the network sees the whole of it. torchvision also averages when it shrinks a picture:
    the interpolation "area" comes nearer to that.
caffe-bgr-mean: BGR, 0 to 255, less the mean of ImageNet's channels; the resize stays. Source:
    Keras, applications/imagenet_utils.py (mode "caffe"), from the VGG models' mean.
minus-one-to-one: pixel / 127.5 - 1. Source: Keras, applications/imagenet_utils.py (mode "tf").
zero-to-one: pixel / 255. Source: torchvision, transforms/functional.py (to_tensor).
zero-to-255: the pixels as they are. Source: the nominal range NominalRange_0_255 of ONNX's
    MetadataProps.md.
mnist: grey, 0 to 255, stretched; the digit is white on black. Source: the metadata of CNTK's
    MNIST model in WinML (Gray8, NominalRange_0_255). PyTorch's example (mnist/main.py) has 0 to 1
    with mean 0.1307 and std 0.3081 instead.
"""


def apply_preset(name: str, recipe: Recipe) -> Recipe:
    """A recipe with a preset's values, for the same input, layout, size, batch and dtype.

    A grey recipe stays grey, and one of three channels stays coloured. A grey one takes the
    average of a preset's values for three channels. A uint8 input holds whole numbers of 0 to
    255 only, so it gets the pixels as they are.

    Raises:
        InputError: kind "no-preset" for an unknown name.
    """
    if name not in PRESETS:
        raise InputError(
            "no-preset", f"There is no preset {name!r}.", f"Presets are: {', '.join(PRESETS)}."
        )
    values = dict(PRESETS[name])
    color = values.pop("color", recipe.color)
    if (color == "grey") != (recipe.color == "grey"):
        color = recipe.color
    if color == "grey":
        for field in {"mean", "std"} & values.keys():
            values[field] = (sum(values[field]) / len(values[field]),)
    if recipe.dtype == "uint8":
        values |= _PLAIN | {"scale": 1.0}
    words = f"the preset {name}"
    return replace(recipe, **values, color=color, evidence=words, certainty="certain")


def preset_of(recipe: Recipe) -> str:
    """The first preset that a recipe has all the values of, or ""."""
    for name in PRESETS:
        same = apply_preset(name, recipe)
        if recipe == replace(same, evidence=recipe.evidence, certainty=recipe.certainty):
            return name
    return ""
