"""What a benchmark feeds a model: shapes, and arrays that are the same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.benchmark.swept import size_text
from core.benchmark.values import BenchmarkOptions
from core.errors import InputError
from core.example_inputs import filled
from core.input_choices import Fill
from core.input_plan import InputPlan, fill_inputs, plan_inputs
from core.model import Model
from core.sessions.base import Arrays
from core.tensors import Shape, TensorSpec, shape_text


@dataclass(frozen=True, slots=True)
class BenchmarkInputs:
    """The shapes of a benchmark's queries.

    Attributes:
        plan: shapes and profile.
        fills: what the user chose for inputs, by name; the others are random.
        batch: pictures (or rows) in a query, by which queries a second become images a second.
    """

    plan: InputPlan
    fills: dict[str, Fill]
    batch: int


def plan_benchmark(
    model: Model, batch: int | None, size_wh: tuple[int, int] | None = None
) -> BenchmarkInputs:
    """Work out the shapes of a benchmark, by the model's recipe and chosen inputs.

    Args:
        model: with the shapes and the profile that were chosen.
        batch: None for that of a chosen shape, else the recipe's, else the profile's best.
        size_wh: width and height of the picture, pixels; None likewise.

    Raises:
        InputError: kind "no-batch" if nothing in the model says where the batch is, "no-size" if
            it takes no picture; as core.input_plan.plan_inputs, naming the limits, for what does
            not fit.
    """
    wanted: dict[str, Shape] = dict(model.shapes)
    carriers = _batched(model)
    if batch is not None and not carriers:
        raise InputError(
            "no-batch",
            "No input has a batch dimension: no first dimension is free, and none is a picture's.",
            "Leave the batch out.",
        )
    for spec in carriers if batch is not None else ():
        given = wanted.get(spec.name, (None,) * len(spec.shape))
        if given[0] not in (None, batch):
            raise InputError(
                "batch",
                f"A batch of {batch} does not go with {shape_text(given)} for input {spec.name!r}.",
                "Give the batch or the shape.",
            )
        wanted[spec.name] = (batch, *given[1:])
    if size_wh is not None:
        wanted.update(_sized(model, wanted, size_wh))
    # As with a picture, whose size then holds: another profile's would be another benchmark.
    pictures = int(model.awaits_picture)
    pinned = model.session.pinned_profile
    plan = plan_inputs(model.session, model.recipe, model.fills, wanted, pinned, pictures)
    first = plan.shapes[carriers[0].name][0] if carriers else 1
    return BenchmarkInputs(plan, chosen_fills(model), first)


def _sized(model: Model, wanted: dict[str, Shape], size_wh: tuple[int, int]) -> dict[str, Shape]:
    """The shape of the picture's input in that size, else as wanted.

    Raises:
        InputError: kind "no-size" or "size".
    """
    recipe = model.recipe
    if recipe is None:
        raise InputError(
            "no-size",
            "The model takes no picture, so there is no size to vary.",
            "Leave the sizes out, or give the input's layout (--layout).",
        )
    width, height = size_wh
    given = wanted.get(recipe.input, (None,) * len(recipe.layout))
    sides = {"H": height, "W": width}
    shape = tuple(sides.get(letter, dim) for letter, dim in zip(recipe.layout, given, strict=True))
    if any(dim not in (None, own) for dim, own in zip(given, shape, strict=True)):
        raise InputError(
            "size",
            f"A picture of {size_text(size_wh)} does not go with {shape_text(given)} for input "
            f"{recipe.input!r}.",
            "Give the sizes or the shape.",
        )
    return {recipe.input: shape}


def chosen_fills(model: Model) -> dict[str, Fill]:
    """What the user chose for inputs, without pictures that are still to be given."""
    return {name: one for name, one in model.fills.items() if one.kind != "image" or one.path}


def make_arrays(model: Model, inputs: BenchmarkInputs, seed: int) -> Arrays:
    """The arrays of every query, by input.

    What nobody chose is random as trtexec's is (samples/common/sampleInference.cpp): floats lie in
    -1..1, signed integers in -128..127, unsigned in 0..255, bool is 0 or 1. A shape tensor gets
    its profile's optimum.

    Args:
        model: the model.
        inputs: of plan_benchmark.
        seed: of the random values.

    Raises:
        InputError, ImageError: if a chosen file or its picture does not fit.
    """
    chosen = fill_inputs(model.session, inputs.plan, inputs.fills, (), otherwise=Fill("zeros"))
    arrays: Arrays = {}
    for index, spec in enumerate(model.inputs):
        if spec.name in inputs.fills or spec.location == "host":
            arrays[spec.name] = chosen.arrays[spec.name]
            continue
        generator = np.random.default_rng((seed, index))
        arrays[spec.name] = filled(
            spec,
            inputs.plan.shapes[spec.name],
            inputs.plan.profile,
            lambda shape, dtype, spec=spec, generator=generator: _draw(  # type: ignore[misc]
                generator, spec.dtype, shape
            ).astype(dtype),
        )
    return arrays


def with_choices(model: Model, options: BenchmarkOptions) -> None:
    """Choose the options' shapes and profile for the model, over what was chosen before.

    Raises:
        InputError: for what does not fit; the model is then as it was.
    """
    profile = model.session.pinned_profile if options.profile is None else options.profile
    model.choose_inputs(model.fills, {**model.shapes, **options.shapes}, profile)


def _draw(generator: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if dtype == "bool":
        return generator.integers(0, 2, shape, np.uint8)
    if dtype in ("int4", "uint4"):
        low = -8 if dtype == "int4" else 0
        return generator.integers(low, low + 16, shape, np.int16)
    if dtype.startswith("uint"):
        return generator.integers(0, 256, shape, np.uint8)
    if dtype.startswith("int"):
        return generator.integers(-128, 128, shape, np.int16)
    values = generator.random(shape, np.float32)
    values *= 2
    values -= 1
    return values


def _batched(model: Model) -> list[TensorSpec]:
    """The inputs whose first dimension is the batch: the recipe's own, and free ones."""
    found: list[TensorSpec] = []
    for spec in model.inputs:
        is_recipes = model.recipe is not None and model.recipe.input == spec.name
        if is_recipes:
            assert model.recipe is not None
            if model.recipe.layout.startswith("N"):
                found.insert(0, spec)
        elif spec.location == "device" and spec.shape[:1] == (None,):
            found.append(spec)
    if model.recipe is not None:  # the others follow it by themselves
        found = [spec for spec in found if spec.name == model.recipe.input] or found
    return found


def described(model: Model, inputs: BenchmarkInputs) -> list[dict[str, object]]:
    """The inputs as a result keeps them: name, dtype, shape, and what filled it."""
    return [
        {
            "name": spec.name,
            "dtype": spec.dtype,
            "shape": list(inputs.plan.shapes[spec.name]),
            "fill": inputs.fills[spec.name].kind if spec.name in inputs.fills else "random",
        }
        for spec in model.inputs
    ]
