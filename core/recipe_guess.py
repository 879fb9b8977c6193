"""Choose a recipe from what a model says of itself, and say on what evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.errors import ModelError
from core.modelfile.metadata import Metadata
from core.recipes import Recipe, image_layout
from core.tasks import Reading, guess_task
from core.tensors import TensorSpec, shape_text

_FREE_SIDE = 640  # pixels, where the model, its metadata and its profiles leave the size open

# torchvision's weights' transforms (ImageNet_Weights.IMAGENET1K_V1): mean and std of RGB in 0..1.
_IMAGENET: dict[str, Any] = {
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
    "resize": "center-crop",
}
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
    shape = shape_text(spec.shape)
    if metadata.pixel_format in _PIXEL_FORMATS or metadata.pixel_range in _PIXEL_RANGES:
        values = _PIXEL_RANGES.get(metadata.pixel_range or "", {"scale": 1.0})
        color: Any = _PIXEL_FORMATS.get(metadata.pixel_format or "", recipe.color)
        if (color == "grey") == (recipe.color == "grey"):
            values = values | {"color": color}
        words = f"the file's image metadata: {metadata.pixel_format}, {metadata.pixel_range}"
        return replace(recipe, **values, evidence=words)
    if metadata.is_ultralytics:
        resize: Any = "center-crop" if metadata.task == "classify" else "letterbox"
        words = f"the file's metadata: exported by Ultralytics for {metadata.task}"
        return replace(recipe, resize=resize, evidence=words)
    if spec.dtype == "uint8":
        return replace(recipe, scale=1.0, evidence=f"a uint8 input {shape}: pixels as they are")
    reading = Reading(
        network_wh=recipe.size_wh,
        channels=recipe.channels,
        batch=recipe.batch,
        metadata=metadata,
    )
    guess = guess_task([(out.name, out.shape) for out in outputs], reading)
    if guess.task == "detect":
        words = f"{guess.evidence}, so letterboxed and 0 to 1 as Ultralytics does"
        return replace(recipe, resize="letterbox", evidence=words)
    if guess.task == "classify" and recipe.color == "rgb" and outputs[0].shape[1] in (1000, 1001):
        words = "1000 scores, so ImageNet's mean and deviation as torchvision has them"
        return replace(recipe, **_IMAGENET, evidence=words)
    words = f"only the input {shape} is known: {recipe.color}, stretched, 0 to 1 is assumed"
    return replace(recipe, evidence=words)


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
