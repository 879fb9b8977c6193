"""Choose a recipe from what a model says of itself, and say on what evidence.

The exporter's metadata goes first, then the tensors' names, shapes and dtypes. The recipe that a
user saved for the file goes before both: core.model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from core.errors import ModelError
from core.modelfile.metadata import Metadata
from core.presets import apply_preset
from core.recipes import Certainty, Recipe, image_layout
from core.tasks import Reading, TaskGuess, guess_task, ways_to_read
from core.tensors import TensorSpec, shape_text

_FREE_SIDE = 640  # pixels, where the model, its metadata and its profiles leave the size open

# Windows ML's image metadata (ONNX MetadataProps.md): colour order and nominal range.
_PIXEL_FORMATS = {"Gray8": "grey", "Rgb8": "rgb", "Bgr8": "bgr"}
_PIXEL_RANGES: dict[str, dict[str, Any]] = {
    "NominalRange_0_255": {"scale": 1.0},
    "Normalized_0_1": {"scale": 1 / 255},
    "Normalized_1_1": {"scale": 1 / 127.5, "mean": (1.0,)},
}


# Words in the names of inputs that have a picture's shape.
_IMAGE_WORDS = ("image", "img", "pixel", "picture", "photo", "frame", "rgb", "bgr")
_NO_IMAGE_WORDS = ("mask", "noise", "latent", "hidden", "state", "trimap", "prior", "flow")


def guess_recipe(
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    metadata: Metadata | None,
) -> Recipe:
    """The recipe for a model's image input, the first of picture_inputs.

    Raises:
        ModelError: kind "no-image-input", where nothing takes a picture.
    """
    spec = _image_input(inputs)
    layout = image_layout(spec.shape, spec.dtype)
    assert layout is not None  # _image_input chose it by that
    metadata = metadata or Metadata()
    dims = dict(zip(layout, spec.shape, strict=True))
    opt = dict(zip(layout, spec.profiles[0].opt, strict=True)) if spec.profiles else {}
    low = dict(zip(layout, spec.profiles[0].min, strict=True)) if spec.profiles else {}
    from_metadata = metadata.image_size_hw or (None, None)
    height = dims["H"] or from_metadata[0] or opt.get("H") or _FREE_SIDE
    width = dims["W"] or from_metadata[1] or opt.get("W") or _FREE_SIDE
    recipe = Recipe(
        input=spec.name,
        layout=layout,
        size_wh=(width, height),
        batch=(dims.get("N") or low.get("N") or 1),
        color="grey" if dims["C"] == 1 else "rgb",
        dtype=spec.dtype,
    )
    return _with_values(recipe, spec, outputs, metadata)


def _with_values(
    recipe: Recipe, spec: TensorSpec, outputs: tuple[TensorSpec, ...], metadata: Metadata
) -> Recipe:
    if metadata.pixel_format in _PIXEL_FORMATS or metadata.pixel_range in _PIXEL_RANGES:
        values = _PIXEL_RANGES.get(metadata.pixel_range or "", {"scale": 1.0})
        color: Any = _PIXEL_FORMATS.get(metadata.pixel_format or "", recipe.color)
        if (color == "grey") == (recipe.color == "grey"):
            values = values | {"color": color}
        words = f"{metadata.whose} image metadata: {metadata.pixel_format}, {metadata.pixel_range}"
        return replace(recipe, **values, evidence=words, certainty="certain")
    reading = Reading(
        network_wh=recipe.size_wh,
        channels=recipe.channels,
        batch=recipe.batch,
        metadata=metadata,
    )
    named = [(out.name, out.shape) for out in outputs]
    if metadata.is_ultralytics:
        resize: Any = "center-crop" if metadata.task == "classify" else "letterbox"
        words = f"{metadata.whose} metadata: exported by Ultralytics for {metadata.task}"
        sure = {way.layout for way in ways_to_read(named, reading) if way.certainty == "certain"}
        if sure == {"detr"}:  # of two classes its rows could be finished boxes of a YOLO, too
            # ultralytics/models/rtdetr/predict.py, pre_transform (scale_fill=True).
            resize, words = "stretch", f"{words}, an RT-DETR, so stretched"
        return replace(recipe, resize=resize, evidence=words, certainty="certain")
    if spec.dtype == "uint8":
        words = f"a uint8 input {shape_text(spec.shape)}: pixels as they are"
        return replace(recipe, scale=1.0, evidence=words, certainty="likely")
    return values_for(guess_task(named, reading), recipe, spec, outputs)


def values_for(
    guess: TaskGuess, recipe: Recipe, spec: TensorSpec, outputs: tuple[TensorSpec, ...]
) -> Recipe:
    """The recipe with the values that are usual where outputs are read in this way.

    Args:
        guess: how the outputs are read.
        recipe: with the input's layout, size and channels.
        spec: the input.
        outputs: the model's outputs.
    """
    if guess.task == "classify":
        scores = outputs[0].shape[1] if len(outputs[0].shape) > 1 else None
        if recipe.color == "rgb" and scores in (1000, 1001):
            count = "1000 scores" if scores == 1000 else "1000 scores and one more, a background's"
            words = f"{count}, so ImageNet's mean and deviation as torchvision has them"
            return _by_preset(recipe, "imagenet", words, "likely")
    elif guess.task == "detect" and guess.layout in _BY_LAYOUT:
        return _BY_LAYOUT[guess.layout](guess, recipe, outputs)
    elif guess.layout == "masks":
        return _as_ssd(guess, recipe, outputs)
    elif guess.task in ("instance-segment", "pose", "obb"):  # Ultralytics' own heads
        return _as_ultralytics(guess, recipe, outputs)
    if recipe.layout.endswith("HWC") and recipe.color == "rgb" and spec.name == "data":
        # Open Model Zoo, models/intel: "data", in the order BGR, as pixels are, stretched.
        words = "the input is called data and has its channels last, as OpenVINO's models: BGR"
        words += ", 0 to 255, stretched is assumed"
        return replace(_by_preset(recipe, "zero-to-255", words, "guess"), color="bgr")
    given = f"only the input {shape_text(spec.shape)} is known"
    words = f"{given}: {recipe.color}, stretched, 0 to 1 is assumed"
    return replace(recipe, evidence=words)


def _as_ultralytics(guess: TaskGuess, recipe: Recipe, _: Outputs) -> Recipe:
    words = f"{guess.evidence}, so letterboxed and 0 to 1 as Ultralytics does"
    return _by_preset(recipe, "ultralytics", words, "likely")


def _as_yolox(guess: TaskGuess, recipe: Recipe, _: Outputs) -> Recipe:
    color = "grey" if recipe.color == "grey" else "BGR"
    words = f"{guess.evidence}, so {color}, 0 to 255, letterboxed to the top left as YOLOX does"
    return _by_preset(recipe, "yolox", words, "likely")


def _as_ssd(guess: TaskGuess, recipe: Recipe, outputs: Outputs) -> Recipe:
    """UltraFace's two sizes and its two columns of scores; else nothing is usual."""
    sizes, columns = {(320, 240), (640, 480)}, [out.shape[-1] for out in outputs if out.shape]
    if recipe.size_wh in sizes and recipe.color == "rgb" and 2 in columns:
        # Ultra-Light-Fast-Generic-Face-Detector-1MB, vision/ssd/config/fd_config.py:
        # image_mean_test 127, image_std 128.
        words = f"{guess.evidence}, of UltraFace's size and two classes, so (pixel - 127) / 128"
        return replace(
            recipe,
            scale=1 / 128,
            mean=(127 / 128,),
            evidence=words,
            certainty="likely",
        )
    return replace(recipe, evidence=f"{guess.evidence}; stretched and 0 to 1 is assumed")


