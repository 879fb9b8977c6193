"""The options of `enginebay run` that say what a model's inputs get, and in what shapes."""

from __future__ import annotations

import argparse

from core.errors import InputError
from core.input_choices import Fill, parse_fill
from core.input_shapes import parse_shape
from core.model import Model
from core.tensors import Shape


def add_input_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --shape, --profile and --input."""
    parser.add_argument(
        "--shape",
        metavar="NAME=4x3x640x640",
        action="append",
        default=[],
        help="the shape of an input with free dimensions; may be repeated",
    )
    parser.add_argument(
        "--profile",
        metavar="N",
        type=int,
        help="the engine's optimization profile, from 0 on; default: the first that fits",
    )
    parser.add_argument(
        "--input",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="what an input gets: values (1,1,4,4), random, random:SEED, zeros, image, "
        "image:FILE, FILE.npy or FILE.npz; may be repeated",
    )


def apply_input_arguments(model: Model, options: argparse.Namespace) -> None:
    """Choose the model's inputs as the options say.

    Raises:
        InputError: for what cannot be read or does not fit; the model is then as before.
    """
    fills: dict[str, Fill] = {}
    for text in options.input:
        name, value = _named(text, "--input", "NAME=VALUE")
        _require_new(name, fills, "--input")
        fills[name] = parse_fill(value)
    shapes: dict[str, Shape] = {}
    for text in options.shape:
        name, value = _named(text, "--shape", "NAME=4x3x640x640")
        _require_new(name, shapes, "--shape")
        shapes[name] = parse_shape(value)
    model.choose_inputs(fills, shapes, options.profile)


def require_all_given(model: Model) -> None:
    """Refuse to run without an image or --random while an input has no value.

    Raises:
        InputError: kind "input-missing".
    """
    missing = [
        spec.name for spec in model.inputs if model.fills.get(spec.name) in (None, Fill("image"))
    ]
    if missing:
        raise InputError(
            "input-missing",
            f"Nothing was given for input {missing[0]!r}.",
            f"Give an IMAGE, --random, or --input for: {', '.join(missing)}.",
        )


def _named(text: str, option: str, form: str) -> tuple[str, str]:
    """Split NAME=VALUE at its first "="."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InputError(
            "input-option", f"{option} {text!r} names no input.", f"Write {option} {form}."
        )
    return name, value


def _require_new(name: str, given: dict[str, Fill] | dict[str, Shape], option: str) -> None:
    if name in given:
        raise InputError(
            "input-option", f"{option} is given twice for {name!r}.", "Give it once for each input."
        )
