"""The command line's options for a recipe and for how outputs are read."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.class_names import read_class_names
from core.errors import InputError
from core.model import Model
from core.presets import PRESETS, apply_preset
from core.recipe_check import WORDS, check_choices, check_recipe
from core.recipe_file import read_recipe_file
from core.recipe_guess import guess_recipe
from core.recipes import Recipe
from core.tasks import TASKS, Choices
from core.text import one_line

_GUESS = "guess"
_RECIPE_FIELDS = ("layout", "color", "resize", "interpolation", "pad", "scale", "mean", "std")
_CHOICES = ("task", "score_threshold", "iou_threshold", "top_k", "image_range")


def add_recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --recipe and its single fields, --task and the thresholds, --save-recipe."""
    recipe = parser.add_argument_group("how a picture becomes the input")
    recipe.add_argument(
        "--recipe",
        metavar="NAME|FILE",
        help=f"a preset ({', '.join(PRESETS)}), a recipe file, or {_GUESS}: not the saved one",
    )
    for field in ("layout", "color", "resize", "interpolation"):
        recipe.add_argument(f"--{field}", choices=WORDS[field])
    recipe.add_argument("--size", metavar="WxH", type=_size, help="of the input, where it is free")
    recipe.add_argument("--pad", metavar="LEVEL", type=int, help="0 to 255, around a letterbox")
    recipe.add_argument("--scale", metavar="NUMBER", type=_number, help="a number, or as 1/255")
    recipe.add_argument("--mean", metavar="A[,B,C]", type=_numbers, help="pixel * scale less this")
    recipe.add_argument("--std", metavar="A[,B,C]", type=_numbers, help="all that divided by this")
    recipe.add_argument(
        "--find-recipe", action="store_true", help="try the usual ones on one IMAGE and rank them"
    )
    recipe.add_argument("--save-recipe", metavar="FILE", type=Path, help="write it as JSON")
    reading = parser.add_argument_group("how outputs are read")
    reading.add_argument("--task", choices=TASKS, help="in place of the guess")
    reading.add_argument("--score-threshold", metavar="0..1", type=float)
    reading.add_argument("--iou-threshold", metavar="0..1", type=float)
    reading.add_argument("--top-k", metavar="COUNT", type=int, help="classes to show")
    reading.add_argument("--image-range", choices=WORDS["image_range"], help="of output images")
    reading.add_argument(
        "--names", metavar="FILE", type=Path, help="class names: one a line, JSON, or YAML"
    )


def asks_for_recipe(options: argparse.Namespace) -> bool:
    """True when an option is given that only means something for a picture."""
    names = (*_RECIPE_FIELDS, "recipe", "size", "save_recipe")
    return options.find_recipe or any(getattr(options, name) is not None for name in names)


def apply_options(options: argparse.Namespace, model: Model) -> None:
    """Let a model use the recipe and the choices that the options ask for.

    Raises:
        InputError: if the recipe cannot be read, makes no sense or does not fit the model.
        EnginebayError: why the model takes no picture, where a recipe was asked for.
    """
    choices = model.choices
    if asks_for_recipe(options):
        if model.recipe is None:
            assert model.recipe_problem is not None
            raise model.recipe_problem
        recipe, choices = _named(options.recipe, model, model.recipe)
        given = _given(options, _RECIPE_FIELDS)
        if options.size is not None:
            given["size_wh"] = options.size
        if given:
            names = ", ".join("size" if name == "size_wh" else name for name in given)
            words = f"{recipe.evidence}; {names} by the command line"
            recipe = replace(recipe, **given, evidence=words)
        check_recipe(recipe, model.inputs)
        model.recipe = recipe
    choices = replace(choices, **_given(options, _CHOICES))
    if options.task is not None:
        choices = replace(choices, layout=None)
    if options.names is not None:
        choices = replace(choices, class_names=read_class_names(options.names))
    check_choices(choices)
    model.choices = choices


def _named(name: str | None, model: Model, recipe: Recipe) -> tuple[Recipe, Choices]:
    if name is None:
        return recipe, model.choices
    if name == _GUESS:
        return guess_recipe(model.inputs, model.outputs, model.file.metadata), Choices()
    if name in PRESETS:
        return apply_preset(name, recipe), model.choices
    if not Path(name).is_file():
        raise InputError(
            "no-preset",
            f"{one_line(name)} is no preset, and there is no such file.",
            f"Presets are: {', '.join(PRESETS)}.",
        )
    found = read_recipe_file(Path(name))
    return found.recipe, found.choices


def _given(options: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    found = {name: getattr(options, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})[xX](\d{1,6})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not WxH, as 640x480")
    return int(match[1]), int(match[2])


def _number(text: str) -> float:
    over, slash, under = text.partition("/")
    try:
        return float(over) / float(under) if slash else float(over)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(_number(one) for one in text.split(","))