def _as_detr(guess: TaskGuess, recipe: Recipe, outputs: Outputs) -> Recipe:
    """DETR's mean and deviation, unless it is RT-DETR, which has none.

    RT-DETR counts COCO's 80 classes, DETR its 91 and "no object". Sources: detr,
    datasets/coco.py (make_coco_transforms); RT-DETR, configs/rtdetr/include/dataloader.yml.
    """
    if 80 in [out.shape[-1] for out in outputs if out.shape]:
        words = f"{guess.evidence}, with RT-DETR's 80 classes, so stretched and 0 to 1 as it does"
        return _by_preset(recipe, "zero-to-one", words, "likely")
    words = f"{guess.evidence}, so stretched, with ImageNet's mean and deviation as DETR has them"
    return replace(_by_preset(recipe, "imagenet", words, "likely"), resize="stretch")


def _as_efficient_nms(guess: TaskGuess, recipe: Recipe, outputs: Outputs) -> Recipe:
    """Channels last: EfficientDet's, which has its arithmetic inside; else YOLO's.

    Source: TensorRT, samples/python/efficientdet (image_batcher.py: fitted into the top left
    corner, black around, 0 to 255 for its NHWC models).
    """
    if not recipe.layout.endswith("HWC"):
        return _as_ultralytics(guess, recipe, outputs)
    words = f"{guess.evidence}, channels last, so 0 to 255 to the top left as EfficientDet's"
    fitted = replace(recipe, resize="letterbox-top-left", pad=0)
    return _by_preset(fitted, "zero-to-255", words, "guess")


