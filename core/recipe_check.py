"""Whether a recipe makes sense, and fits a model: each mistake is one clear error."""

from __future__ import annotations

import math
from typing import get_args

from core.errors import InputError
from core.images import MAX_PIXELS
from core.recipes import Color, Interpolation, Layout, Recipe, Resize, image_layout
from core.tasks import TASKS, Choices
from core.tasks.reading import ImageRange
from core.tensors import Profile, TensorSpec, shape_text
from core.text import one_line

MAX_SIDE = 65535
"""The longest side of a network's picture, pixels; also the largest batch."""

WORDS: dict[str, tuple[str, ...]] = {
    "layout": get_args(Layout),
    "color": get_args(Color),
    "resize": get_args(Resize),
    "interpolation": get_args(Interpolation),
    "image_range": get_args(ImageRange),
}
"""What the recipe's and the reading's fields of few words can be."""

_RECIPE_WORDS = ("layout", "color", "resize", "interpolation")


def check_values(recipe: Recipe) -> None:
    """Make sure that a recipe can be applied to some picture.

    Raises:
        InputError: kind "recipe-value", naming the field, what it is and what it may be.
    """
    for field in _RECIPE_WORDS:
        _check_word(field, getattr(recipe, field))
    width, height = recipe.size_wh
    if not all(1 <= side <= MAX_SIDE for side in (width, height)):
        raise bad_value("size", f"{width} x {height}", f"1 to {MAX_SIDE} pixels a side")
    if not 1 <= recipe.batch <= MAX_SIDE:
        raise bad_value("batch", recipe.batch, f"1 to {MAX_SIDE}")
    if recipe.batch > 1 and not recipe.layout.startswith("N"):
        raise bad_value("batch", recipe.batch, f"1, since {recipe.layout} has no batch")
    if width * height * recipe.batch > MAX_PIXELS:
        size = f"{width} x {height}, batch {recipe.batch}"
        raise bad_value("size", size, f"at most {MAX_PIXELS // 10**6} million pixels in all")
    if not 0 <= recipe.pad <= 255:
        raise bad_value("pad", recipe.pad, "0 to 255")
    if not math.isfinite(recipe.scale) or recipe.scale == 0:
        raise bad_value("scale", recipe.scale, "a finite number other than 0")
    for field, numbers in (("mean", recipe.mean), ("std", recipe.std)):
        text = ", ".join(f"{number:g}" for number in numbers)
        if len(numbers) not in (1, recipe.channels):
            one_each = f", or {recipe.channels}, one a channel" if recipe.channels > 1 else ""
            raise bad_value(field, text or "empty", f"one number{one_each}")
        if not all(math.isfinite(number) for number in numbers):
            raise bad_value(field, text, "finite numbers")
        if field == "std" and 0 in numbers:
            raise bad_value(field, text, "numbers other than 0")


def check_recipe(recipe: Recipe, specs: tuple[TensorSpec, ...]) -> TensorSpec:
    """Make sure that a recipe can feed a model.

    Args:
        recipe: what is asked for.
        specs: the model's inputs.

    Returns:
        The input that it feeds.

    Raises:
        InputError: kind "recipe-value" as check_values, or "recipe-does-not-fit", naming what
            the tensor is and what the recipe says.
    """
    check_values(recipe)
    by_name = {spec.name: spec for spec in specs}
    spec = by_name.get(recipe.input)
    if spec is None:
        names = ", ".join(by_name) or "none"
        raise _misfit(
            f"The recipe is for input {recipe.input!r}; the model's inputs are: {names}.",
            "Choose a recipe for one of these.",
        )
    what = f"Input {spec.name!r} is {spec.dtype} {shape_text(spec.shape)}"
    if spec.location != "device" or image_layout(spec.shape, spec.dtype) is None:
        raise _misfit(f"{what}: it takes no picture.", "Choose another input.")
    if recipe.dtype != spec.dtype:
        raise _misfit(f"{what}; the recipe makes {recipe.dtype}.", f"Use dtype {spec.dtype}.")
    if len(recipe.layout) != len(spec.shape):
        fitting = ", ".join(one for one in WORDS["layout"] if len(one) == len(spec.shape))
        raise _misfit(f"{what}; the recipe's layout is {recipe.layout}.", f"Use one of {fitting}.")
    words = {"N": "batch", "C": "channels", "H": "height", "W": "width"}
    for letter, dim, given in zip(recipe.layout, spec.shape, recipe.shape, strict=True):
        if dim is not None and dim != given:
            raise _misfit(
                f"{what}: its {words[letter]} in {recipe.layout} is {dim}; the recipe makes "
                f"{given}.",
                _advice(letter, dim),
            )
    if spec.profiles and not any(_within(recipe.shape, one) for one in spec.profiles):
        limits = ", or ".join(
            f"{shape_text(one.min)} to {shape_text(one.max)}" for one in spec.profiles
        )
        raise _misfit(
            f"{what}: its profiles take {limits}; the recipe makes {shape_text(recipe.shape)}.",
            "Choose a size and a batch within these limits.",
        )
    return spec


def check_choices(choices: Choices) -> None:
    """Make sure that outputs can be read by these choices, whatever the model.

    Raises:
        InputError: kind "recipe-value", naming the field, what it is and what it may be.
    """
    if choices.task is not None and choices.task not in TASKS:
        raise bad_value("task", one_line(choices.task, 40), f"one of {', '.join(TASKS)}")
    _check_word("image_range", choices.image_range)
    for field in ("score_threshold", "iou_threshold"):
        value = getattr(choices, field)
        if not 0 <= value <= 1:
            raise bad_value(field.replace("_", " "), value, "0 to 1")
    for field in ("max_detections", "top_k"):
        value = getattr(choices, field)
        if value < 1:
            raise bad_value(field.replace("_", " "), value, "1 or more")


def _check_word(field: str, value: str) -> None:
    allowed = WORDS[field]
    if value not in allowed:
        raise bad_value(field.replace("_", " "), value, f"one of {', '.join(allowed)}")


def bad_value(field: str, value: object, allowed: str) -> InputError:
    """The error for a field that cannot have a value."""
    return InputError(
        "recipe-value",
        f"The recipe's {field} is {value}; it must be {allowed}.",
        f"Change {field}.",
    )


def _within(shape: tuple[int, ...], profile: Profile) -> bool:
    limits = zip(profile.min, shape, profile.max, strict=True)
    return all(low <= dim <= high for low, dim, high in limits)


def _advice(letter: str, dim: int) -> str:
    if letter == "C":
        if dim == 1:
            return "Use the colour grey."
        return "Use the colours rgb or bgr." if dim == 3 else "Choose another layout."
    what = {"N": "the batch", "H": "the height", "W": "the width"}[letter]
    return f"Make {what} {dim}, or choose another layout."


def _misfit(message: str, hint: str) -> InputError:
    return InputError("recipe-does-not-fit", message, hint)