Outputs = tuple[TensorSpec, ...]
_BY_LAYOUT: dict[str, Callable[[TaskGuess, Recipe, Outputs], Recipe]] = {
    "ultralytics": _as_ultralytics,
    "end-to-end": _as_ultralytics,
    "yolov5": _as_ultralytics,
    "yolox": _as_yolox,
    "efficient-nms": _as_efficient_nms,
    "ssd": _as_ssd,
    "ssd-finished": _as_ssd,
    "detr": _as_detr,
}
"""By detection layout (core.tasks.detect)."""


def _by_preset(recipe: Recipe, name: str, words: str, certainty: Certainty) -> Recipe:
    return replace(apply_preset(name, recipe), evidence=words, certainty=certainty)


def picture_inputs(inputs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """The inputs that take a picture by type and shape, the most likely one first.

    Names decide between several: those that speak of an image, then those that say nothing, each
    in the model's order. What is called a mask, noise or state is a picture only where nothing
    else is.
    """
    fitting = [spec for spec in inputs if takes_picture(spec)]
    ranked = {spec.name: _likeness(spec.name) for spec in fitting}
    best = max(ranked.values(), default=0)
    likely = [spec for spec in fitting if ranked[spec.name] > 0 or best == 0]
    likely = likely if best else likely[:1]
    return tuple(sorted(likely, key=lambda spec: -ranked[spec.name]))


def takes_picture(spec: TensorSpec) -> bool:
    """True for an input that a picture fits, by type and shape."""
    return spec.location == "device" and image_layout(spec.shape, spec.dtype) is not None


def _likeness(name: str) -> int:
    """2 for a name that speaks of an image, 1 for one that says nothing, 0 against it."""
    lower = name.lower()
    if any(word in lower for word in _NO_IMAGE_WORDS):
        return 0
    return 2 if any(word in lower for word in _IMAGE_WORDS) else 1


def _image_input(inputs: tuple[TensorSpec, ...]) -> TensorSpec:
    fitting = picture_inputs(inputs)
    if not fitting:
        described = ", ".join(
            f"{spec.name} {spec.dtype} {shape_text(spec.shape)}" for spec in inputs
        )
        raise ModelError(
            "no-image-input",
            f"The model has no input that takes a picture; its inputs are: {described or 'none'}.",
            "Run it on random input instead (--random on the command line), or say what each "
            "input gets (--input NAME=VALUE).",
        )
    return fitting[0]
